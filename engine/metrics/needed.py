"""Which distances a score reads, so that no others are measured: the scores are the same, but for rounding.

MMD, coverage, 1-NNA and verdicts read nothing but the smallest distance of each row (or column) among some columns: all, or
those that a resample has drawn. With numbers that the distances are not below (`below`), the smallest ones are found so:

1. Measured is what has the lowest such number, of each row among each set of columns. Each set then has a measured entry, so
   its smallest distance is not above the smallest of these. Let r be the largest of these smallest ones, of a row.
2. Measured is what has such a number that is not above r. What is left is above r, thus above the smallest distance of each
   set: it is none of them, and no tie with one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from engine.metrics.chamfer import TELL_EVERY
from engine.metrics.intervals import draws
from engine.protocol import Progress, Stage

Pair = tuple[str, str]
Blocks = Mapping[Pair, NDArray[np.float64]]
Masks = Mapping[Pair, NDArray[np.bool_]]
ROUNDING = 1e-9  # of a distance; that of both numbers is far below


@dataclass(frozen=True)
class Look:
    """One way in which the distances of a pair of sets are read: the smallest of each row among some columns.

    turned : rows are those of the second set of the pair; among : (R, M) bool, which columns, R times
    """

    pair: Pair
    turned: bool
    among: NDArray[np.bool_]

    def table(self, block: NDArray) -> NDArray:
        """A block (N, M) of the pair, or what is known of its entries, with rows as this look has them."""
        return block.T if self.turned else block


def smallest_of_rows(pairs: Iterable[Pair], sizes: Mapping[str, int]) -> list[Look]:
    """Looks for the smallest distance of each row alone."""
    return [Look(pair, False, np.ones((1, sizes[pair[1]]), bool)) for pair in pairs]


def read_by_scores(name: str, reference: str, n: int, m: int, resamples: int, seed: int) -> list[Look]:
    """Looks of `scores.score` for the set ``name`` of n shapes against the set ``reference`` of m."""
    rows, columns = draws(n, m, resamples, seed)
    own, others = _drawn(rows, n), _drawn(columns, m)
    return [
        Look((name, name), False, own),
        Look((reference, reference), False, others),
        Look((name, reference), False, others),
        Look((name, reference), True, own),
    ]


def needed(least: Blocks, looks: Sequence[Look], measure: Callable[[Masks], Stage[Blocks]]) -> Stage[Blocks]:
    """Distances by pair, those that ``looks`` read; others are there or inf.

    least : what the distances are not below; symmetric for a set against itself, whose diagonal is not read
    measure : exact distances where masks are true; others may be inf. It is called twice.
    """
    first = _masks(least)
    for look in looks:
        table = look.table(_apart(look.pair, least[look.pair]))
        rows = np.arange(len(table))
        for column in (yield from _first(table, look.among)):
            look.table(first[look.pair])[rows, column] = True
    values = yield from measure(first)
    second = _masks(least)
    for look in looks:
        table = look.table(_apart(look.pair, np.where(first[look.pair], values[look.pair], np.inf)))
        column = yield from _first(table, look.among)
        most = np.take_along_axis(table, column.T, 1).max(1, keepdims=True)  # (N, 1)
        look.table(second[look.pair])[:] |= look.table(least[look.pair]) <= most * (1 + ROUNDING)
    more = yield from measure({pair: mask & ~first[pair] for pair, mask in second.items()})
    both = {pair: np.where(mask, more[pair], np.inf) for pair, mask in second.items()}
    return {pair: np.where(first[pair], values[pair], block) for pair, block in both.items()}


def _drawn(rows: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """(R + 1, count) which shapes each of R resamples (R, count) has; all in the last row."""
    found = np.zeros((len(rows) + 1, count), bool)
    np.put_along_axis(found[:-1], rows, True, 1)
    found[-1] = True
    return found


def _masks(blocks: Blocks) -> dict[Pair, NDArray[np.bool_]]:
    """Nothing of any block but the diagonals of sets against themselves, which cost nothing."""
    found = {pair: np.zeros(block.shape, bool) for pair, block in blocks.items()}
    for (a, b), mask in found.items():
        np.fill_diagonal(mask, a == b)
    return found


def _apart(pair: Pair, block: NDArray[np.float64]) -> NDArray[np.float64]:
    """The block, without its diagonal where it is of one set."""
    if pair[0] != pair[1]:
        return block
    return np.where(np.eye(len(block), dtype=bool), np.inf, block)


def _first(table: NDArray[np.float64], among: NDArray[np.bool_]) -> Stage[NDArray[np.int64]]:
    """(R, N) column of the smallest entry of each row of ``table`` (N, M), R times among some columns (R, M)."""
    found = np.empty((len(among), len(table)), np.int64)
    told = monotonic()
    for place, row in enumerate(table):
        order = row.argsort(kind="stable")
        found[:, place] = order[among[:, order].argmax(1)]
        if monotonic() - told > TELL_EVERY:
            told = monotonic()
            yield Progress(stage="smallest", done=place + 1, total=len(table))
    return found
