"""Order: which part ends above which in training shapes, and how far a shape is out of it.

How parts touch does not tell that legs come out above the top of a table, or that a roof lies under its car. So the ends of
each part, top and bottom, are compared with those of each other part, along y, which is up: what is hardly ever the higher
one in training shapes should not be the higher one. How much lower it is counts as size, not as order.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations

import msgspec
import numpy as np

UP = 1
ENDS = ("bottom", "top")
PERCENTILE = 99.5  # of the training shapes whose lower part may be so high
LEAST = 20  # training shapes that must have both parts
SPARE = 0.005  # cube units: decoded surfaces are so far off, half a cell of a grid of 128
FLUSH = 0.01  # cube units; parts that are lower by more may become higher by that much less before they count
NOISE = 5e-4  # cube units: being higher by less is nothing
CLEAR = 0.002  # cube units by which `lifts` goes further than it must

Heights = Mapping[str, tuple[float, float]]  # part or copy -> where its bottom and its top are along y, cube units
Pair = tuple[str, str]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An end of ``lower`` (0 its bottom, 1 its top) is at most ``highest`` cube units above that of ``upper``."""

    lower: str
    upper: str
    end: int
    highest: float

    def over(self, heights: Heights) -> float:
        """By how much it is higher than that, cube units; 0 for parts that are not there."""
        if self.lower not in heights or self.upper not in heights:
            return 0.0
        over = heights[self.lower][self.end] - heights[self.upper][self.end] - self.highest
        return over if over > NOISE else 0.0


def rules_of(training: Iterable[Heights]) -> tuple[Rule, ...]:
    """The order of parts that training shapes have in common; () of few shapes."""
    seen: dict[Pair, list[tuple[float, float]]] = {}
    for heights in training:
        for lower, upper in permutations(heights, 2):
            one, other = heights[lower], heights[upper]
            seen.setdefault((lower, upper), []).append((one[0] - other[0], one[1] - other[1]))
    found = []
    for (lower, upper), above in seen.items():
        for end, highest in enumerate(np.percentile(above, PERCENTILE, axis=0).tolist()):
            if len(above) >= LEAST and highest <= SPARE:
                found.append(Rule(lower, upper, end, round(max(highest, -FLUSH) + SPARE, 5)))
    return tuple(found)


def rules_for(part_of: Mapping[str, str], rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules of everything that stands somewhere, name -> its part; a copy has those of its part."""
    return tuple(
        Rule(lower, upper, rule.end, rule.highest)
        for rule in rules
        for lower, upper in permutations(part_of, 2)
        if (part_of[lower], part_of[upper]) == (rule.lower, rule.upper)
    )


def out_of_order(heights: Heights, rules: Sequence[Rule]) -> dict[Pair, float]:
    """(lower, upper) -> by how much the one ends above the other, cube units, both ends together; {} where all is right."""
    found: dict[Pair, float] = {}
    for rule in rules:
        if over := rule.over(heights):
            found[rule.lower, rule.upper] = found.get((rule.lower, rule.upper), 0.0) + over
    return found


def lifts(heights: Heights, rules: Sequence[Rule], most: float) -> list[tuple[str, float]]:
    """The shifts up (or down, < 0) of a single part by at most ``most`` that set all right, (part, cube units): the
    shortest first, of equals that of the later part, which is a detail of those before it more often than they of it."""
    found = []
    for number, (name, (bottom, top)) in enumerate(heights.items()):
        if any(rule.over(heights) and name not in (rule.lower, rule.upper) for rule in rules):
            continue
        room = [
            (heights[rule.lower][rule.end] - heights[rule.upper][rule.end] - rule.highest, rule.lower == name)
            for rule in rules
            if name in (rule.lower, rule.upper) and rule.lower in heights and rule.upper in heights
        ]
        least = max([over for over, lower in room if not lower], default=-1.0)
        largest = min([-over for over, lower in room if lower], default=1.0)
        by = max(0.0, least + CLEAR) + min(0.0, largest - CLEAR)
        if least <= by <= largest and 0 < abs(by) <= most and bottom + by > -0.5 and top + by < 0.5:
            found.append((name, -number, by))
    return [(name, by) for name, _, by in sorted(found, key=lambda one: (round(abs(one[2]), 6), one[1]))]
