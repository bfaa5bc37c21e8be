"""The part-swap panel: a slot for each part, a shelf of donors, variants, how the parts meet, and what is kept."""

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QAction, QGuiApplication, QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from studio.models.mix import Mix
from studio.models.opened import OpenProject
from studio.panel import Panel, in_menu
from studio.views.mix_begin import MixBegin, can_mix
from studio.views.mix_slot import SlotArea, SlotRow
from studio.widgets.card_list import CardList
from studio.widgets.waits import Waits
from studio.widgets.words import Ground, button, label, line, tool

SIDE = 92  # pixels of the pictures on the shelf
MARGIN = 12


class MixView(Ground):
    """The panel of an open project."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__()
        self._opened = opened
        self.mix = opened.model(Mix)
        self.rows: dict[str, SlotRow] = {}
        self._stack = QStackedLayout(self)
        self._nothing = MixBegin(opened)
        self._nothing.wanted.connect(self._begin)
        self.begin = self._nothing.begin
        self._stack.addWidget(self._nothing)
        self._stack.addWidget(self._something())
        self._act()
        self.mix.changed.connect(self._refresh)
        self.mix.selected_changed.connect(self._choose)
        self.mix.judged.connect(self._judge)
        self.mix.drawn.connect(self._refresh)
        self.mix.tray.counted.connect(lambda _: self._refresh())
        opened.thumbnails.ready.connect(self._pictured)
        opened.current.shape_changed.connect(lambda _: self._refresh())
        self._refresh()
        self._choose()
        self._judge()

    # building --------------------------------------------------------------------------------------------------------
    def _something(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._head())
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self._shelf())
        split.addWidget(self._variants())
        split.setStretchFactor(0, 1)
        split.setSizes([260, 160])
        column.addWidget(self._slots())
        column.addWidget(split, 1)
        column.addWidget(line())
        column.addLayout(self._foot())
        return page

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(MARGIN, 10, MARGIN - 4, 6)
        self._title = label("", "heading")
        self._another = button("", self._begin, "flat", tip="Begin with the shape that was looked at last")
        self.over = tool("retry", "Start over: all parts as the base has them", self.mix.start_over)
        row.addWidget(self._title, 1)
        row.addWidget(self.over)
        row.addWidget(self._another)
        return row

    def _slots(self) -> QWidget:
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(MARGIN - 6, 0, MARGIN - 6, 6)
        self._column.setSpacing(2)
        self._column.addStretch(1)
        self._scroll = SlotArea(inside)
        return self._scroll

    def _shelf(self) -> QWidget:
        self._of = label("", "heading")
        self._none = label("No other shape of this model has one.", "dim", True)
        self.shelf = CardList(self.mix.donors, SIDE)
        self.shelf.setAccessibleName("Donors")
        self.shelf.opened.connect(lambda name: self.mix.take(self._part(), name))
        self.shelf.asked.connect(self._ask)
        self.shelf.setToolTip("Drag a shape onto a slot, or press Enter to take its part; Ctrl while dropping blends")
        return _titled(self._of, self.shelf, self._none)

    def _variants(self) -> QWidget:
        self._told = label("", "heading")
        self.tray = CardList(self.mix.tray, SIDE)
        self.tray.setAccessibleName("Variants")
        self.tray.opened.connect(lambda name: self.mix.take(self.mix.drawn_part, name))
        self.tray.chosen.connect(lambda names: self.mix.take(self.mix.drawn_part, names[-1]) if names else None)
        self._tray = _titled(self._told, self.tray)
        return self._tray

    def _foot(self) -> QVBoxLayout:
        self._joints = label("", "dim", True)
        self._numbers = label("", "dim", True)
        self._numbers.hide()
        self.details = button("Details", self._unfold, "flat", tip="How far apart and how deep, in numbers")
        self.details.setCheckable(True)
        self.heal = button("Heal", self.mix.heal, tip="Let the parts fit together; held parts stay as they are")
        self.keep = button("Keep", self.mix.keep, "primary", tip="Make this mixture a shape of the project (Ctrl+K)")
        self.export = button("Export…", self.mix.export, tip="Take this mixture to another program")
        self.copy = tool("copy", "Copy as command", self._copy)
        joints = QHBoxLayout()
        joints.addWidget(self._joints, 1)
        joints.addWidget(self.heal)
        ends = QHBoxLayout()
        ends.addWidget(self.copy)
        ends.addWidget(self.details)
        ends.addStretch(1)
        ends.addWidget(self.export)
        ends.addWidget(self.keep)
        column = QVBoxLayout()
        column.setContentsMargins(MARGIN, 8, MARGIN, 10)
        column.setSpacing(8)
        column.addLayout(joints)
        column.addWidget(self._numbers)
        column.addWidget(Waits(self._opened.queue, lambda: self.mix.waiting))
        column.addLayout(ends)
        return column

    def _act(self) -> None:
        """Actions with their keys; 1 to 9 choose a part."""
        for text, keys, act in (
            ("Reroll part", "R", lambda: self.mix.reroll()),
            ("Mirror part", "Ctrl+M", lambda: self.mix.mirror(self.mix.selected)),
            ("Duplicate part", "Ctrl+D", lambda: self.mix.duplicate(self.mix.selected)),
            ("Keep mixture", "Ctrl+K", self.mix.keep),
            ("Heal mixture", "Ctrl+J", self.mix.heal),
        ):
            action = QAction(text, self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(act)
            self.addAction(in_menu(action, "Shape"))
        for number in range(1, 10):
            key = QShortcut(QKeySequence(str(number)), self)
            key.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            key.activated.connect(lambda number=number: self._go(number))

    # showing ---------------------------------------------------------------------------------------------------------
    def _refresh(self) -> None:
        mix, base = self.mix, self.mix.base
        self._stack.setCurrentIndex(0 if base is None else 1)
        current = self._opened.library.card(self._opened.current.shape)
        fits = can_mix(current)
        self._nothing.show_card(current)
        if base is None:
            return
        self._another.setVisible(fits and current is not base)
        self._another.setText(f"Mix {current.title}" if current else "")
        self._title.setText(f"Mix of {base.title}")
        self.over.setVisible(mix.is_changed)
        slots = mix.slots
        if list(self.rows) != [slot.name for slot in slots]:
            self._arrange([slot.name for slot in slots])
        donors = {slot.part: slot.donors[-1] for slot in slots if slot.donors}
        for slot in slots:
            donor = donors.get(slot.part, "")
            self.rows[slot.name].show_slot(slot, self._opened.thumbnails.image(donor) if donor else None)
        part = self._part()
        if self._of.text() != (heading := f"Donors of {part}" if part else "Donors"):
            self._of.setText(heading)
            self.shelf.scrollToTop()
        self._none.setVisible(not mix.donors.rowCount())
        self.shelf.setVisible(bool(mix.donors.rowCount()))
        drawing = bool(mix.waiting) and not mix.is_healing
        self._tray.setVisible(drawing or bool(mix.tray.rowCount()))
        self._told.setText("Drawing variants \N{HORIZONTAL ELLIPSIS}" if drawing else f"Variants of {mix.drawn_part}")
        self._judge()
        self.keep.setEnabled(mix.can_keep)
        self.export.setEnabled(not mix.fault)
        self.heal.setEnabled(mix.can_work and len(base.parts) > 1)
        self.copy.setEnabled(bool(mix.command))
        why = (
            ""
            if mix.command or not mix.is_changed
            else ": keep it first, these motions in this order have no command of their own"
        )
        self.copy.setToolTip(f"Copy as command{why}")

    def _arrange(self, names: list[str]) -> None:
        """Rows in the order of the slots; those that stay keep the focus."""
        for name in set(self.rows) - set(names):
            row = self.rows.pop(name)
            row.hide()
            row.deleteLater()
        for name in names:
            if name not in self.rows:
                row = SlotRow(self.mix, name)
                row.near.connect(lambda step, name=name: self._near(name, step))
                self.rows[name] = row
        self.rows = {name: self.rows[name] for name in names}
        for place, row in enumerate(self.rows.values()):
            self._column.insertWidget(place, row)

    def _choose(self) -> None:
        for row in self.rows.values():
            row.update()
        if (chosen := self.rows.get(self.mix.selected)) is not None:
            self._scroll.ensureWidgetVisible(chosen)
        self._refresh()

    def _judge(self) -> None:
        mix = self.mix
        words = mix.words or "Looking how the parts meet \N{HORIZONTAL ELLIPSIS}"
        if mix.is_healing:
            words = "Healing \N{HORIZONTAL ELLIPSIS}"
        self._joints.setText(words[:1].upper() + words[1:])
        self._numbers.setText(mix.numbers)
        self.details.setVisible(bool(mix.numbers) and mix.score > 0)
        self._unfold()
        role = "dim" if mix.is_healing or mix.score < 0 else "good" if mix.score == 0 else "warn"
        self._joints.setProperty("role", role)
        self._joints.style().polish(self._joints)

    def _pictured(self, name: str) -> None:
        if any(name in slot.donors for slot in self.mix.slots):
            self._refresh()

    # events ----------------------------------------------------------------------------------------------------------
    def showEvent(self, event: QShowEvent) -> None:
        """The mixture is shown in the view while this panel is."""
        super().showEvent(event)
        self.mix.wake(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks."""
        super().hideEvent(event)
        self.mix.wake(False)

    # inside ----------------------------------------------------------------------------------------------------------
    def _part(self) -> str:
        slot = self.mix.slot(self.mix.selected)
        return slot.part if slot else ""

    def _begin(self) -> None:
        self.mix.begin(self._opened.current.shape)
        QTimer.singleShot(0, self, lambda: self._go(1))  # the slots are not on the screen yet

    def _go(self, number: int) -> None:
        self.mix.select_number(number)
        if (row := self.rows.get(self.mix.selected)) is not None:
            row.setFocus()

    def _near(self, name: str, step: int) -> None:
        names = list(self.rows)
        place = min(max(names.index(name) + step, 0), len(names) - 1)
        self.rows[names[place]].setFocus()

    def _ask(self, names: tuple[str, ...], place: QPoint) -> None:
        """What a card on the shelf can do."""
        part = self._part()
        menu = QMenu(self)
        menu.addAction(f"Take its {part}", lambda: self.mix.take(part, names[-1]))
        menu.addAction(f"Blend {part} with it", lambda: self._blend(part, names))
        menu.addAction("Look at it", lambda: self._opened.current.show(names[-1]))
        menu.popup(place)

    def _blend(self, part: str, names: tuple[str, ...]) -> None:
        for name in names:
            self.mix.add_donor(part, name)

    def _unfold(self) -> None:
        self._numbers.setVisible(self.details.isChecked() and not self.details.isHidden())

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.mix.command)


def _titled(*widgets: QWidget) -> QWidget:
    """A heading with what it is about below it."""
    found = QWidget()
    column = QVBoxLayout(found)
    column.setContentsMargins(MARGIN, 8, MARGIN - 6, 4)
    column.setSpacing(4)
    for widget in widgets:
        column.addWidget(widget, 1 if isinstance(widget, CardList) else 0)
    found.setMinimumHeight(60)
    return found


PANEL = Panel("mix", "Mix", "right", MixView, workspaces=("Mix",))
