"""Named undo and redo of everything that changes a project, kept in the catalogue's append-only log of edits.

A model registers a kind of edit with the function that carries one out, and hands each change to `History.do` with a name
for people, what was done and what takes it back. Both are plain data that say how things *are* afterwards ("the name is
X"), never how they change, so that doing one twice does no harm. Undo and redo are entries of the log themselves, which is
what makes the history outlive the window: opening a project folds the log into the same two stacks.

An edit that the program does not know (of a panel that is not there, or a newer version) is stepped over.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine.catalogue import Catalogue
from engine.rows import Edit

Data = Mapping[str, Any]
Apply = Callable[[Data], None]

EDIT, UNDO, REDO = "edit", "undo", "redo"


@dataclass(frozen=True)
class Entry:
    """One edit, as a list of the history shows it.

    text : what was done, as in "rename part"; kind : who carries it out
    gesture : edits with the same one, not "", are undone and redone together
    done : False when it was undone
    """

    seq: int
    at: float
    text: str
    kind: str
    done: bool
    gesture: str = ""


class History(QObject):
    """The edits of one project. ``changed`` : what can be undone or redone, or the list, is another."""

    changed = Signal()

    def __init__(self, catalogue: Catalogue, parent: QObject | None = None) -> None:
        """Read the log; nothing is carried out."""
        super().__init__(parent)
        self._catalogue = catalogue
        self._appliers: dict[str, Apply] = {}
        self._read()

    def register(self, kind: str, apply: Apply) -> None:
        """Say who carries out edits of a kind. From now on they can be undone, also those of earlier sessions."""
        self._appliers[kind] = apply
        self.changed.emit()

    def do(self, text: str, kind: str, action: Data, inverse: Data, gesture: str = "") -> None:
        """Carry out an edit and keep it. What was undone before can then not be redone any more.

        gesture : the same for all steps of one motion of the hand, such as the arrow keys on a slider
        Raises what carrying it out raises, and then nothing has happened; also where the log cannot be written.
        """
        self._carry_out(kind, action, inverse, {"entry": EDIT, "kind": kind, "text": text, "gesture": gesture})

    @property
    def kinds(self) -> tuple[str, ...]:
        """All kinds of edits that the log has, also of those that nobody has registered yet."""
        return tuple(self._last)

    def last(self, kind: str) -> Data | None:
        """How things of a kind are: the data that was carried out last, in this session or an earlier one."""
        return self._last.get(kind)

    def reload(self) -> None:
        """Read the log again, after another program wrote to it."""
        self._read()
        self.changed.emit()

    # undo and redo ---------------------------------------------------------------------------------------------------
    @property
    def undo_text(self) -> str:
        """Menu text, as in "Undo rename part"; "Undo" when there is nothing to undo."""
        return _menu_text("Undo", self._next_undo())

    @property
    def redo_text(self) -> str:
        """Menu text, as in "Redo rename part"; "Redo" when there is nothing to redo."""
        return _menu_text("Redo", self._next_redo())

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return self._next_undo() is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to do again."""
        return self._next_redo() is not None

    def undo(self) -> str:
        """Take back the newest edit, with all of its gesture; returns what it was, "" = nothing."""
        first = self._next_undo()
        while (entry := self._next_undo()) and _together(entry, first):
            self._step(UNDO, entry)
        return first.text if first else ""

    def redo(self) -> str:
        """Do the edit that was undone last again, with all of its gesture; returns what it was, "" = nothing."""
        first = self._next_redo()
        while (entry := self._next_redo()) and _together(entry, first):
            self._step(REDO, entry)
        return first.text if first else ""

    def go_to(self, seq: int) -> None:
        """Undo or redo until the edit ``seq`` is the newest that is done; 0 undoes all."""
        while (entry := self._next_undo()) and entry.seq > seq:
            self._step(UNDO, entry)
        while (entry := self._next_redo()) and entry.seq <= seq:
            self._step(REDO, entry)

    @property
    def entries(self) -> list[Entry]:
        """All edits that can be undone or redone, oldest first."""
        return [entry for entry in (*self._done, *reversed(self._undone)) if entry.kind in self._appliers]

    # inside ----------------------------------------------------------------------------------------------------------
    def _next_undo(self) -> Entry | None:
        return next((entry for entry in reversed(self._done) if entry.kind in self._appliers), None)

    def _next_redo(self) -> Entry | None:
        return next((entry for entry in reversed(self._undone) if entry.kind in self._appliers), None)

    def _step(self, way: str, entry: Entry) -> None:
        action, inverse = self._data[entry.seq]
        wanted, other = (inverse, action) if way == UNDO else (action, inverse)
        self._carry_out(entry.kind, wanted, other, {"entry": way, "of": entry.seq})

    def _carry_out(self, kind: str, action: Data, inverse: Data, about: dict[str, Any]) -> None:
        """Do it, then log it; where the log refuses, take it back."""
        apply = self._appliers[kind]
        apply(action)
        logged = {**about, "data": dict(action)} if about["entry"] == EDIT else about
        taking_back = {"data": dict(inverse)} if about["entry"] == EDIT else {}
        try:
            seq = self._catalogue.log(logged, taking_back)
        except BaseException:
            apply(inverse)
            raise
        self._fold(Edit(seq=seq, at=time.time(), action=logged, inverse=taking_back))
        self.changed.emit()

    def _read(self) -> None:
        self._done: list[Entry] = []
        self._undone: list[Entry] = []  # the one that was undone last comes last
        self._data: dict[int, tuple[Data, Data]] = {}
        self._last: dict[str, Data] = {}
        for edit in self._catalogue.edits():
            self._fold(edit)

    def _fold(self, edit: Edit) -> None:
        """Take one line of the log into account; lines of other programs are none of ours."""
        about = edit.action
        match about.get("entry"):
            case "edit":
                for lost in self._undone:
                    del self._data[lost.seq]
                self._undone.clear()
                self._data[edit.seq] = about["data"], edit.inverse["data"]
                self._done.append(Entry(edit.seq, edit.at, about["text"], about["kind"], True, about["gesture"]))
                self._last[about["kind"]] = about["data"]
            case "undo":
                self._move(self._done, self._undone, about["of"], done=False)
            case "redo":
                self._move(self._undone, self._done, about["of"], done=True)

    def _move(self, source: list[Entry], target: list[Entry], seq: int, done: bool) -> None:
        entry = next((one for one in source if one.seq == seq), None)
        if entry is None:  # another window undid it at the same moment
            return
        source.remove(entry)
        target.append(Entry(entry.seq, entry.at, entry.text, entry.kind, done, entry.gesture))
        action, inverse = self._data[seq]
        self._last[entry.kind] = action if done else inverse


def _menu_text(verb: str, entry: Entry | None) -> str:
    return f"{verb} {entry.text}" if entry else verb


def _together(entry: Entry, first: Entry | None) -> bool:
    return entry is first or bool(first and first.gesture and entry.gesture == first.gesture)
