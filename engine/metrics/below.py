"""What Chamfer distances are not below, for all pairs of many clouds, at a tenth of what the distances themselves cost.

The squared distance of a place x to the nearest point of a cloud B is

    d²(x) = |x|² + min over b in B of (|b|² - 2 b·x).

The second summand is a minimum of functions that are linear in x, hence concave. Let p lie in a cell of a lattice with step
h, with corners x_i and trilinear weights w_i, which are not negative and sum to 1, with Σ w_i x_i = p. Then

    d²(p) >= Σ w_i d²(x_i) - (Σ w_i |x_i|² - |p|²),    and the bracket is h² Σ over the axes of t (1 - t)

with t, the share of the cell that lies before p along an axis: h² / 2 on average. So the mean over the points of a cloud A is
not below a sum over lattice nodes, whose weights belong to A and whose squared distances to B alone; all pairs are a product
of a sparse matrix with a dense one. The nodes are searched once for each B, not once for each pair.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from engine.metrics.measures import Measure
from engine.metrics.pool import Pool
from engine.metrics.work import Found, Task

CELLS = 56  # of the lattice along the longest side of all clouds, or up to a fifth more or fewer
ROUNDING = 1e-9  # of a cell's squared side: taken off as well, so that no bound is above a distance of nearly nothing
TOGETHER = 32  # clouds whose weights are worked out at a time: about 0.1 s

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def below(clouds: Floats) -> Measure:
    """Lower bounds of the Chamfer distances of ``clouds`` (K, P, 3), as a measure. Its name tells the lattice's step, a power
    of the root of 2, and the lattice is the same for all clouds in space: a number depends on its pair alone."""
    side = float((clouds.max((0, 1)) - clouds.min((0, 1))).max())
    halves = 0 if side == 0 else round(2 * np.log2(CELLS / side))
    unit = "not above the mean squared nearest distance, both directions summed"
    return Measure(f"chamfer-below-{halves}", unit, 2, partial(_tasks, 2.0 ** (-halves / 2)))


@dataclass(frozen=True)
class Weights:
    """Of N clouds in a lattice: ``cloud`` and ``node`` (E,) with a weight (E,), and what is taken off (N,)."""

    cloud: Ints
    node: Ints
    weight: Floats
    off: Floats


class Lattice:
    """Clouds as weights of the nodes about them."""

    def __init__(self, some: list[Weights], step: float, origin: Ints, sides: Ints) -> None:
        """some : of one cloud after another; step, origin and sides : of the lattice, in steps"""
        self.off = np.concatenate([one.off for one in some])
        starts = np.cumsum([0, *(len(one.off) for one in some)])
        cloud = np.concatenate([one.cloud + start for one, start in zip(some, starts, strict=False)])
        node, weight = (np.concatenate(ends) for ends in zip(*((one.node, one.weight) for one in some), strict=True))
        there = np.zeros(int(sides.prod()), bool)
        there[node] = True
        used, column = np.flatnonzero(there), (np.cumsum(there) - 1)[node]
        ends = np.cumsum(np.bincount(cloud, minlength=len(self.off)))
        self.weights = csr_array((weight, column, np.concatenate([[0], ends])), shape=(len(self.off), len(used)))
        nodes = (np.stack(np.unravel_index(used, sides), 1) + origin).astype(np.float64)  # (M, 3)
        self.nodes = Pool(nodes[:, None] * step)

    def below(self, target: Floats) -> Floats:
        """(N,) what the mean squared nearest distances to a target (P, 3) are not below."""
        found: Floats = np.maximum(self.weights @ self.nodes.mean_squared(target) - self.off, 0)
        return found


def _tasks(step: float, clouds: Floats, missing: NDArray[np.bool_]) -> Iterator[Task]:
    """Both directions of every pair that is ``missing`` (K, K), an upper triangle."""
    need = missing | missing.T
    there = np.flatnonzero(need.any(1))
    if not len(there):
        return
    low, high = (np.floor(end / step).astype(np.int64) for end in (clouds.min((0, 1)), clouds.max((0, 1))))
    sides, some = high - low + 2, []
    for start in range(0, len(there), TOGETHER):
        some.append(weights_of(clouds[there[start : start + TOGETHER]], step, low, sides))
        yield _nothing
    lattice = Lattice(some, step, low, sides)
    for target in there:
        yield partial(_measure, lattice, clouds, need[there, target], there, int(target))


def weights_of(clouds: Floats, step: float, origin: Ints, sides: Ints) -> Weights:
    """Weights of clouds (N, P, 3) in a lattice that holds them; nodes are numbered as in an array of the shape ``sides``."""
    place = clouds / step
    cell = np.floor(place).astype(np.int64)
    share = place - cell  # (N, P, 3)
    cell -= origin
    count, points = clouds.shape[:2]
    nodes, weights = [], []
    for corner in np.ndindex(2, 2, 2):
        nodes.append(np.ravel_multi_index(tuple((cell + corner).transpose(2, 0, 1)), tuple(sides)))
        weights.append(np.where(corner, share, 1 - share).prod(2))
    volume = int(sides.prod())
    own = np.stack(nodes) + volume * np.arange(count)[:, None]  # (8, N, P)
    found, which = np.unique(own, return_inverse=True)
    weight = np.bincount(which.ravel(), np.stack(weights).ravel()) / points
    off = step**2 * ((share * (1 - share)).sum(2).mean(1) + ROUNDING)
    return Weights(found // volume, found % volume, weight, off)


def _measure(lattice: Lattice, clouds: Floats, need: NDArray[np.bool_], there: Ints, target: int) -> Found:
    """Of those clouds of ``there`` (N,) that ``need`` (N,) to be."""
    rows = there[need]
    return Found(rows, np.full(len(rows), target), lattice.below(clouds[target])[need])


def _nothing() -> Found:
    none = np.zeros(0, np.int64)
    return Found(none, none, np.zeros(0))
