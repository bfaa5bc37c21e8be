"""How a card is drawn in a list: its picture, title, a few words in the colour of their mood, and a star."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QIcon, QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from studio.icons import icon
from studio.models.cards import CARD, STARRED
from studio.models.library import Card
from studio.palette import Palette
from studio.theme import palette_of

GAP, RADIUS = 6, 7
KEYS_HERE = 2.5  # pixels of the frame of the card that keys go to
SYMBOLS = {"shape": "shape", "item": "shape", "model": "model", "run": "queue"}


class CardDelegate(QStyledItemDelegate):
    """Cards with a square picture of ``side`` pixels. The same for every view, so that a shape looks the same everywhere."""

    def __init__(self, side: int = 104) -> None:
        super().__init__()
        self.side = side
        self._star: QIcon = icon("star-full", "accent")
        self._symbols = {kind: icon(name, "faint") for kind, name in SYMBOLS.items()}

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return self.cell(option.fontMetrics)

    def cell(self, metrics: QFontMetrics) -> QSize:
        """Room of a card."""
        return QSize(self.width_of(self.side), self.side + 2 * metrics.height() + 3 * GAP)

    @staticmethod
    def width_of(side: int) -> int:
        """Width that a card needs for a picture of ``side`` pixels."""
        return side + 2 * GAP

    @staticmethod
    def side_in(width: int) -> int:
        """Side of the largest picture in a card of that width."""
        return width - 2 * GAP

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours = palette_of(QApplication.palette())  # a styled view keeps its old one for a while
        area: QRect = option.rect.adjusted(2, 2, -2, -2)
        state = option.state
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        self._ground(painter, area, colours, state)
        card: Card = index.data(CARD)
        square = QRect(area.x() + GAP - 2, area.y() + GAP - 2, self.side, self.side)
        square.moveLeft(area.center().x() - self.side // 2)
        self._image(painter, square, index.data(Qt.ItemDataRole.DecorationRole), card, colours)
        if index.data(STARRED):
            self._star.paint(painter, QRect(square.right() - 20, square.top() + 4, 16, 16))
        self._words(painter, square, card, colours, option.fontMetrics)
        painter.restore()

    def _ground(self, painter: QPainter, area: QRect, colours: Palette, state: QStyle.StateFlag) -> None:
        flags = QStyle.StateFlag
        chosen, over, keys = (
            state & flag for flag in (flags.State_Selected, flags.State_MouseOver, flags.State_HasFocus)
        )
        if chosen or over or keys:
            painter.setBrush(
                QColor(colours.chosen) if chosen else QColor(colours.hover) if over else Qt.BrushStyle.NoBrush
            )
            width = KEYS_HERE if keys else 1.0
            painter.setPen(QPen(QColor(colours.accent), width) if chosen or keys else Qt.PenStyle.NoPen)
            painter.drawRoundedRect(QRectF(area), RADIUS, RADIUS)

    def _image(self, painter: QPainter, square: QRect, image: QImage | None, card: Card, colours: Palette) -> None:
        frame = QPainterPath()
        frame.addRoundedRect(QRectF(square), RADIUS - 2, RADIUS - 2)
        painter.fillPath(frame, QColor("#ffffff" if image else colours.field))
        if image:
            painter.setClipPath(frame)
            size = image.size().scaled(square.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(square.topLeft(), size)
            place.moveCenter(square.center())
            painter.drawImage(place, image)
            painter.setClipping(False)
        else:
            third = self.side // 3
            place = QRect(0, 0, third, third)
            place.moveCenter(square.center())
            self._symbols[card.kind].paint(painter, place)

    def _words(self, painter: QPainter, square: QRect, card: Card, colours: Palette, metrics: QFontMetrics) -> None:
        line = metrics.height()
        for i, (text, colour) in enumerate(((card.title, colours.text), (card.note, _mood(card, colours)))):
            place = QRect(square.left(), square.bottom() + GAP + i * line, square.width(), line)
            painter.setPen(QColor(colour))
            words = metrics.elidedText(text, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)


def _mood(card: Card, colours: Palette) -> str:
    return {"good": colours.good, "warn": colours.warn, "bad": colours.bad}.get(card.mood, colours.dim)
