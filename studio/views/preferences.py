"""The page of preferences: how the window looks, where projects go, how many cores engines take, and the keys."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QKeySequenceEdit,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from studio.keys import PLAIN, Keys
from studio.models.machine import cores
from studio.models.preferences import PICTURES, TEXTS, Preferences, place_for_projects
from studio.widgets.page import Page
from studio.widgets.rows import Rows
from studio.widgets.tall_area import TallArea
from studio.widgets.words import Ground, button, label, line, tool

WIDTH, HEIGHT, NAMES, KEYS = 620, 680, 150, 150
THEMES = {"As the system": "system", "Dark": "dark", "Light": "light"}
FIXED = (  # keys of the view and the timeline, which belong to what has the focus
    ("Front, right, top (with Ctrl the other side)", "1, 3, 7 of the number pad"),
    ("Turn the view", "arrow keys, or 4, 6, 8, 2"),
    ("Nearer, farther", "+, -"),
    ("Bring the shape, or the selected part, into sight", "Home, F"),
    ("Hide the selected part, show all again", "H, Alt+H"),
    ("Show the selected part alone", "/"),
    ("Select a part", "1 to 9"),
    ("Move, turn, scale the selected part (Mix)", "G, R, S, then X, Y, Z"),
    ("The frame before, the next one (timeline)", "Left, Right"),
    ("The first frame, the last one (timeline)", "Home, End"),
)


class PreferencesPage(Page):
    """Everything holds at once and is kept; Escape closes the page. ``reset_layout`` : puts every panel where it was."""

    def __init__(
        self, parent: QWidget, preferences: Preferences, keys: Keys, reset_layout: Callable[[], object]
    ) -> None:
        super().__init__(parent, "Preferences", WIDTH, HEIGHT)
        self._preferences, self._keys = preferences, keys
        self.theme, self.text, self.pictures, self.cores = (QComboBox() for _ in range(4))
        self.folder = QLineEdit()
        self.tour = QCheckBox("Offer the tour on the first page")
        self.layout_back = button(
            "Reset the layout", reset_layout, tip="Every panel where it was at first, in all workspaces"
        )
        self.keys_back = button(
            "Usual keys", self._usual_keys, tip="All actions have the keys again that they came with"
        )
        self.said = label(role="warn", wrap=True)
        self.editors: dict[str, QKeySequenceEdit] = {}
        ground = Ground()
        self._column = QVBoxLayout(ground)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(10)
        self._choices()
        self._section("Window", self._window())
        self._section("Projects and computing", self._work())
        self._section("Keys", None)
        self._column.addWidget(label("Click a field and press the keys; Backspace takes them away.", "dim", wrap=True))
        self._column.addWidget(self.said)
        self._column.addLayout(self._shortcuts())
        self._column.addWidget(self.keys_back, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addWidget(label("In the view and the timeline", "heading"))
        self._column.addLayout(_listed(FIXED))
        self._column.addStretch(1)
        self.column.addWidget(TallArea(ground), 1)
        self.said.hide()
        self._draw()
        preferences.changed.connect(self._draw)

    # building --------------------------------------------------------------------------------------------------------
    def _section(self, title: str, rows: Rows | None) -> None:
        self._column.addWidget(label(title, "heading"))
        if rows is not None:
            self._column.addLayout(rows)
            self._column.addWidget(line())

    def _choices(self) -> None:
        many = cores()
        for box, name, tip, offered in (
            (self.theme, "Theme", "Dark or light", THEMES),
            (self.text, "Size of words", "Of all words in the window", {f"{size} %": size for size in TEXTS}),
            (self.pictures, "Size of pictures", "Of cards in the library, the gallery and the shelves", PICTURES),
            (
                self.cores,
                "Cores for computing",
                "How many cores engines take while they train and compute; fewer leave more to other programs",
                {f"All but one ({max(many - 1, 1)})": 0, **{f"{i} of {many}": i for i in range(1, many + 1)}},
            ),
        ):
            box.setAccessibleName(name)
            box.setToolTip(tip)
            for words, value in offered.items():
                box.addItem(words, value)
        for box, field in (
            (self.theme, "theme"),
            (self.text, "text"),
            (self.pictures, "pictures"),
            (self.cores, "cores"),
        ):
            box.activated.connect(partial(self._take, box, field))
        self.tour.toggled.connect(lambda on: self._preferences.save(toured=not on))
        self.tour.setToolTip("A two-minute walk through the real controls; the menu Help has it, too")
        self.folder.setAccessibleName("Folder of new projects")
        self.folder.setToolTip("Where new projects are made when nobody says otherwise; empty for the usual place")
        self.folder.setPlaceholderText(str(place_for_projects()))
        self.folder.editingFinished.connect(self._place)

    def _window(self) -> Rows:
        rows = Rows(NAMES)
        rows.row("Theme", self.theme)
        rows.row("Size of words", self.text)
        rows.row("Size of pictures", self.pictures)
        rows.addRow("", self.tour)
        back = QHBoxLayout()
        back.addWidget(self.layout_back)
        back.addStretch(1)
        rows.addRow("", back)
        return rows

    def _work(self) -> Rows:
        place = QWidget()
        row = QHBoxLayout(place)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.folder, 1)
        row.addWidget(tool("folder", "Choose a folder for new projects", self._browse))
        rows = Rows(NAMES)
        rows.row("New projects", place)
        rows.row("Cores", self.cores)
        rows.addRow(
            "", label("Engines take another number of cores when a project is opened the next time.", "dim", True)
        )
        return rows

    def _shortcuts(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for i, one in enumerate(self._keys.all()):
            editor = QKeySequenceEdit()
            editor.setMaximumSequenceLength(1)
            editor.setMinimumWidth(KEYS)
            editor.setAccessibleName(f"Keys of {one.words}")
            editor.setToolTip(f"Keys of “{one.words}”; it came with {one.usual or 'none'}")
            editor.editingFinished.connect(partial(self._rebind, one.name))
            self.editors[one.name] = editor
            grid.addWidget(label(one.menu, "dim"), i, 0)
            grid.addWidget(label(one.words), i, 1)
            grid.addWidget(editor, i, 2)
        return grid

    # what a person does ----------------------------------------------------------------------------------------------
    def _take(self, box: QComboBox, field: str, place: int) -> None:
        self._preferences.save(**{field: box.itemData(place)})

    def _place(self) -> None:
        text = self.folder.text().strip()
        place = str(Path.home() / os.path.expanduser(text)) if text else ""
        self.folder.setModified(False)
        if place != self._preferences.kept.projects:
            self._preferences.save(projects=place)
        self.folder.setText(place)

    def _browse(self) -> None:
        start = str(self._preferences.place)
        if text := QFileDialog.getExistingDirectory(self, "Folder of new projects", start):
            self._preferences.save(projects=text)

    def _rebind(self, name: str) -> None:
        """Other keys, unless something else has them."""
        keys = self.editors[name].keySequence().toString(PLAIN)
        if keys == next((one.keys for one in self._keys.all() if one.name == name), keys):  # or its panel is gone
            return
        if other := self._keys.taken(name, keys):
            self._say(f"{keys} belongs to “{other}”. Give that other keys first.")
        else:
            self._keys.put(name, keys)
            self._say("")
        self._draw()

    def _usual_keys(self) -> None:
        self._keys.reset()
        self._say("")
        self._draw()

    # showing ---------------------------------------------------------------------------------------------------------
    def _say(self, words: str) -> None:
        self.said.setText(words)
        self.said.setVisible(bool(words))

    def _draw(self) -> None:
        kept = self._preferences.kept
        for box, value in (
            (self.theme, kept.theme),
            (self.text, kept.text),
            (self.pictures, kept.pictures),
            (self.cores, min(kept.cores, cores())),
        ):
            box.setCurrentIndex(max(box.findData(value), 0))
        with QSignalBlocker(self.tour):
            self.tour.setChecked(not kept.toured)
        if not self.folder.hasFocus() or not self.folder.isModified():
            self.folder.setText(kept.projects)
        for one in self._keys.all():
            if one.name in self.editors:
                with QSignalBlocker(self.editors[one.name]):
                    self.editors[one.name].setKeySequence(QKeySequence.fromString(one.keys, PLAIN))
        self.keys_back.setEnabled(bool(kept.keys))


def _listed(lines: tuple[tuple[str, str], ...]) -> QGridLayout:
    """Words with the keys that cannot be others."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(4)
    grid.setColumnStretch(0, 1)
    for i, (words, keys) in enumerate(lines):
        grid.addWidget(label(words, wrap=True), i, 0)
        grid.addWidget(label(keys, "dim"), i, 1)
    return grid
