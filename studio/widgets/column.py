"""Widgets above one another that are closed together."""

from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget


class Column(QWidget):
    """The first widget takes all the room that there is; closing the column closes each of them."""

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for i, widget in enumerate(widgets):
            column.addWidget(widget, 0 if i else 1)
            for action in widget.actions():
                self.addAction(action)
        self._widgets = widgets

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close all."""
        for widget in self._widgets:
            widget.close()
        super().closeEvent(event)
