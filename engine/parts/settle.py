"""Rigid moves that mend joints: parts are shifted, weights stay. A small search that always ends and never makes it worse."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from math import inf

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.parts.joints import Joint, Limit, Pair, Score, Side, Solid, joints_of, score, side, sides
from engine.protocol import Progress, Stage

STEPS = (0.04, 0.02, 0.01, 0.005, 0.0025)  # canonical units
SWEEPS = 3  # times that every part gets its turn
LEAST_GAIN = 1e-6  # a move must lower score and cost together by this, so the search ends
COST = 0.02  # of moving, per unit of length: of two ways to mend a joint the shorter is taken
SIDEWAYS = (
    4.0  # shapes are alike left and right as a rule, so a shift along x costs as much as one this many times as long
)
DIRECTIONS = np.array([d for d in product((-1.0, 0.0, 1.0), repeat=3) if any(d) and not (d[0] and any(d[1:]))])

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

    Part by part, pattern search (Hooke and Jeeves 1961) over translations with falling step size: along the axes, the
    diagonals up, down, forth and back, and the part's own gaps. Only moves that lower the score by more than they cost
    are made, and none that leaves the cube [-0.5, 0.5]^3. Deterministic. Raises InputError for a movable part that the
    shape lacks.
    """
    unknown = [name for name in movable if name not in parts]
    if unknown:
        raise InputError(f"the shape has no part {', '.join(unknown)} to move; it has {', '.join(parts)}")
    places: dict[str, Offset] = {name: np.zeros(3) for name in parts}
    seen = sides(parts, places)
    before = score(joints_of(seen, list(parts)), usual)
    turns = [name for _ in range(SWEEPS) for name in parts if name in movable]
    moved = True
    for number, name in enumerate(turns):
        if number % len(movable) == 0:  # a sweep in which nothing moved is the last
            if not moved:
                break
            moved = False
        for place, size in enumerate(STEPS):
            yield Progress(
                stage="settle", done=number * len(STEPS) + place, total=len(turns) * len(STEPS), message=name
            )
            while True:
                now = score(joints_of(seen, list(parts)), usual)
                involved = any(name in pair and sum(excess) > 0 for pair, excess in now.excess.items())
                if not involved and not places[name].any():
                    break
                cost = now.total + _price(places[name])
                best = cost, places[name], seen
                for way in [*(DIRECTIONS * size), *_closing(name, joints_of(seen, list(parts)), size)]:
                    tried = _tried(parts, usual, name, places, places[name] + way, seen)
                    best = min(best, tried, key=lambda one: one[0])
                    yield Progress(
                        stage="settle", done=number * len(STEPS) + place, total=len(turns) * len(STEPS), message=name
                    )
                if best[0] >= cost - LEAST_GAIN:
                    break
                _, places[name], seen = best
                moved = True
    yield Progress(stage="settle", done=len(turns) * len(STEPS), total=len(turns) * len(STEPS))
    found = joints_of(seen, list(parts))
    moves = {name: (float(o[0]) + 0.0, float(o[1]) + 0.0, float(o[2]) + 0.0) for name, o in places.items() if o.any()}
    return Settled(moves, before, score(found, usual), found)


def _tried(
    parts: Mapping[str, Solid],
    usual: Mapping[Pair, Limit],
    name: str,
    places: Mapping[str, Offset],
    place: Offset,
    seen: Mapping[Pair, Side],
) -> tuple[float, Offset, dict[Pair, Side]]:
    """A part at another place: what that costs, the place, and the sides of all parts then."""
    if not _fits(parts[name], places[name], place):
        return inf, place, {}
    there = {**places, name: place}
    fresh = {
        (a, b): side(parts[a], parts[b], there[a], there[b]) if name in (a, b) else known
        for (a, b), known in seen.items()
    }
    cost = score(joints_of(fresh, list(parts)), usual).total + _price(place)
    return cost, place, fresh


def _closing(name: str, found: Mapping[Pair, Joint], size: float) -> list[Offset]:
    """Steps of at most ``size`` along the part's gaps, one way and the other."""
    ways = []
    for pair, one in found.items():
        for ends in one.gaps if name in pair else ():
            way = ends[1] - ends[0]
            length = float(np.linalg.norm(way))
            ways += [sign * way * min(1.0, size / length) for sign in (1.0, -1.0)]
    return ways


def _price(offset: Offset) -> float:
    """What standing ``offset`` (3,) away costs, in units of the score."""
    return COST * float(np.linalg.norm(offset * [SIDEWAYS, 1.0, 1.0]))


def _fits(part: Solid, now: Offset, then: Offset) -> bool:
    """Whether a part does not leave the cube (further than it already does)."""
    low, high = part.mesh.bounds
    beyond = [float(np.maximum(np.maximum(high + o - 0.5, -0.5 - (low + o)), 0).max()) for o in (now, then)]
    return beyond[1] <= beyond[0]
