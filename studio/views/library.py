"""The library dock: everything of the project as cards, searched and filtered."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPoint, QSignalBlocker, Qt
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QStackedLayout,
    QTabBar,
    QVBoxLayout,
)

from studio.icons import icon
from studio.models.cards import Cards
from studio.models.library import Filter, Kind
from studio.models.opened import OpenProject
from studio.models.titles import counted
from studio.panel import Panel, in_menu
from studio.widgets.card_list import CardList
from studio.widgets.words import Ground, label, tool

KINDS: tuple[tuple[str, Kind, str], ...] = (
    ("Shapes", "shape", "Shapes that are made here appear in this place."),
    ("Meshes", "item", "Drop files or folders with meshes here to bring them in."),
    ("Models", "model", "Models that are trained in this project appear here."),
    ("Runs", "run", "Everything that the engine did in this project appears here."),
)


class LibraryView(Ground):
    """Search, kinds, filters and the cards."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__()
        self._opened, self._library = opened, opened.library
        self.cards = Cards(opened.library, opened.thumbnails)
        self.list = CardList(self.cards, side=118)
        self.list.chosen.connect(self._choose)
        self.list.opened.connect(opened.current.show)
        self.list.asked.connect(self._menu)
        self.search = QLineEdit(placeholderText="Search", clearButtonEnabled=True)
        self.search.addAction(icon("search", "dim"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.textChanged.connect(lambda text: self._show(text=text))
        self.kinds = QTabBar(expanding=True, drawBase=False)
        self.kinds.setObjectName("workspaces")
        for title, _, _ in KINDS:
            self.kinds.addTab(title)
        self.kinds.currentChanged.connect(lambda i: self._show(kinds=(KINDS[i][1],), part="", category=""))
        self.category, self.part = QComboBox(), QComboBox()
        for box, field, tip in ((self.category, "category", "Category"), (self.part, "part", "Part that it has")):
            box.setToolTip(tip)
            box.setAccessibleName(tip)
            box.setMinimumContentsLength(6)
            box.currentIndexChanged.connect(
                lambda i, box=box, field=field: self._show(**{field: box.itemData(i) or ""})
            )
        self.stars = tool("star", "Only those with a star", lambda: self._show(starred=self.stars.isChecked()), True)
        self.count = label(role="dim")
        self._empty = label(KINDS[0][2], "dim", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._build()
        self._actions()
        self.setAcceptDrops(True)
        self.cards.counted.connect(self._counted)
        opened.library.changed.connect(self._refill)
        opened.current.chosen_changed.connect(self._follow)
        self._refill()
        self._counted(self.cards.rowCount())

    def _build(self) -> None:
        filters = QHBoxLayout()
        filters.setSpacing(6)
        filters.addWidget(self.category, 1)
        filters.addWidget(self.part, 1)
        filters.addWidget(self.stars)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self._empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 6)
        column.setSpacing(6)
        column.addWidget(self.search)
        column.addWidget(self.kinds)
        column.addLayout(filters)
        column.addLayout(self._stack, 1)
        column.addWidget(self.count)

    def _actions(self) -> None:
        def add(text: str, keys: str, work: object) -> QAction:
            action = QAction(text, self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(work)
            self.addAction(in_menu(action, "Shape"))
            return action

        self._star = add("Star", "Ctrl+B", self._toggle_star)
        self._export = add("Export as GLB…", "Ctrl+E", self._ask_where)
        self._command = add("Copy as command", "Ctrl+Shift+C", self._copy_command)
        find = add("Find in library", "Ctrl+F", self.search.setFocus)
        in_menu(find, "Edit")
        self._enable()

    # what is shown ---------------------------------------------------------------------------------------------------
    def _show(self, **changes: object) -> None:
        self.cards.show(replace(self.cards.filter, **changes))  # type: ignore[arg-type]

    def _counted(self, count: int) -> None:
        choice = self.cards.filter
        title, kind, hint = KINDS[self.kinds.currentIndex()]
        whole = self._library.count(kind)
        narrowed = choice != Filter(kinds=choice.kinds)
        self._empty.setText("Nothing here matches the search and the filters." if whole and narrowed else hint)
        self._stack.setCurrentIndex(0 if count else 1)
        words = counted(whole, title[:-1].lower() if kind != "item" else "mesh").replace("meshs", "meshes")
        self.count.setText(f"{count:,} of {words}" if count < whole else words)

    def _refill(self) -> None:
        """Offer the categories and parts that there are now."""
        for box, anything, names in (
            (self.category, "Any category", self._library.categories()),
            (self.part, "Any part", self._library.parts()),
        ):
            if box.count() and [box.itemData(i) for i in range(1, box.count())] == names:
                continue
            chosen = box.currentData()
            with QSignalBlocker(box):
                box.clear()
                box.addItem(anything, "")
                for name in names:
                    box.addItem(name.capitalize(), name)
                box.setCurrentIndex(max(0, box.findData(chosen)))

    # what is chosen --------------------------------------------------------------------------------------------------
    def _choose(self, names: tuple[str, ...]) -> None:
        self._opened.current.choose(names)
        card = self._library.card(names[-1]) if names else None
        if card and card.kind in ("shape", "item"):
            self._opened.current.show(card.name)

    def _follow(self) -> None:
        """Another panel chose: show it here too."""
        names = self._opened.current.chosen
        if names and names != self.list.names:
            with QSignalBlocker(self.list):
                self.list.choose(names[-1])
        self._enable()

    def _enable(self) -> None:
        kinds = {card.kind for name in self._opened.current.chosen if (card := self._library.card(name))}
        self._star.setEnabled(bool(kinds))
        self._export.setEnabled("shape" in kinds)
        self._command.setEnabled(bool(kinds & {"shape", "model", "run"}))

    def _menu(self, names: tuple[str, ...], place: QPoint) -> None:
        self._opened.current.choose(names)
        menu = QMenu(self)
        starred = all(name in self._library.stars for name in names)
        self._star.setText("Take the star off" if starred else "Star")
        menu.addActions([self._star, self._export, self._command])
        card = self._library.card(names[-1])
        if card and card.kind == "shape":
            menu.addSeparator()
            menu.addAction("Show its run only", lambda: self._show(run=card.run))
        if self.cards.filter.run:
            menu.addAction("Show all runs", lambda: self._show(run=""))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def _toggle_star(self) -> None:
        names = self._opened.current.chosen
        self._library.star(names, on=not all(name in self._library.stars for name in names))

    def _ask_where(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Export as GLB into a folder")
        if folder:
            self.export_to(Path(folder))

    def export_to(self, folder: Path) -> None:
        """Export the chosen shapes into a folder."""
        cards = [self._library.card(name) for name in self._opened.current.chosen]
        self._opened.export(tuple(card.name for card in cards if card and card.kind == "shape"), folder)

    def _copy_command(self) -> None:
        cards = [self._library.card(name) for name in self._opened.current.chosen]
        runs = dict.fromkeys(card.run for card in cards if card and card.run)
        commands = [self._opened.queue.command(run) for run in runs]
        QApplication.clipboard().setText("\n".join(commands))
        self._opened.troubles.tell(f"{counted(len(commands), 'command')} copied to the clipboard", note=True)

    # what is dropped -------------------------------------------------------------------------------------------------
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files and folders can be dropped."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Bring them in."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        self.kinds.setCurrentIndex(1)
        self._opened.bring_in(paths)
        event.acceptProposedAction()


PANEL = Panel("library", "Library", "left", LibraryView)
