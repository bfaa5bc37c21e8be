"""Shapes that a person leaves out of a training although their fit is good: kept in the history, told to the job."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal

from studio.models.opened import OpenProject, ProjectModel
from studio.models.titles import counted

KIND = "left out"  # edits in the history: fit -> items of it that are not learned


class Gate(ProjectModel):
    """What is left out, fit by fit. ``changed`` after a click, undo or redo."""

    changed = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self._history = opened.history
        self._out: dict[str, tuple[str, ...]] = {}
        self._set(self._history.last(KIND) or {})
        self._history.register(KIND, self._set)

    def out(self, fit: str) -> tuple[str, ...]:
        """Items of a fit that are left out, in the order of their names."""
        return self._out.get(fit, ())

    def leave_out(self, fit: str, items: set[str], out: bool) -> None:
        """Leave items out, or take them in again."""
        before = set(self.out(fit))
        after = before | items if out else before - items
        if after != before:
            kept = {name: list(some) for name, some in self._out.items() if name != fit}
            action = kept | ({fit: sorted(after)} if after else {})
            words = f"{'leave out' if out else 'take in'} {counted(len(items), 'shape')}"
            self._history.do(
                words, KIND, {"fits": action}, {"fits": {name: [*some] for name, some in self._out.items()}}
            )

    def _set(self, data: Mapping[str, Any]) -> None:
        self._out = {fit: tuple(items) for fit, items in data.get("fits", {}).items()}
        self.changed.emit()
