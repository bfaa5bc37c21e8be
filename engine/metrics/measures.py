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
    block : (N, M) distances from N prepared clouds to M others; several at once share some work
    """

    name: str
    unit: str
    prepare: Callable[[NDArray[np.float64]], Any]
    block: Callable[[Sequence[Any], Sequence[Any]], NDArray[np.float64]]


def _tree(cloud: NDArray[np.float64]) -> tuple[cKDTree, NDArray[np.float64]]:
    """Tree of a cloud (P, 3), and its points (P, 3) in the order of the tree."""
    tree = grown(cloud)
    return tree, ordered([tree])[0]


def _chamfer(rows: Sequence[Any], columns: Sequence[Any]) -> NDArray[np.float64]:
    here, away = (np.stack([points for _, points in side]) for side in (rows, columns))
    there = np.stack([mean_squared(here, tree, 1) for tree, _ in columns], 1)
    back = np.stack([mean_squared(away, tree, 1) for tree, _ in rows])
    return there + back


CHAMFER = Measure("chamfer", "mean squared nearest distance, both directions summed", _tree, _chamfer)


def emd_measure(points: int = POINTS, seed: int = 0) -> Measure:
    """`emd` of subsets of ``points`` points; their number and seed are in the name."""

    def prepare(cloud: NDArray[np.float64]) -> NDArray[np.float64]:
        return subset(cloud, points, seed)

    def block(rows: Sequence[NDArray[np.float64]], columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.array([[matched(one, other) for other in columns] for one in rows])

    return Measure(f"emd-{points}-seed-{seed}", f"mean distance of {points} points, optimally matched", prepare, block)
