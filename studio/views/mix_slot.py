"""One slot of the part-swap panel: colour, donor, name, fader, lock, reroll, and what else can be done with a part."""

from PySide6.QtCore import QEvent, QObject, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSlider, QToolButton, QVBoxLayout, QWidget

from studio.icons import icon
from studio.models.cards import MIME
from studio.models.incoming import is_foreign
from studio.models.mix import Mix
from studio.models.mix_state import Slot
from studio.theme import palette_of
from studio.widgets.elided import Elided
from studio.widgets.tall_area import TallArea
from studio.widgets.words import label, tool

PICTURE, BAR, FINE = 44, 4, 1000  # pixels of the donor's picture and of the colour's bar; steps of a fader
GAMMA = 1 / 2.2  # from the linear colours of the scene to those of a screen, near enough for a bar
LEAST, MOST = 120, 360  # pixels of the slots' height; where they need more, they scroll


class SlotRow(QWidget):
    """A slot that can be clicked, dropped on, and reached by keys. ``near(step)`` : the focus should go up or down."""

    near = Signal(int)

    def __init__(self, mix: Mix, name: str) -> None:
        super().__init__()
        self._mix, self.name = mix, name
        self._image: QImage | None = None
        self._over = False
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._title, self._words = label(name, "heading"), Elided()
        self.fader = Fader()
        self.fader.setAccessibleName(f"Between the donors of {name}")
        self.fader.sliderPressed.connect(mix.begin_gesture)
        self.fader.entered.connect(mix.begin_gesture)
        self.fader.valueChanged.connect(self._slid)
        self.fader.sliderReleased.connect(lambda: mix.fade(name, self.fader.value() / FINE))
        self.lock = tool("unlock", "", self._lock, checkable=True)
        self.reroll = tool("dice", f"Draw {name} anew (R)", lambda: mix.reroll(name))
        self.more = tool("more", f"What else can be done with {name}")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._actions = {
            "mirror": self._menu.addAction("Mirror", lambda: mix.mirror(name)),
            "duplicate": self._menu.addAction("Duplicate", lambda: mix.duplicate(name)),
            "reset": self._menu.addAction("As the base has it", lambda: mix.reset(name)),
            "remove": self._menu.addAction("Remove", lambda: mix.remove(name)),
        }
        self.more.setMenu(self._menu)
        column = QVBoxLayout()
        column.setSpacing(1)
        column.addStretch(1)
        for widget in (self._title, self._words, self.fader):
            column.addWidget(widget)
        column.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(BAR + PICTURE + 18, 6, 4, 6)
        row.setSpacing(0)
        row.addLayout(column, 1)
        for button in (self.lock, self.reroll, self.more):
            row.addWidget(button)
        self.setMinimumHeight(PICTURE + 12)

    def show_slot(self, slot: Slot, image: QImage | None) -> None:
        """Show the state of the slot, with the picture of its donor."""
        mix, there = self._mix, slot.origin not in ("absent", "removed")
        self._image = image
        self._words.setText(words_of(mix, slot))
        self.fader.setVisible(len(slot.donors) > 1)
        if not self.fader.isSliderDown():
            with QSignalBlocker(self.fader):
                self.fader.setValue(round(slot.alpha * FINE))
        self.fader.setToolTip(" \N{RIGHTWARDS ARROW} ".join(mix.title(shape) for shape in slot.donors))
        keeps = "Healing keeps this part as it is" if slot.held else "Healing may change this part"
        self.lock.setIcon(icon("lock" if slot.held else "unlock", "text" if slot.held else "dim"))
        self.lock.setChecked(slot.held)
        self.lock.setToolTip(keeps)
        self.lock.setAccessibleName(f"Hold {slot.name}")
        copy = slot.origin == "copy"
        self.lock.setVisible(there and not copy)
        self.reroll.setVisible(there and not copy)
        self.reroll.setEnabled(mix.can_work)
        self._actions["mirror"].setEnabled(there)
        self._actions["duplicate"].setEnabled(there)
        self._actions["remove"].setEnabled(there)
        self._actions["reset"].setEnabled(slot.moved or slot.origin in ("taken", "blended", "removed"))
        self._actions["reset"].setText("Back to where it stood" if copy else "As the base has it")
        self.setAccessibleName(f"{slot.name}: {self._words.text()}")
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as the panel lets it."""
        return QSize(300, super().sizeHint().height())

    # events ----------------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click chooses the part."""
        self._mix.select(self.name)
        super().mousePressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """So does coming here by keys."""
        super().focusInEvent(event)
        self._mix.select(self.name)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down along the slots; Delete removes."""
        match event.key():
            case Qt.Key.Key_Up | Qt.Key.Key_Down:
                self.near.emit(1 if event.key() == Qt.Key.Key_Down else -1)
            case Qt.Key.Key_Delete:
                self._mix.remove(self.name)
            case _:
                super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Cards of shapes can be dropped here."""
        if event.mimeData().hasFormat(MIME) and not is_foreign(event.mimeData(), self._mix.folder):
            self._over = True
            self.update()
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Gone again."""
        self._over = False
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take the part of the card; several cards, or Ctrl: blend with them."""
        self._over = False
        names = bytes(event.mimeData().data(MIME).data()).decode().split("\n")
        first, *others = names
        slot = self._mix.slot(self.name)
        part = slot.part if slot else self.name
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._mix.add_donor(part, first)
        else:
            self._mix.take(part, first)
        for name in others:
            self._mix.add_donor(part, name)
        event.acceptProposedAction()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground, colour bar and picture."""
        colours = palette_of(self.palette())
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        chosen = self._mix.selected == self.name
        if chosen or self._over or self.underMouse():
            painter.setPen(QColor(colours.accent) if self._over or self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.chosen if chosen or self._over else colours.hover))
            painter.drawRoundedRect(area, 6, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        colour = self._mix.colour(self.name)
        painter.setBrush(QColor.fromRgbF(*(channel**GAMMA for channel in colour)) if colour else QColor(colours.line))
        painter.drawRoundedRect(QRectF(6, 8, BAR, self.height() - 16), 2, 2)
        square = QRectF(BAR + 12, (self.height() - PICTURE) / 2, PICTURE, PICTURE)
        frame = QPainterPath()
        frame.addRoundedRect(square, 5, 5)
        painter.fillPath(frame, QColor("#ffffff" if self._image else colours.field))
        if self._image:
            painter.setClipPath(frame)
            painter.drawImage(square, self._image)
        painter.end()

    # inside ----------------------------------------------------------------------------------------------------------
    def _slid(self, value: int) -> None:
        if self.fader.isSliderDown():
            self._mix.try_fade(self.name, value / FINE)
        else:
            self._mix.fade(self.name, value / FINE)

    def _lock(self) -> None:
        self._mix.lock(self.name, self.lock.isChecked())


class Fader(QSlider):
    """A slider; ``entered`` when it gets the focus."""

    entered = Signal()

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, FINE)
        self.setSingleStep(FINE // 50)
        self.setPageStep(FINE // 10)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """A new motion of the hand begins."""
        super().focusInEvent(event)
        self.entered.emit()


def words_of(mix: Mix, slot: Slot) -> str:
    """Where the part of a slot is from."""
    match slot.origin:
        case "absent":
            return "none; take one from the shelf"
        case "removed":
            return "removed"
        case "copy":
            found = f"copy of {slot.part}"
        case "blended":
            found = f"{slot.alpha:.0%} {mix.title(slot.donors[-1])}"
            if len(slot.donors) > 2:
                found = f"between {len(slot.donors)} shapes"
        case _:
            found = mix.title(slot.donors[-1])
    return f"{found}, moved" if slot.moved else found


class SlotArea(TallArea):
    """As tall as the slots need, and no taller; what is left belongs to the shelf."""

    def __init__(self, inside: QWidget) -> None:
        super().__init__(inside)
        self.setMinimumHeight(LEAST)

    def sizeHint(self) -> QSize:
        """What the slots need; Qt would remember what they needed once."""
        return QSize(super().sizeHint().width(), min(self._inside.sizeHint().height(), MOST))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The slots are others, or are seen for the first time."""
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Show, QEvent.Type.Resize):
            self.setMaximumHeight(max(LEAST, self._inside.sizeHint().height()))
        return super().eventFilter(watched, event)
