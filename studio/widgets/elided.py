"""Words on one line that end in an ellipsis where there is no room for all of them."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

LEAST = 24  # pixels


class Elided(QLabel):
    """A label that takes whatever room it is given; its tip has all words. ``role`` as in `words.label`."""

    def __init__(self, role: str = "dim") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def setText(self, words: str) -> None:
        """Show these words; a tip that says more can be set afterwards."""
        super().setText(words)
        self.setToolTip(words)

    def minimumSizeHint(self) -> QSize:
        """It needs no room."""
        return QSize(LEAST, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The words that fit."""
        painter = QPainter(self)
        room, side, role = self.contentsRect(), self.alignment().value, self.foregroundRole()
        words = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        self.style().drawItemText(painter, room, side, self.palette(), self.isEnabled(), words, role)
        painter.end()
