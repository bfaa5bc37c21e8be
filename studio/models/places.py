"""Where shapes belong: to what a person keeps, to what came along the way, or to what was removed.

Which runs made shapes along the way stands in drafts.json of the project, as it is no edit of a person's; what was kept or
removed since is an edit in the history.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from engine.storage import write_json
from studio.models.history import History
from studio.models.library_card import Place

PLACES = "places"  # kind of edits in the history: where each shape is that is not where it came
FILE = "drafts.json"
VERSION = 1


class DraftsFile(msgspec.Struct, frozen=True, kw_only=True):
    """drafts.json: runs whose shapes came along the way."""

    runs: tuple[str, ...] = ()
    version: int = VERSION


class Places(QObject):
    """``changed`` when shapes belong elsewhere."""

    changed = Signal()

    def __init__(self, history: History, folder: Path) -> None:
        super().__init__()
        self._history, self._path = history, folder / FILE
        self._drafts = set(self._read().runs)
        self._moved: dict[str, Place] = dict((history.last(PLACES) or {}).get("places", {}))
        history.register(PLACES, self._apply)

    def of(self, name: str) -> Place:
        """Where a shape belongs."""
        return self._moved.get(name) or ("drafts" if name.partition("/")[0] in self._drafts else "kept")

    def draft(self, run: str) -> None:
        """The shapes of a run come along the way. Raises OSError."""
        if run not in self._drafts:
            write_json(self._path, DraftsFile(runs=tuple(sorted({*self._drafts, run}))))
            self._drafts.add(run)
            self.changed.emit()

    def move(self, names: Sequence[str], place: Place, text: str) -> None:
        """Let shapes belong elsewhere; an edit with this text, where it changes anything."""
        if any(self.of(name) != place for name in names):
            after = self._moved | dict.fromkeys(names, place)
            self._history.do(text, PLACES, {"places": after}, {"places": dict(self._moved)})

    def _apply(self, data: Mapping[str, Any]) -> None:
        self._moved = dict(data["places"])
        self.changed.emit()

    def _read(self) -> DraftsFile:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=DraftsFile)
        except (OSError, msgspec.DecodeError):  # nothing is lost: its shapes are kept then
            return DraftsFile()
