"""What is mixed, as a value: a mixture with its locks, and each thing a person does to it as a function. No Qt.

An edit never fails half-way: it gives a new state, which the history keeps, so that undo is the old one.
"""

from typing import Literal

import msgspec
from msgspec.structs import replace

from engine.card import MirrorMove, Move, ShiftMove
from engine.live_requests import Blend, Mixture

BESIDE = 0.08  # how far to the side a copy stands at first; canonical units

Origin = Literal["base", "taken", "blended", "absent", "removed", "copy"]


class MixState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mixture, and the parts that healing keeps (``held``) or may change (``free``) where that is not as usual."""

    mixture: Mixture
    held: tuple[str, ...] = ()
    free: tuple[str, ...] = ()

    def is_held(self, part: str) -> bool:
        """Whether healing keeps the numbers of a part: those taken from others are kept, the base's are free."""
        if part in self.held or part in self.free:
            return part in self.held
        return part in self.mixture.parts or part in self.mixture.blends


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the base, or a copy, as the panel shows it.

    part : the same as ``name``, but for a copy the part that it is one of
    donors : shapes between which the fader goes, in order; one where the part is one shape's, none where it is absent
    alpha : where the fader stands, 0 the first, 1 the last
    """

    name: str
    part: str
    origin: Origin
    donors: tuple[str, ...] = ()
    alpha: float = 0.0
    held: bool = False
    moved: bool = False


def slots_of(state: MixState, base_parts: tuple[str, ...], vocabulary: tuple[str, ...]) -> tuple[Slot, ...]:
    """A slot for each part of the vocabulary, then one for each copy. ``base_parts`` : those that the base has."""
    mix = state.mixture
    moved = {move.part for move in mix.moves}
    found = []
    for part in vocabulary:
        donors: tuple[str, ...]
        origin: Origin
        alpha = 0.0
        if part in mix.removed:
            origin, donors = "removed", ()
        elif part in mix.blends:
            origin, donors, alpha = "blended", mix.blends[part].shapes, mix.blends[part].alpha
        elif part in mix.parts:
            own = (mix.base,) if part in base_parts else ()
            origin, donors, alpha = "taken", (*own, mix.parts[part]), 1.0
        elif part in base_parts:
            origin, donors = "base", (mix.base,)
        else:
            origin, donors = "absent", ()
        held = state.is_held(part)
        found.append(
            Slot(name=part, part=part, origin=origin, donors=donors, alpha=alpha, held=held, moved=part in moved)
        )
    copies = [
        Slot(name=name, part=part, origin="copy", held=state.is_held(part), moved=name in moved)
        for name, part in mix.copies.items()
    ]
    return (*found, *copies)


def take(state: MixState, part: str, shape: str) -> MixState:
    """The part of another shape (or the base's own again)."""
    mix = state.mixture
    parts = {name: one for name, one in mix.parts.items() if name != part}
    if shape != mix.base:
        parts[part] = shape
    blends = {name: one for name, one in mix.blends.items() if name != part}
    removed = tuple(name for name in mix.removed if name != part)
    return replace(state, mixture=replace(mix, parts=parts, blends=blends, removed=removed))


def add_donor(state: MixState, part: str, shape: str, base_parts: tuple[str, ...]) -> MixState:
    """One more shape at the end of the part's fader, which goes there."""
    slot = next((one for one in slots_of(state, base_parts, (part,)) if one.name == part), None)
    donors = tuple(one for one in (slot.donors if slot else ()) if one != shape)
    if not donors:
        return take(state, part, shape)
    return fade(state, part, (*donors, shape), 1.0)


def fade(state: MixState, part: str, donors: tuple[str, ...], alpha: float) -> MixState:
    """The part between donors. At the end of a fader of two it is the donor's own part again, bit for bit."""
    mix = state.mixture
    if len(donors) < 2:
        return take(state, part, donors[0])
    if len(donors) == 2 and alpha >= 1 and donors[0] == mix.base:
        return take(state, part, donors[1])
    parts = {name: one for name, one in mix.parts.items() if name != part}
    blends = {**mix.blends, part: Blend(shapes=donors, alpha=min(max(alpha, 0.0), 1.0))}
    removed = tuple(name for name in mix.removed if name != part)
    return replace(state, mixture=replace(mix, parts=parts, blends=blends, removed=removed))


def remove(state: MixState, name: str, base_parts: tuple[str, ...]) -> MixState:
    """Without a part and its copies, or without a copy."""
    mix = state.mixture
    gone = {name, *(copy for copy, part in mix.copies.items() if part == name)}
    removed = mix.removed
    if name in base_parts and name not in removed:
        removed = (*removed, name)
    mixture = replace(
        mix,
        parts={part: one for part, one in mix.parts.items() if part not in gone},
        blends={part: one for part, one in mix.blends.items() if part not in gone},
        removed=removed,
        copies={copy: part for copy, part in mix.copies.items() if copy not in gone},
        moves=tuple(move for move in mix.moves if move.part not in gone),
    )
    return _unlocked(replace(state, mixture=mixture), name)


def reset(state: MixState, name: str) -> MixState:
    """A part as the base has it: its own numbers, where it stood. A copy: where it stood."""
    moves = tuple(move for move in state.mixture.moves if move.part != name)
    still = replace(state, mixture=replace(state.mixture, moves=moves))
    return still if name in state.mixture.copies else _unlocked(take(still, name, state.mixture.base), name)


def duplicate(state: MixState, part: str) -> tuple[MixState, str]:
    """With a copy of a part (or of a copy's part) to its side -> the state, and the copy's name, such as "engine.2"."""
    part = state.mixture.copies.get(part, part)
    number = 2
    while f"{part}.{number}" in state.mixture.copies:
        number += 1
    name = f"{part}.{number}"
    copies = {**state.mixture.copies, name: part}
    beside = ShiftMove(part=name, by=(BESIDE, 0.0, 0.0))
    return replace(state, mixture=replace(state.mixture, copies=copies, moves=(*state.mixture.moves, beside))), name


def mirror(state: MixState, name: str) -> MixState:
    """On the other side of the middle plane; twice is once."""
    over = MirrorMove(part=name, axis="x", middle=True)
    moves = state.mixture.moves
    if moves and moves[-1] == over:
        return replace(state, mixture=replace(state.mixture, moves=moves[:-1]))
    return move(state, over)


def move(state: MixState, motion: Move) -> MixState:
    """With one more motion, after all others. Shifts that follow one another become one."""
    moves = state.mixture.moves
    if moves and isinstance(motion, ShiftMove) and isinstance(moves[-1], ShiftMove) and moves[-1].part == motion.part:
        (a, b, c), (x, y, z) = moves[-1].by, motion.by
        motion, moves = ShiftMove(part=motion.part, by=(a + x, b + y, c + z)), moves[:-1]
    return replace(state, mixture=replace(state.mixture, moves=(*moves, motion)))


def lock(state: MixState, part: str, held: bool) -> MixState:
    """Whether healing keeps the numbers of a part; as usual it is not written down."""
    unlocked = _unlocked(state, part)
    if unlocked.is_held(part) == held:
        return unlocked
    if held:
        return replace(unlocked, held=(*unlocked.held, part))
    return replace(unlocked, free=(*unlocked.free, part))


def shapes_in(state: MixState) -> set[str]:
    """Names of all shapes that the mixture needs."""
    mix = state.mixture
    return {mix.base, *mix.parts.values(), *(shape for blend in mix.blends.values() for shape in blend.shapes)}


def _unlocked(state: MixState, part: str) -> MixState:
    held, free = (tuple(name for name in names if name != part) for names in (state.held, state.free))
    return replace(state, held=held, free=free)
