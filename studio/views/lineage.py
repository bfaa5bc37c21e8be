"""The family of a shape as a tree on a page of its own: each line can be clicked, and is then looked at."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QImage, QKeyEvent, QPixmap
from PySide6.QtWidgets import QTreeWidget, QTreeWidgetItem, QWidget

from studio.icons import icon
from studio.models.lineage import Lineage, Origin
from studio.models.opened import OpenProject
from studio.widgets.page import Page
from studio.widgets.words import label

SIDE, GAP = 44, 20  # pixels of a picture, and between the columns
NAME = Qt.ItemDataRole.UserRole
READING = "Reading…"


class _Tree(QTreeWidget):
    """Leaves Escape to its page; Qt would search its lines for it."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            event.ignore()
        else:
            super().keyPressEvent(event)


class LineageView(Page):
    """Filled in the background."""

    def __init__(self, opened: OpenProject, name: str, parent: QWidget) -> None:
        self._lineage, self._thumbnails = opened.model(Lineage), opened.thumbnails
        title = f"Lineage of {self._lineage.title(name)}"
        super().__init__(parent, title, 640, 480)
        self.words = label(READING, "dim", wrap=True)
        self.tree = _Tree(columnCount=2)
        self.tree.setHeaderLabels(["Shape", "How it came to be"])
        self.tree.setAccessibleName(title)
        self.tree.setIconSize(QSize(SIDE, SIDE))
        self.tree.header().setStretchLastSection(True)
        self.tree.currentItemChanged.connect(lambda item, _: self._go_to(item))
        self.column.addWidget(self.words)
        self.column.addWidget(self.tree, 1)
        self._waiting: dict[str, list[QTreeWidgetItem]] = {}
        self._thumbnails.ready.connect(self._picture)
        self._name = name
        self._lineage.told.connect(self._fill)
        self._lineage.read(name)

    def _fill(self, name: str, origin: Origin) -> None:
        if name != self._name or self.tree.topLevelItemCount():
            return
        self.words.setText("Each line came from those further in below it. What is chosen is shown in the view.")
        self.tree.addTopLevelItem(self._line(origin))
        self.tree.expandAll()
        self.tree.header().resizeSection(0, self.tree.sizeHintForColumn(0) + GAP)

    def _line(self, origin: Origin) -> QTreeWidgetItem:
        gives = f"\ngives {', '.join(origin.gives)}" if origin.gives else ""
        words = origin.words[:1].upper() + origin.words[1:]
        item = QTreeWidgetItem([self._lineage.title(origin.name) + gives, words])
        item.setData(0, NAME, origin.name)
        for column, words in enumerate((origin.name, origin.words)):
            item.setToolTip(column, words)
        card = self._lineage.card(origin.name)
        if card and card.kind in ("shape", "item"):
            self._waiting.setdefault(origin.name, []).append(item)
            self._show(item, self._thumbnails.image(origin.name))
        else:
            item.setIcon(0, icon("model", "dim"))
        item.addChildren([self._line(parent) for parent in origin.parents])
        return item

    def _picture(self, name: str) -> None:
        for item in self._waiting.get(name, ()):
            self._show(item, self._thumbnails.image(name))

    def _show(self, item: QTreeWidgetItem, image: QImage | None) -> None:
        item.setIcon(0, QIcon(QPixmap.fromImage(image)) if image else icon("shape", "faint"))

    def _go_to(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self._lineage.go_to(item.data(0, NAME))
