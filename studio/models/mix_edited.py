"""The mixture that a person edits: which parts it has, which one is chosen, and each deed as an edit of the history."""

from collections.abc import Mapping
from itertools import count
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from engine.card import Move
from engine.errors import StudioError
from engine.live_requests import Mixture
from engine.project import Project
from studio.models import mix_state
from studio.models.history import History
from studio.models.library import Card, Library
from studio.models.mix_command import command_of
from studio.models.mix_shelf import Shelf
from studio.models.mix_state import MixState, Slot
from studio.models.thumbnails import Thumbnails
from studio.models.troubles import Troubles

KIND = "mix"  # of its edits in the history


class Edited(QObject):
    """changed : the mixture, its slots or what can be done; selected_changed : another part."""

    changed = Signal()
    selected_changed = Signal()

    def __init__(
        self, project: Project, library: Library, thumbnails: Thumbnails, history: History, troubles: Troubles
    ) -> None:
        super().__init__()
        self._project, self._library, self._history, self._troubles = project, library, history, troubles
        self.shelf = Shelf(project, library, thumbnails, troubles)
        self.state: MixState | None = None
        self.selected = ""
        self._gestures = count()
        self._gesture = ""
        library.changed.connect(self._read)

    # what there is ---------------------------------------------------------------------------------------------------
    @property
    def base(self) -> Card | None:
        """The shape whose parts stay unless another is chosen."""
        return self._library.card(self.state.mixture.base) if self.state else None

    @property
    def slots(self) -> tuple[Slot, ...]:
        """One for each part that the base or a donor has, then the copies."""
        if self.state is None or self.base is None:
            return ()
        return mix_state.slots_of(self.state, self.base.parts, self.shelf.parts(self.base))

    def slot(self, name: str) -> Slot | None:
        """The slot of that name."""
        return next((one for one in self.slots if one.name == name), None)

    def title(self, shape: str) -> str:
        """What people call a shape."""
        card = self._library.card(shape)
        return card.title if card else shape

    @property
    def is_changed(self) -> bool:
        """Whether anything differs from the base."""
        return self.state is not None and self.state.mixture.changed

    @property
    def command(self) -> str:
        """The command that makes the mixture; "" where no single one does."""
        return command_of(self.state, self._project.folder) if self.state else ""

    # what a person does ----------------------------------------------------------------------------------------------
    def begin(self, shape: str) -> None:
        """Mix this shape: its own parts in all slots."""
        if self._library.card(shape) is None or not self._library.card(shape).parts:  # type: ignore[union-attr]
            self._troubles.tell("only shapes with named parts can be mixed; choose one that a model with parts made")
            return
        self._edit(f"mix {self.title(shape)}", MixState(mixture=Mixture(base=shape)))

    def start_over(self) -> None:
        """All parts as the base has them."""
        if self.state and self.is_changed:
            self._edit("start over", MixState(mixture=Mixture(base=self.state.mixture.base)))

    def select(self, name: str) -> None:
        """Choose a part; the shelf offers donors of it."""
        if name != self.selected:
            self.selected = name
            self._offer()
            self.selected_changed.emit()

    def select_number(self, number: int) -> None:
        """Choose the slot at a place, from 1."""
        if 1 <= number <= len(self.slots):
            self.select(self.slots[number - 1].name)

    def take(self, part: str, shape: str) -> None:
        """Put the part of another shape into a slot."""
        if self.state and self._can_give(part, shape):
            self.select(part)
            self._edit(f"use the {part} of {self.title(shape)}", mix_state.take(self.state, part, shape))

    def add_donor(self, part: str, shape: str) -> None:
        """One more shape on the part's fader."""
        if self.state and self.base and self._can_give(part, shape):
            self._edit(f"blend {part}", mix_state.add_donor(self.state, part, shape, self.base.parts))

    def fade(self, part: str, alpha: float) -> None:
        """Leave the fader of a part at a place."""
        slot = self.slot(part)
        if self.state and slot and len(slot.donors) > 1 and alpha != slot.alpha:
            self._edit(f"blend {part}", mix_state.fade(self.state, part, slot.donors, alpha), self._gesture)

    def begin_gesture(self) -> None:
        """From now on steps of a fader are one edit, until the next time."""
        self._gesture = f"fader {next(self._gestures)} {id(self)}"

    def remove(self, name: str) -> None:
        """Take a part or a copy out."""
        if self.state and self.base and self.slot(name):
            self._edit(f"remove {name}", mix_state.remove(self.state, name, self.base.parts))

    def reset(self, name: str) -> None:
        """The base's own part again, where it stood."""
        if self.state:
            self._edit(f"reset {name}", mix_state.reset(self.state, name))

    def duplicate(self, name: str) -> None:
        """A second one beside it."""
        slot = self.slot(name)
        if self.state and slot and slot.origin not in ("absent", "removed"):
            state, copy = mix_state.duplicate(self.state, name)
            self._edit(f"duplicate {slot.part}", state)
            self.select(copy)

    def mirror(self, name: str) -> None:
        """To the other side of the middle."""
        if self.state and (slot := self.slot(name)) and slot.origin not in ("absent", "removed"):
            self._edit(f"mirror {name}", mix_state.mirror(self.state, name))

    def lock(self, part: str, held: bool) -> None:
        """Keep the numbers of a part when the mixture is healed, or let them go."""
        if self.state:
            self._edit(f"{'hold' if held else 'free'} {part}", mix_state.lock(self.state, part, held))

    def move(self, motion: Move) -> None:
        """Move, turn or scale a part."""
        if self.state:
            self._edit(f"move {motion.part}", mix_state.move(self.state, motion))

    # inside ----------------------------------------------------------------------------------------------------------
    def _edit(self, text: str, state: MixState | None, gesture: str = "") -> None:
        if state == self.state:
            return
        try:
            self._history.do(text, KIND, _data(state), _data(self.state), gesture)
        except (StudioError, OSError) as error:
            self._troubles.tell_error(error)

    def _apply(self, data: Mapping[str, Any]) -> None:
        """The mixture is this one now: by an edit, by undo or redo, or as it was left."""
        self.state = msgspec.convert(data["mix"], MixState) if data["mix"] else None
        if self.state and self.slot(self.selected) is None:
            slots = self.slots
            self.selected = slots[0].name if slots else ""
            self.selected_changed.emit()
        self._arranged()

    def _arranged(self) -> None:
        if not self.selected and self.slots:
            self.selected = self.slots[0].name
            self.selected_changed.emit()
        self._offer()
        self.changed.emit()

    def _offer(self) -> None:
        """Donors of the chosen part."""
        slot = self.slot(self.selected)
        self.shelf.offer(slot.part if slot else "", self.base)

    def _read(self) -> None:
        """The library is another."""
        self.shelf.forget()
        self._arranged()

    def _can_give(self, part: str, shape: str) -> bool:
        return self.base is not None and self.shelf.can_give(part, self._library.card(shape), self.base)


def _data(state: MixState | None) -> dict[str, Any]:
    return {"mix": msgspec.to_builtins(state) if state else None}
