"""A person's hand as Qt sees it: events of mouse, wheel and keys, sent to widgets."""

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

Button = Qt.MouseButton
NONE = Qt.KeyboardModifier.NoModifier


def type_text(widget: QWidget, text: str) -> None:
    """Type letters, one after the other."""
    for letter in text:
        type_key(widget, letter)


def type_key(widget: QWidget, text: str, key: int = 0) -> None:
    """Press and release a key; ``text`` is what it types."""
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QApplication.sendEvent(widget, QKeyEvent(kind, key or ord(text.upper()), NONE, text))


def press(widget: QWidget, at: QPointF, button: Button = Button.LeftButton) -> None:
    """A button goes down."""
    _mouse(widget, QEvent.Type.MouseButtonPress, at, button, button)


def move(widget: QWidget, at: QPointF, button: Button = Button.NoButton) -> None:
    """The mouse moves, with ``button`` held down."""
    _mouse(widget, QEvent.Type.MouseMove, at, Button.NoButton, button)


def release(widget: QWidget, at: QPointF, button: Button = Button.LeftButton) -> None:
    """A button goes up."""
    _mouse(widget, QEvent.Type.MouseButtonRelease, at, button, Button.NoButton)


def click(widget: QWidget, at: QPointF) -> None:
    """Press and release."""
    press(widget, at)
    release(widget, at)


def wheel(widget: QWidget, notches: float) -> None:
    """Turn the wheel over the middle of a widget."""
    at = QPointF(widget.rect().center())
    turned = QPoint(0, round(120 * notches))
    event = QWheelEvent(
        at, widget.mapToGlobal(at), QPoint(), turned, Button.NoButton, NONE, Qt.ScrollPhase.NoScrollPhase, False
    )
    QApplication.sendEvent(widget, event)


def _mouse(widget: QWidget, kind: QEvent.Type, at: QPointF, button: Button, held: Button) -> None:
    QApplication.sendEvent(widget, QMouseEvent(kind, at, widget.mapToGlobal(at), button, held, NONE))
