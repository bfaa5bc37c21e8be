"""What covers the window while files are dragged over it: it says what will be done with them, and takes them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QFont,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QWidget

from studio.theme import palette_of

INSET, RADIUS = 14.0, 12.0  # of the frame
VEIL = 0.88  # how much of the window shows no more
LARGER = 1.5  # the first line, times the font
CARD = 520.0  # pixels that the words may take

Find = Callable[[QMimeData], Sequence[Path]]
Say = Callable[[Sequence[Path]], tuple[str, str]]


class DropCover(QWidget):
    """Hidden until ``offer`` is given a drag. ``dropped(paths)`` when they are let go of.

    find : the files that are dragged, none where it is something else; say : two lines on what will be done with them
    """

    dropped = Signal(list)

    def __init__(self, window: QWidget, find: Find, say: Say) -> None:
        super().__init__(window)
        self._find, self._say = find, say
        self.words, self.more = "", ""
        self.setAcceptDrops(True)
        self.hide()

    def offer(self, event: QDragEnterEvent) -> None:
        """A drag has come over the window: cover it, if there are files in it."""
        paths = self._find(event.mimeData())
        if not paths:
            return
        self.words, self.more = self._say(paths)
        self.setAccessibleName(self.words)
        self.setGeometry(self.window().rect())
        self.raise_()
        self.show()
        event.acceptProposedAction()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """From the window onto what now covers it."""
        event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Out of the window, or given up."""
        self.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Let go of."""
        self.hide()
        event.acceptProposedAction()
        self.dropped.emit(list(self._find(event.mimeData())))

    def paintEvent(self, event: QPaintEvent) -> None:
        """A veil, a frame, and the words."""
        colours = palette_of(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = QColor(colours.window)
        veil.setAlphaF(VEIL)
        painter.fillRect(self.rect(), veil)
        frame = QRectF(self.rect()).adjusted(INSET, INSET, -INSET, -INSET)
        painter.setPen(QPen(QColor(colours.accent), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(frame, RADIUS, RADIUS)
        large = QFont(self.font())
        large.setPointSizeF(self.font().pointSizeF() * LARGER)
        large.setWeight(QFont.Weight.DemiBold)
        line = self.fontMetrics().height()
        card = QRectF(0, 0, min(CARD, frame.width() - 4 * INSET), 7 * line)
        card.moveCenter(frame.center())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.raised))
        painter.drawRoundedRect(card, RADIUS, RADIUS)
        for font, colour, text, y in (
            (large, colours.text, self.words, 1.6 * line),
            (self.font(), colours.dim, self.more, 3.6 * line),
        ):
            painter.setFont(font)
            painter.setPen(QColor(colour))
            fits = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, int(card.width() - 2 * INSET))
            place = QRectF(card.left(), card.top() + y, card.width(), 2 * line)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, fits)
        painter.end()
