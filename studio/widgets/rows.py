"""Fields below one another, with their names on the left of them."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QWidget

LEAST = 20  # pixels of a name: Qt makes it at most 7/4 as high before it centres it beside its field


class Name(QLabel):
    """At least ``width`` pixels wide, and never narrower than its words."""

    def __init__(self, words: str, width: int) -> None:
        super().__init__(words)
        self._width = width

    def sizeHint(self) -> QSize:
        """With room for others that stand in line."""
        return super().sizeHint().expandedTo(QSize(self._width, LEAST))

    def minimumSizeHint(self) -> QSize:
        """The same: words are not cut off."""
        return self.sizeHint()


class Rows(QFormLayout):
    """Names and fields stand on one line each; fields take all the width that there is."""

    def __init__(self, names: int = 0) -> None:
        """names : least width of the names in pixels, so that several groups of rows stand in line."""
        super().__init__()
        self._names = names
        self.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setHorizontalSpacing(12)
        self.setVerticalSpacing(8)

    def row(self, words: str, field: QWidget) -> None:
        """One more field under its name."""
        name = Name(words, self._names)
        name.setBuddy(field)
        self.addRow(name, field)
