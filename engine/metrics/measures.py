"""The distances that sets are compared by, each cut into pieces of work that may be done in any order and side by side."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.metrics.directed import tasks
from engine.metrics.emd import POINTS, bound, matched, subset
from engine.metrics.work import Found, Task

COLUMNS = 32  # pairs of one piece of work of exact EMD: about 0.1 s


@dataclass(frozen=True)
class Measure:
    """A symmetric distance of clouds.

    name : tells everything that the numbers depend on beside the two clouds, and their version; letters, digits and -
    unit : how to read the numbers
    ways : how many numbers are summed for a pair: 2 where each direction is measured by itself
    tasks : clouds (K, P, 3) and which pairs are missing (K, K), an upper triangle -> pieces of work of at most 0.5 s, which
    may measure others as well
    """

    name: str
    unit: str
    ways: int
    tasks: Callable[[NDArray[np.float64], NDArray[np.bool_]], Iterator[Task]]


CHAMFER = Measure("chamfer", "mean squared nearest distance, both directions summed", 2, tasks)


def emd_measure(points: int = POINTS, seed: int = 0) -> Measure:
    """`emd` of subsets of ``points`` points; their number and seed are in the name."""
    unit = f"mean distance of {points} points, optimally matched"
    return Measure(f"emd-{points}-seed-{seed}", unit, 1, partial(_pieces, matched, points, seed))


def emd_below(points: int = POINTS, seed: int = 0) -> Measure:
    """What the distances of `emd_measure` are not below, in a third of the time."""
    unit = f"not above the mean distance of {points} points, optimally matched"
    return Measure(f"emd-{points}-below-seed-{seed}", unit, 1, partial(_pieces, bound, points, seed))


def _pieces(
    of: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    points: int,
    seed: int,
    clouds: NDArray[np.float64],
    missing: NDArray[np.bool_],
) -> Iterator[Task]:
    few = {int(i): subset(clouds[i], points, seed) for i in np.flatnonzero(missing.any(0) | missing.any(1))}
    for row, lacks in enumerate(missing):
        columns = np.flatnonzero(lacks)
        for start in range(0, len(columns), COLUMNS):
            yield partial(_between, of, few, row, columns[start : start + COLUMNS])


def _between(
    of: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    few: dict[int, NDArray[np.float64]],
    row: int,
    columns: NDArray[np.int64],
) -> Found:
    values = np.array([of(few[row], few[int(column)]) for column in columns])
    return Found(np.full(len(columns), row), columns, values)


@dataclass(frozen=True)
class Means:
    """What distances are computed with: a folder that keeps them, threads, and the Chamfer distance of the device."""

    folder: Path | None = None
    workers: int = 1
    chamfer: Measure = CHAMFER
