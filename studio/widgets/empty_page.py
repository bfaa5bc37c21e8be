"""What a panel says while there is nothing in it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from studio.widgets.words import label

MARGIN, SPACING = 24, 12


class EmptyPage(QWidget):
    """A heading, a sentence, and the button that begins."""

    def __init__(self, heading: str, words: str, begin: QPushButton) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, SPACING, MARGIN, SPACING)
        column.setSpacing(SPACING)
        column.addStretch(1)
        self.words = label(words, "dim", wrap=True)
        for one in (label(heading, "heading"), self.words):
            one.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(one)
        column.addWidget(begin, 0, Qt.AlignmentFlag.AlignCenter)
        column.addStretch(2)
