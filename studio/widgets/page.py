"""A window of its own beside the main one."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.widgets.words import Ground

MARGINS = 16, 14, 16, 14


class Page(Ground):
    """Escape closes it; it goes when it is closed. ``column`` is for what stands on it."""

    def __init__(self, parent: QWidget, title: str, width: int, height: int) -> None:
        super().__init__()
        self.setParent(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.resize(width, height)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(*MARGINS)
        self.column.setSpacing(10)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape, where nothing on the page wants it for itself."""
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)
