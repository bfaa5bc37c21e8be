"""The morph of the timeline: its shapes and how it goes from one to the next, and every edit of it, by way of the history."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from PySide6.QtCore import Signal

from engine.errors import StudioError
from studio.models.mix_kin import Kin
from studio.models.opened import OpenProject, ProjectModel
from studio.models.timeline_state import TimelineState, add, frames_of, remove, stretch

KIND = "timeline"  # of its edits in the history
NONE = "Choose shapes in the library first"
CLOUD = "There is no way from one cloud of points to another; split them into parts first"


class Morph(ProjectModel):
    """state_changed : it is another one, by an edit, by undo or redo, or while something is dragged"""

    state_changed = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self._kin = Kin(opened.project)
        self._state: TimelineState | None = None
        self._tried: TimelineState | None = None

    def follow_history(self) -> None:
        """Take the morph that was left, and from now on every edit of it."""
        self._opened.history.register(KIND, self._apply)
        self._apply(self._opened.history.last(KIND) or {"timeline": None})

    # what there is ---------------------------------------------------------------------------------------------------
    @property
    def state(self) -> TimelineState | None:
        """The morph as it is, or as it would be while something is dragged; None before there is a shape."""
        return self._tried or self._state

    @property
    def frames(self) -> int:
        """How many frames there are; 0 without a shape."""
        return frames_of(self.state) if self.state else 0

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of any of the shapes, each with a track of its own."""
        cards = [self._opened.library.card(key.shape) for key in self.state.keys] if self.state else []
        return tuple(dict.fromkeys(part for card in cards if card for part in card.parts))

    def title(self, shape: str) -> str:
        """What people call a shape."""
        card = self._opened.library.card(shape)
        return card.title if card else shape

    # what a person does ----------------------------------------------------------------------------------------------
    def add(self, shapes: Sequence[str], at: int | None = None) -> None:
        """Let the morph come to these shapes too, the first at a frame; None: behind all others."""
        state, titles = self._state, []
        for i, shape in enumerate(shapes):
            if self._fits(state, shape):
                state = add(state, shape, None if at is None else at + i)
                titles.append(self.title(shape))
        if titles:
            self.edit(f"add {titles[0]} to the timeline", state)

    def remove(self, number: int) -> None:
        """Take a shape out."""
        if self._state and 0 <= number < len(self._state.keys):
            title = self.title(self._state.keys[number].shape)
            self.edit(f"take {title} out of the timeline", remove(self._state, number))

    def clear(self) -> None:
        """Take all shapes out."""
        self.edit("empty the timeline", None)

    def stretch(self, frames: int, gesture: str = "") -> None:
        """Let it take so many frames."""
        if self._state:
            self.edit("length of the timeline", stretch(self._state, frames), gesture)

    def edit(self, text: str, state: TimelineState | None, gesture: str = "") -> None:
        """Let the morph be this one."""
        self._tried = None
        if state == self._state:
            self.state_changed.emit()
            return
        try:
            self._opened.history.do(text, KIND, _data(state), _data(self._state), gesture)
        except (StudioError, OSError) as error:
            self._opened.troubles.tell_error(error)
            self.state_changed.emit()

    def attempt(self, state: TimelineState | None) -> None:
        """Show the morph as if it were this one, while something is dragged; None: as it is."""
        self._tried = state
        self.state_changed.emit()

    def settle(self, text: str) -> None:
        """What is being tried is decided."""
        if self._tried is not None:
            self.edit(text, self._tried)

    # inside ----------------------------------------------------------------------------------------------------------
    def _apply(self, data: Mapping[str, Any]) -> None:
        """The morph is this one now: by an edit, by undo or redo, or as it was left."""
        found = data["timeline"]
        self._state, self._tried = msgspec.convert(found, TimelineState) if found else None, None
        self.state_changed.emit()

    def why_not(self, shapes: Sequence[str]) -> str:
        """Why none of these shapes can stand on the timeline; "" where one can."""
        cards = [card for name in shapes if (card := self._opened.library.card(name)) and card.kind == "shape"]
        return CLOUD if cards and all(card.cloud for card in cards) else "" if cards else NONE

    def _fits(self, state: TimelineState | None, shape: str) -> bool:
        """Whether a shape can be one of the morph's; why not is told."""
        card = self._opened.library.card(shape)
        if card is None or card.kind != "shape":
            what = card.title if card else "this"
            self._opened.troubles.tell(f"{what} is no shape of a model; fit it first, or choose a shape that was made")
            return False
        if card.cloud:
            self._opened.troubles.tell(f"{card.title}: {CLOUD[:1].lower()}{CLOUD[1:]}")
            return False
        if state is None:
            return True
        first = state.keys[0].shape
        if self._kin.root(card.run) != self._kin.root(first.partition("/")[0]):
            self._opened.troubles.tell(
                f"{card.title} is of another model than {self.title(first)}, so there is no way between them; "
                "choose shapes of one model"
            )
            return False
        return True


def _data(state: TimelineState | None) -> dict[str, Any]:
    return {"timeline": msgspec.to_builtins(state) if state else None}
