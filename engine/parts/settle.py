"""Rigid moves that mend joints: parts are shifted, weights stay. A small search that always ends and never makes it worse."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.parts.joints import Joint, Limit, Pair, Score, Solid, excess_of, joint, score
from engine.protocol import Progress, Stage

STEPS = (0.04, 0.02, 0.01, 0.005, 0.0025)  # canonical units
SWEEPS = 3  # times that every part gets its turn
TRIES = 6  # moves per part and step size
COST = 0.02  # of moving, per unit of length: of two ways to mend a joint the shorter is taken
DIRECTIONS = np.array(
    [d for d in product((-1.0, 0.0, 1.0), repeat=3) if sum(map(abs, d)) in (1, 3)]
)  # axes and corners

Offset = NDArray[np.float64]


@dataclass(frozen=True)
class Settled:
    """What `settle` found.

    moves : part -> shift (3,) in canonical units, for the parts that moved
    before, after : the joint scores; ``after`` is never the larger
    joints : every joint after the moves
    """

    moves: Mapping[str, tuple[float, float, float]]
    before: Score
    after: Score
    joints: Mapping[Pair, Joint]


def settle(parts: Mapping[str, Solid], usual: Mapping[Pair, Limit], movable: Collection[str]) -> Stage[Settled]:
    """Shift the ``movable`` parts of one shape so that its joints become usual (`joints.score`), parts in model order.

    Part by part, pattern search (Hooke and Jeeves 1961) over translations with falling step size, along the axes, the
    diagonals and the parts' own gaps. Only moves that lower the score by more than they cost are made, and none that
    leaves the cube [-0.5, 0.5]^3. Deterministic. Raises InputError for a movable part that the shape lacks.
    """
    unknown = [name for name in movable if name not in parts]
    if unknown:
        raise InputError(f"the shape has no part {', '.join(unknown)} to move; it has {', '.join(parts)}")
    places: dict[str, Offset] = {name: np.zeros(3) for name in parts}
    pairs = [(a, b) for i, a in enumerate(parts) for b in list(parts)[i + 1 :] if (a, b) in usual]
    found = {pair: _between(parts, pair, places) for pair in pairs}
    before = score(found, usual)
    turns = [(sweep, name) for sweep in range(SWEEPS) for name in parts if name in movable]
    moved = True
    for number, (_, name) in enumerate(turns):
        if number % len(movable) == 0:  # a sweep in which nothing moved is the last
            if not moved:
                break
            moved = False
        own = [pair for pair in pairs if name in pair]
        cost = _cost(found, usual, own, places[name])
        for place, size in enumerate(STEPS):
            yield Progress(
                stage="settle", done=number * len(STEPS) + place, total=len(turns) * len(STEPS), message=name
            )
            if score({pair: found[pair] for pair in own}, usual).total == 0 and not places[name].any():
                break
            for _ in range(TRIES):
                best = _best(parts, usual, own, name, places, size, found)
                if best is None or best[0] >= cost - 1e-9:
                    break
                cost, places[name], fresh = best
                found.update(fresh)
                moved = True
                yield Progress(
                    stage="settle", done=number * len(STEPS) + place, total=len(turns) * len(STEPS), message=name
                )
    yield Progress(stage="settle", done=len(turns) * len(STEPS), total=len(turns) * len(STEPS))
    after = score(found, usual)
    moves = {name: (float(o[0]), float(o[1]), float(o[2])) for name, o in places.items() if o.any()}
    return Settled(moves, before, after, found)


def _best(
    parts: Mapping[str, Solid],
    usual: Mapping[Pair, Limit],
    own: list[Pair],
    name: str,
    places: Mapping[str, Offset],
    size: float,
    found: Mapping[Pair, Joint],
) -> tuple[float, Offset, dict[Pair, Joint]] | None:
    """The best place one step away: its cost, the shift of the part, and the joints there."""
    tried: list[tuple[float, Offset, dict[Pair, Joint]]] = []
    ways = [*(DIRECTIONS * size), *_closing(name, own, found, size)]
    for way in ways:
        there = {**places, name: places[name] + way}
        if not _fits(parts[name], places[name], there[name]):
            continue
        joints = {pair: _between(parts, pair, there) for pair in own}
        tried.append((_cost(joints, usual, own, there[name]), there[name], joints))
    return min(tried, key=lambda one: one[0]) if tried else None


def _closing(name: str, own: list[Pair], found: Mapping[Pair, Joint], size: float) -> list[Offset]:
    """Steps of at most ``size`` along the part's gaps, towards its neighbours."""
    ways = []
    for pair in own:
        for ends in found[pair].gaps:
            way = ends[1] - ends[0]
            length = float(np.linalg.norm(way))
            if length > 0:
                ways += [sign * way * min(1.0, size / length) for sign in (1.0, -1.0)]
    return ways


def _cost(found: Mapping[Pair, Joint], usual: Mapping[Pair, Limit], own: list[Pair], offset: Offset) -> float:
    return sum(sum(excess_of(found[pair], usual[pair])) for pair in own) + COST * float(np.linalg.norm(offset))


def _between(parts: Mapping[str, Solid], pair: Pair, places: Mapping[str, Offset]) -> Joint:
    """The joint of two parts that stand at their places; its points are where they stand then."""
    a, b = pair
    found = joint(parts[a], parts[b], places[a] - places[b])
    return Joint(found.gap, found.overlap, found.gaps + places[b], found.overlaps + places[b])


def _fits(part: Solid, now: Offset, then: Offset) -> bool:
    """Whether a part does not leave the cube (further than it already does)."""
    low, high = part.mesh.bounds
    beyond = [float(np.maximum(np.maximum(high + o - 0.5, -0.5 - (low + o)), 0).max()) for o in (now, then)]
    return beyond[1] <= beyond[0]
