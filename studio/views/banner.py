"""One sentence on what went wrong, above everything and in nobody's way; the details are one click further."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from studio.models.troubles import Trouble, Troubles
from studio.widgets.words import button, label, tool

MOST_LINES, FRAME = 10, 26  # of details without scrolling; pixels around them, and of a bar below long lines
NOTE_MS = 4_000  # a note goes by itself; an error stays until it is closed


class Banner(QFrame):
    """The last message. Hidden while there is none."""

    def __init__(self, troubles: Troubles, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "banner")
        self.words = label(wrap=True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.details = button("Details", self._unfold, "flat", tip="What exactly went wrong, for those who help")
        self.details.setCheckable(True)
        self.copy = button("Copy", self._copy, "flat", tip="Copy the message and its details")
        self.away = tool("close", "Close this message", self.hide)
        self.text = QPlainTextEdit(readOnly=True)
        row = QHBoxLayout()
        row.addWidget(self.words, 1)
        for widget in (self.details, self.copy, self.away):
            row.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 8, 6)
        column.addLayout(row)
        column.addWidget(self.text)
        self._timer = QTimer(self, singleShot=True, interval=NOTE_MS)
        self._timer.timeout.connect(self.hide)
        troubles.told.connect(self.show_trouble)
        self.hide()

    def show_trouble(self, trouble: Trouble) -> None:
        """Show a message in place of the one before; a note does not push an error away."""
        if trouble.note and self.isVisible() and self.property("mood") == "bad":
            return
        self.setProperty("mood", "note" if trouble.note else "bad")
        self.style().polish(self)
        self.words.setText(trouble.text)
        self.text.setPlainText(trouble.details)
        lines = min(trouble.details.count("\n") + 1, MOST_LINES)
        self.text.setFixedHeight(lines * self.text.fontMetrics().lineSpacing() + FRAME)
        self.details.setVisible(bool(trouble.details))
        self.copy.setVisible(not trouble.note)
        self.details.setChecked(False)
        self.text.hide()
        self._timer.stop()
        if trouble.note:
            self._timer.start()
        self.show()

    def _unfold(self) -> None:
        self.text.setVisible(self.details.isChecked())

    def _copy(self) -> None:
        QApplication.clipboard().setText(f"{self.words.text()}\n\n{self.text.toPlainText()}".strip())
