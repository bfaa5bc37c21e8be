"""The library dock: everything of the project as cards, searched and filtered."""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QPoint, QSignalBlocker, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QStackedLayout,
    QTabBar,
    QVBoxLayout,
)

from engine.jobs import ImportJob
from studio.icons import icon
from studio.models.bring import Bring
from studio.models.cards import Cards
from studio.models.library import Filter, Kind, Place
from studio.models.offers import Offer, copy_commands, offers, remove
from studio.models.opened import OpenProject
from studio.models.titles import counted
from studio.panel import Panel, in_menu
from studio.widgets.card_list import CardList
from studio.widgets.card_menu import card_menu
from studio.widgets.narrow_choice import NarrowChoice
from studio.widgets.waits import Waits
from studio.widgets.words import Ground, button, label, tool

KINDS: tuple[tuple[str, Kind, str], ...] = (
    ("Shapes", "shape", "Shapes that are made here appear in this place."),
    ("Meshes", "item", "Drop files, folders or a zip with meshes anywhere on the window to bring them in."),
    ("Models", "model", "Models that are trained in this project appear here."),
    ("Runs", "run", "Everything that the engine did in this project appears here."),
)


TIPS = (
    "Category",
    "Part that it has",
    "Tag",
    "How well a fit meets its mesh",
    "How near the nearest training shape is",
)
QUALITIES = {"good": "Good fits", "poor": "Poor fits"}
NOVELTIES = {"new": "New", "close": "Close", "copy": "Copies"}
PLACES: dict[Place, tuple[str, str]] = {
    "drafts": ("unkept", "Shapes that mixing and healing made along the way, which nobody has kept"),
    "removed": ("removed", "Shapes that were removed; their files stay, and they can be put back"),
}


class LibraryView(Ground):
    """Search, kinds, filters and the cards."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__()
        self._opened, self._library = opened, opened.library
        self.cards = Cards(opened.library, opened.thumbnails)
        self.list = CardList(self.cards, side=118)
        self.list.setAccessibleName("Cards of the library")
        self.list.chosen.connect(self._choose)
        self.list.clicked.connect(lambda _: self._choose(self.list.names))  # also what is chosen, but not looked at
        self.list.opened.connect(opened.current.show)
        self.list.asked.connect(self._menu)
        self.list.unwanted.connect(lambda names: remove(opened, names))
        self.search = QLineEdit(placeholderText="Search", clearButtonEnabled=True)
        self.search.setAccessibleName("Search the library")
        self.search.setToolTip("Words of names, categories, parts and tags (Ctrl+F)")
        self.search.addAction(icon("search", "dim"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.textChanged.connect(lambda text: self._show(text=text))
        self.kinds = QTabBar(expanding=True, drawBase=False, usesScrollButtons=False)
        self.kinds.setObjectName("workspaces")
        self.kinds.setAccessibleName("Kinds of cards")
        for title, _, _ in KINDS:
            self.kinds.addTab(title)
        self.kinds.currentChanged.connect(self._turn_to)
        self.category, self.part, self.tag = NarrowChoice(), NarrowChoice(), NarrowChoice()
        self.quality, self.novelty = NarrowChoice(), NarrowChoice()
        self._boxes = {
            "category": self.category,
            "part": self.part,
            "tag": self.tag,
            "quality": self.quality,
            "novelty": self.novelty,
        }
        self.parent_chip = button("", self._show_all, "flat", "close", "Show all again")
        for (field, box), tip in zip(self._boxes.items(), TIPS, strict=True):
            box.setToolTip(tip)
            box.setAccessibleName(tip)
            box.currentIndexChanged.connect(
                lambda i, box=box, field=field: self._show(**{field: box.itemData(i) or ""})
            )
        self.stars = tool("star", "Only those with a star", lambda: self._show(starred=self.stars.isChecked()), True)
        self.count = label(role="dim")
        self.places = {
            place: button("", partial(self._show_place, place), "flat", tip=tip) for place, (_, tip) in PLACES.items()
        }
        self.clean = button("Remove all", self._clean, "flat", tip="Out of the way; Ctrl+Z brings them back")
        self._empty = label(KINDS[0][2], "dim", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._build()
        self._actions()
        self.cards.counted.connect(self._counted)
        opened.library.changed.connect(self._refill)
        opened.library.changed.connect(self._catch_up)
        opened.model(Bring).began.connect(lambda: self.kinds.setCurrentIndex(1))
        opened.library.tagged.connect(self._refill)
        opened.current.chosen_changed.connect(self._follow)
        self._refill()
        self._show()
        self._counted(self.cards.rowCount())

    def _build(self) -> None:
        filters, more = QHBoxLayout(), QHBoxLayout()
        for row, boxes in ((filters, (self.category, self.part)), (more, (self.tag, self.quality, self.novelty))):
            row.setSpacing(6)
            for box in boxes:
                row.addWidget(box, 1)
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
        column.addLayout(more)
        chips = QHBoxLayout()
        chips.addWidget(self.parent_chip)
        chips.addStretch(1)
        chips.addWidget(self.clean)
        column.addLayout(chips)
        column.addWidget(Waits(self._opened.queue, self._import))
        column.addLayout(self._stack, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.count, 1)
        for widget in self.places.values():
            foot.addWidget(widget)
        column.addLayout(foot)

    def _actions(self) -> None:
        def add(text: str, keys: str, work: object) -> QAction:
            action = QAction(text, self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(work)
            self.addAction(in_menu(action, "Shape"))
            return action

        self._star = add("Star", "Ctrl+B", self._toggle_star)
        chosen = self._opened.current
        self._command = add("Copy as command", "Ctrl+Shift+C", lambda: copy_commands(self._opened, chosen.chosen))
        find = add("Find in library", "Ctrl+F", self.search.setFocus)
        in_menu(find, "Edit")
        self._enable()

    # what is shown ---------------------------------------------------------------------------------------------------
    def _show(self, **changes: object) -> None:
        choice = replace(self.cards.filter, **changes)  # type: ignore[arg-type]
        self.cards.show(choice)
        came = self._library.card(choice.parent)
        words = f"Made from {came.title if came else choice.parent}" if choice.parent else f"Of {choice.run}"
        if choice.place != "kept":
            words = f"{PLACES[choice.place][0].capitalize()} shapes"
        self.parent_chip.setText(words)
        self.parent_chip.setVisible(bool(choice.parent or choice.run or choice.place != "kept"))
        self.clean.setVisible(choice.place == "drafts")

    def _show_all(self) -> None:
        self._show(parent="", run="", place="kept")

    def _show_place(self, place: Place) -> None:
        """What is not in the library, or again what is."""
        self.kinds.setCurrentIndex(0)
        self._show(parent="", run="", place="kept" if self.cards.filter.place == place else place)

    def _clean(self) -> None:
        remove(self._opened, [card.name for card in self._library.drafts])

    def _import(self) -> str:
        """The import that waits first; it was begun by letting go of files somewhere."""
        waiting = self._opened.queue.waiting
        return next((task.run for task in waiting if isinstance(task.job, ImportJob)), "")

    def _turn_to(self, place: int) -> None:
        """Another kind of cards, all of them but for the search and the stars."""
        for box in self._boxes.values():
            with QSignalBlocker(box):
                box.setCurrentIndex(0)
        self._show(kinds=(KINDS[place][1],), parent="", run="", place="kept", **dict.fromkeys(self._boxes, ""))

    def _counted(self, count: int) -> None:
        choice = self.cards.filter
        title, kind, hint = KINDS[self.kinds.currentIndex()]
        elsewhere = {"drafts": len(self._library.drafts), "removed": len(self._library.removed)}
        for place, widget in self.places.items():
            widget.setText(f"{elsewhere[place]:,} {PLACES[place][0]}")
            widget.setVisible(kind == "shape" and bool(elsewhere[place]))
        whole = elsewhere.get(choice.place, self._library.count(kind))
        narrowed = choice != Filter(kinds=choice.kinds)
        self._empty.setText("Nothing here matches the search and the filters." if whole and narrowed else hint)
        self._stack.setCurrentIndex(0 if count else 1)
        words = counted(whole, title[:-1].lower() if kind != "item" else "mesh").replace("meshs", "meshes")
        self.count.setText(f"{count:,} of {words}" if count < whole else words)

    def _refill(self) -> None:
        """Offer the categories, parts, tags and judgements that there are now; what there is none of is not asked."""
        library = self._library
        judged = any(card.quality is not None for card in library.cards)
        novel = {card.novelty for card in library.cards}
        for box, anything, offered in (
            (self.category, "Any category", {name: name.capitalize() for name in library.categories()}),
            (self.part, "Any part", {name: name.capitalize() for name in library.parts()}),
            (self.tag, "Any tag", {name: name for name in library.all_tags()}),
            (self.quality, "Any fit", QUALITIES if judged else {}),
            (self.novelty, "Any novelty", {name: words for name, words in NOVELTIES.items() if name in novel}),
        ):
            box.setVisible(bool(offered) or box in (self.category, self.part))
            if box.count() and [box.itemData(i) for i in range(1, box.count())] == list(offered):
                continue
            chosen = box.currentData()
            with QSignalBlocker(box):
                box.clear()
                box.addItem(anything, "")
                for name, words in offered.items():
                    box.addItem(words, name)
                box.setCurrentIndex(max(0, box.findData(chosen)))
        gone = {field: box.currentData() for field, box in self._boxes.items()}
        if self.cards.filter.place != "kept" and not library.shown(Filter(place=self.cards.filter.place)):
            gone["place"] = "kept"  # the last of them was kept, or put back
        self._show(**gone)  # a tag that was taken off the last card filters no more

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

    def _catch_up(self) -> None:
        """Show as chosen what was chosen before it was known here."""
        names = self._opened.current.chosen
        if names and names[-1] not in self.list.names:
            self._follow()

    def _enable(self) -> None:
        kinds = {card.kind for name in self._opened.current.chosen if (card := self._library.card(name))}
        self._star.setEnabled(bool(kinds))
        self._command.setEnabled(bool(kinds & {"shape", "model", "run"}))

    def _menu(self, names: tuple[str, ...], place: QPoint) -> None:
        self._opened.current.choose(names)
        card = self._library.card(names[-1])
        groups = offers(self._opened, names)
        if card and card.kind in ("shape", "item", "model"):
            groups.append([Offer("Show what was made from it", lambda: self._show_made_from(card.name))])
        if card and card.kind == "shape":
            groups[-1].append(Offer("Show its run only", lambda: self._show(run=card.run)))
        card_menu(self, groups).popup(place)

    def _show_made_from(self, parent: str) -> None:
        self.kinds.setCurrentIndex(0)
        self._show(parent=parent)

    def _toggle_star(self) -> None:
        names = self._opened.current.chosen
        self._library.star(names, on=not all(name in self._library.stars for name in names))


PANEL = Panel("library", "Library", "left", LibraryView)
