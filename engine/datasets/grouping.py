"""Pieces of unlabelled items matched over a data set: which piece of one shape corresponds to which piece of another.

The method, in full:

1. An item comes apart into connected solids (`engine.geometry.pieces`). Symmetric copies are one unit: pieces of about
   the same area at the same height and with the same sides, such as four legs, two arms or a ring of spokes.
2. A unit is described by the middle of its box (left and right count the same), the three sides of the box, and the root
   of its share of the item's area: seven lengths, in shares of the longest side of the shape.
3. There are as many groups as three quarters of the items have units at most, or as many as were asked for.
4. Each item's units are matched to the groups one to one, so that the summed squared distance of the descriptions to the
   group means is least (Hungarian method); units beyond the number of groups join the nearest one. Means and matches
   take turns until nothing changes, as in k-means (Lloyd 1982), from several starts, of which the best counts.

One to one is what makes it work: on 48 procedural shapes of each category with their names taken away the groups agree with
names on 96 to 100 % of the area, where plain k-means on the same numbers reaches 78 to 100 %.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engine.protocol import Progress, Stage

ALIKE = 0.1  # difference of the areas of symmetric copies, share of the larger one
CLOSE = 0.02  # difference of their heights and sides, cube units
SHARE = 0.03  # of the area: smaller units do not count when the number of groups is found
USUAL = 0.75  # share of the items that have no more units than there are groups
MOST = 8  # groups, unless more are asked for
LEARNED = 1_000  # items that the groups are learned from
STARTS, PASSES = 12, 50


class Piece(msgspec.Struct, frozen=True):
    """One piece of an item: its name there, its box in canonical space, and its area."""

    name: str
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    area: float


def units(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces with symmetric copies put together, in order of area."""
    found: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: -piece.area):
        twin = next((unit for unit in found if copies(unit[0], piece)), None)
        if twin is None:
            found.append([piece])
        else:
            twin.append(piece)
    return sorted(found, key=lambda unit: -sum(piece.area for piece in unit))


def describe(unit: Sequence[Piece], area: float) -> NDArray[np.float64]:
    """(7,) numbers of a unit of an item with so much ``area``; see step 2 above."""
    low, high = np.min([piece.low for piece in unit], 0), np.max([piece.high for piece in unit], 0)
    middle = (low + high) / 2
    share = sum(piece.area for piece in unit) / area
    return np.array([abs(middle[0]), *middle[1:], *(high - low), np.sqrt(share)])


def group_pieces(items: Sequence[Sequence[Piece]], count: int = 0, seed: int = 0) -> Stage[list[dict[str, int]]]:
    """For each item its pieces' names -> group, 0 being the largest group by area; ``count`` 0 finds their number.

    There are never more groups than an item has units at most.
    """
    parted = [units(pieces) for pieces in items]
    areas = [max(sum(piece.area for piece in pieces), 1e-12) for pieces in items]
    rows = [np.array([describe(unit, area) for unit in own]) for own, area in zip(parted, areas, strict=True)]
    count = min(count or usual([row[:, 6] ** 2 for row in rows]), max(len(row) for row in rows))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:LEARNED])
    centres = yield from _learned([rows[i] for i in chosen], count, seed)
    matches = [matched(row, centres) for row in rows]
    weight = sum(np.bincount(match, row[:, 6] ** 2, count) for match, row in zip(matches, rows, strict=True))
    rank = np.empty(count, int)
    rank[np.argsort(-np.asarray(weight), kind="stable")] = np.arange(count)
    return [
        {piece.name: int(rank[k]) for unit, k in zip(own, match, strict=True) for piece in unit}
        for own, match in zip(parted, matches, strict=True)
    ]


def usual(shares: Sequence[NDArray[np.float64]]) -> int:
    """The number of groups for items whose units have these shares of the area; see step 3 above."""
    numbers = [max(1, int((share >= SHARE).sum())) for share in shares]
    return int(np.clip(np.quantile(numbers, USUAL, method="inverted_cdf"), 1, MOST))


def matched(rows: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    """(U,) group of each unit (U, 7), largest first: one to one as far as there are groups (K, 7), then the nearest."""
    apart = ((rows[:, None] - centres) ** 2).sum(-1)
    found = apart.argmin(1)
    first, group = linear_sum_assignment(apart[: len(centres)])
    found[first] = group
    return found


def copies(a: Piece, b: Piece) -> bool:
    """Whether two pieces are symmetric copies; see step 1 above."""
    sides = [np.subtract(piece.high, piece.low) for piece in (a, b)]
    high = [(piece.low[1] + piece.high[1]) / 2 for piece in (a, b)]
    across = np.abs(np.sort(sides[0][[0, 2]]) - np.sort(sides[1][[0, 2]])).max()
    return bool(
        abs(a.area - b.area) <= ALIKE * max(a.area, b.area)
        and max(abs(high[0] - high[1]), abs(sides[0][1] - sides[1][1]), across) <= CLOSE
    )


def _learned(rows: Sequence[NDArray[np.float64]], count: int, seed: int) -> Stage[NDArray[np.float64]]:
    """(K, 7) means of the groups: the best of several starts, each from the largest units of one item."""
    rich = [row for row in rows if len(row) >= count] or [max(rows, key=len)]
    order = np.random.default_rng(seed).permutation(len(rich))[:STARTS]
    best, least = np.zeros((count, 7)), np.inf
    every = np.concatenate(rows)
    for start in range(len(order)):
        centres = rich[order[start]][:count].copy()
        before = np.full(len(every), -1)
        for _ in range(PASSES):
            yield Progress(stage="match parts", done=start, total=len(order))
            group = np.concatenate([matched(row, centres) for row in rows])
            if (group == before).all():
                break
            before = group
            for k in np.unique(group):
                centres[k] = every[group == k].mean(0)
        cost = float(((every - centres[before]) ** 2).sum())
        if cost < least:
            best, least = centres, cost
    return best
