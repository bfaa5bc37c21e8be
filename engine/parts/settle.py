"""Rigid moves that mend joints: parts are shifted, weights stay. A small search that always ends and never makes it worse."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.parts.joints import NOISE, REST, Joint, Limit, Pair, Score, Side, Solid, joints_of, score, side, sides
from engine.parts.order import UP, Heights, Rule, out_of_order
from engine.protocol import Progress, Stage

STEPS = (0.04, 0.02, 0.01, 0.005, 0.0025)  # canonical units
SWEEPS = 3  # times that every part gets its turn
LEAST_GAIN = 1e-6  # a move must lower score and price together by this, so the search ends
PRICE = 0.02  # of moving, per unit of length: of two ways to mend a joint the shorter is taken
TORN = 2.0  # price, per unit of length, of letting a piece of a part loose that was fixed, or looser
SIDEWAYS = 4.0  # shapes are alike left and right as a rule, so a shift along x counts as this many times as long
MIDDLE = (
    0.02  # a part whose box has its centre so near to x = 0 stands in the middle, and is not shifted along x at all
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


@dataclass(frozen=True)
class _Task:
    """What is asked: the parts, what is usual, their order, and how loose (S,) the pieces of every part were at first."""

    parts: Mapping[str, Solid]
    usual: Mapping[Pair, Limit]
    rules: Sequence[Rule]
    loose: Mapping[str, Offset]

    def heights(self, places: Mapping[str, Offset]) -> Heights:
        """Bottom and top of the parts where they stand."""
        up = {name: float(place[UP]) for name, place in places.items()}
        return {name: (part.ends[0] + up[name], part.ends[1] + up[name]) for name, part in self.parts.items()}

    def order(self, places: Mapping[str, Offset]) -> dict[Pair, float]:
        """What is out of order where the parts stand, see `out_of_order`."""
        return out_of_order(self.heights(places), self.rules) if self.rules else {}


@dataclass(frozen=True)
class _Stand:
    """Where parts stand, how they are seen from each other there, and what that costs: score, prices of moves and tears."""

    places: Mapping[str, Offset]
    seen: Mapping[Pair, Side]
    joints: Mapping[Pair, Joint]
    score: Score
    cost: float


def settle(
    parts: Mapping[str, Solid], usual: Mapping[Pair, Limit], movable: Collection[str], rules: Sequence[Rule] = ()
) -> Stage[Settled]:
    """Shift the ``movable`` parts of one shape so that its joints become usual (`joints.score`), parts in model order, and
    that none ends above another one against the ``rules``.

    Part by part, pattern search (Hooke and Jeeves 1961) over translations with falling step size: along the axes, the
    diagonals up, down, forth and back, the part's own gaps, and as far up or down as puts it in order.
    Only moves that lower the score by more than their price
    are made, none that leaves the cube [-0.5, 0.5]^3, and none that mends one piece by tearing off another.
    Deterministic. Raises InputError for a movable part that the shape lacks.
    """
    unknown = [name for name in movable if name not in parts]
    if unknown:
        raise InputError(f"the shape has no part {', '.join(unknown)} to move; it has {', '.join(parts)}")
    places: dict[str, Offset] = {name: np.zeros(3) for name in parts}
    seen = sides(parts, places)
    task = _Task(parts, usual, rules, _loose(parts, seen))
    now = first = _stand(task, places, seen)
    turns = [name for name in parts if name in movable] * SWEEPS
    yield Progress(stage="settle", done=0, total=len(turns))
    last: _Stand | None = None
    for number, name in enumerate(turns):
        if number % len(movable) == 0:  # a sweep in which nothing moved is the last
            if now is last:
                break
            last = now
        beat = Progress(stage="settle", done=number, total=len(turns), message=name)
        now = yield from _turn(task, name, now, beat)
    if set(movable) >= set(parts):
        now = _anchored(task, now)
    yield Progress(stage="settle", done=len(turns), total=len(turns))
    moves = {n: (float(o[0]) + 0.0, float(o[1]) + 0.0, float(o[2]) + 0.0) for n, o in now.places.items() if o.any()}
    return Settled(moves, first.score, now.score, now.joints)


def _turn(task: _Task, name: str, now: _Stand, beat: Progress) -> Stage[_Stand]:
    """Where the parts stand after one of them was moved as far as that helps; yields ``beat``."""
    for size in STEPS:
        helped: Offset | None = None
        while now.places[name].any() or _concerned(name, now.score):
            best = now
            for way in _ways(task, name, now, size, helped):
                place = now.places[name] + way
                if _fits(task.parts[name], now.places[name], place) and _least(task, name, now, way) < best.cost:
                    tried = _moved(task, name, now, way)
                    yield beat
                    best = min(best, tried, key=lambda one: one.cost)
                if helped is not None and best.cost < now.cost - LEAST_GAIN:
                    break  # what helped before helps again
            if best.cost >= now.cost - LEAST_GAIN:
                break
            helped = best.places[name] - now.places[name]
            now = best
    return now


def _concerned(name: str, found: Score) -> bool:
    """Whether a part has to do with what is wrong."""
    return any(name in pair and sum(over) > 0 for pair, over in found.excess.items()) or any(
        name in pair for pair in found.order
    )


def _anchored(task: _Task, now: _Stand) -> _Stand:
    """The same without what all parts moved in common: one of them stands still if that makes all moves shorter."""
    best = now
    for still in now.places.values():
        places = {name: place - still for name, place in now.places.items()}
        price = sum(_price(place) for place in places.values())
        fits = all(_fits(task.parts[name], np.zeros(3), place) for name, place in places.items())
        if fits and price < sum(_price(place) for place in best.places.values()):
            tried = _stand(task, places, sides(task.parts, places))
            best = tried if tried.score.total <= now.score.total else best
    return best


def _stand(task: _Task, places: Mapping[str, Offset], seen: Mapping[Pair, Side]) -> _Stand:
    found = joints_of(seen, list(task.parts))
    excess = score(found, task.usual, task.order(places))
    torn = sum(float(np.maximum(gaps - task.loose[name], 0).sum()) for name, gaps in _loose(task.parts, seen).items())
    price = sum(_price(place) for place in places.values())
    return _Stand(places, seen, found, excess, excess.total + price + TORN * torn)


def _loose(parts: Mapping[str, Solid], seen: Mapping[Pair, Side]) -> dict[str, Offset]:
    """Gap (S,) between each piece of every part and the nearest other part."""
    if len(parts) < 2:
        return {}
    return {a: np.min([seen[a, b].gaps for b in parts if b != a], axis=0) for a in parts}


def _moved(task: _Task, name: str, now: _Stand, way: Offset) -> _Stand:
    """The same with one part shifted by ``way`` (3,)."""
    there = {**now.places, name: now.places[name] + way}
    seen = {
        (a, b): side(task.parts[a], task.parts[b], there[a], there[b], known) if name in (a, b) else known
        for (a, b), known in now.seen.items()
    }
    return _stand(task, there, seen)


def _least(task: _Task, name: str, now: _Stand, way: Offset) -> float:
    """What a shift of one part costs at least: no gap and no depth shrinks by more than the part moves (and ``NOISE``)."""
    length = float(np.linalg.norm(way)) + NOISE
    concerned = {pair for pair in now.score.excess if name in pair or REST in pair}
    least = sum(max(0.0, one - length * (pair in concerned)) for pair, over in now.score.excess.items() for one in over)
    places = {**now.places, name: now.places[name] + way}
    return least + sum(task.order(places).values()) + sum(_price(place) for place in places.values())


def _ways(task: _Task, name: str, now: _Stand, size: float, helped: Offset | None) -> list[Offset]:
    """Steps to try: the one that helped before, those of ``DIRECTIONS``, and along the part's gaps, one way and the other,
    and into order."""
    part, ways = task.parts[name], [] if helped is None else [helped]
    ways += [*(DIRECTIONS * size)]
    for pair, one in now.joints.items():
        for ends in one.gaps if name in pair else ():
            way = ends[1] - ends[0]
            length = float(np.linalg.norm(way))
            if length > LEAST_GAIN:
                ways += [sign * way * min(1.0, size / length) for sign in (1.0, -1.0)]
    heights = task.heights(now.places)
    for rule in task.rules:
        if name in (rule.lower, rule.upper) and (over := rule.over(heights)):
            ways.append(np.array([0.0, over if name == rule.upper else -over, 0.0]))
    largest = part.points[part.shell == 0, 0]  # beside it there may be crumbs
    if min(abs(float(part.bounds[:, 0].mean())), abs(float(largest.min() + largest.max())) / 2) < MIDDLE:
        ways = [way * [0.0, 1.0, 1.0] for way in ways if way[1:].any()]
    return ways


def _price(offset: Offset) -> float:
    """What standing ``offset`` (3,) away costs, in units of the score."""
    return PRICE * float(np.linalg.norm(offset * [SIDEWAYS, 1.0, 1.0]))


def _fits(part: Solid, now: Offset, then: Offset) -> bool:
    """Whether a part does not leave the cube (further than it already does)."""
    low, high = part.bounds
    beyond = [float(np.maximum(np.maximum(high + o - 0.5, -0.5 - (low + o)), 0).max()) for o in (now, then)]
    return beyond[1] <= beyond[0]
