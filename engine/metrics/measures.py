"""The distances that sets are compared by, each as one named function from one cloud to several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.metrics.chamfer import grown, mean_squared, ordered
from engine.metrics.emd import POINTS, matched, subset


@dataclass(frozen=True)
class Measure:
    """A symmetric distance of clouds.

    name : tells everything that the numbers depend on beside the two clouds, and their version; letters, digits and -
    unit : how to read the numbers
    prepare : from a cloud (P, 3) what `row` needs of it, made once
    row : (K,) distances from one prepared cloud to K others
    """

    name: str
    unit: str
    prepare: Callable[[NDArray[np.float64]], Any]
    row: Callable[[Any, Sequence[Any]], NDArray[np.float64]]


def _chamfer_row(one: cKDTree, others: Sequence[cKDTree]) -> NDArray[np.float64]:
    points = ordered([one])
    there = np.array([mean_squared(points, other, 1)[0] for other in others])
    return there + mean_squared(ordered(list(others)), one, 1)


CHAMFER = Measure("chamfer", "mean squared nearest distance, both directions summed", grown, _chamfer_row)


def emd_measure(points: int = POINTS, seed: int = 0) -> Measure:
    """`emd` of subsets of ``points`` points; their number and seed are in the name."""

    def prepare(cloud: NDArray[np.float64]) -> NDArray[np.float64]:
        return subset(cloud, points, seed)

    def row(one: NDArray[np.float64], others: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.array([matched(one, other) for other in others])

    return Measure(f"emd-{points}-seed-{seed}", f"mean distance of {points} points, optimally matched", prepare, row)
