"""Exact Chamfer distances between point clouds."""

from time import monotonic

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.directed import POOLED
from engine.metrics.pool import Pool, grown
from engine.protocol import Progress, Stage

TELL_EVERY = 0.2  # seconds between Progress events


def chamfer(a: NDArray, b: NDArray) -> float:
    """Chamfer distance of two clouds: mean squared nearest distance from ``a`` to ``b`` plus that from ``b`` to ``a``.

    a : (P, 3), b : (Q, 3), any frame; the result is in squared units of that frame. InputError when a cloud is empty, not
    finite or of another shape. For many clouds `engine.metrics.matrices.distances` gives the same numbers sooner.
    """
    tree_a, tree_b = (grown(checked(np.asarray(cloud)[None])[0]) for cloud in (a, b))
    there, back = (np.square(one.query(other.data)[0]).mean() for one, other in ((tree_b, tree_a), (tree_a, tree_b)))
    return float(there + back)


def chamfer_matrix(a: NDArray, b: NDArray | None = None, *, stage: str = "distances") -> Stage[NDArray[np.float64]]:
    """(N, M) Chamfer distances of clouds ``a`` (N, P, 3) to clouds ``b`` (M, Q, 3), or among ``a`` without ``b``.

    Among one set the matrix is symmetric with a diagonal of 0. ``stage`` names the Progress events, whose unit is one cloud
    to one other. Nothing is kept: `distances` does that. InputError as `chamfer`.
    """
    a = checked(np.asarray(a))
    if b is None:
        one_way = yield from _one_way(a, a, stage, 0, len(a) ** 2)
        np.fill_diagonal(one_way, 0)
        return one_way + one_way.T
    b = checked(np.asarray(b))
    there = yield from _one_way(a, b, stage, 0, 2 * len(a) * len(b))
    back = yield from _one_way(b, a, stage, len(a) * len(b), 2 * len(a) * len(b))
    return there + back.T


def _one_way(
    sources: NDArray[np.float64], targets: NDArray[np.float64], stage: str, done: int, total: int
) -> Stage[NDArray[np.float64]]:
    """(N, M) mean squared distance from the points of each source to their nearest points of each target."""
    result = np.zeros((len(sources), len(targets)))
    step, told = max(1, POOLED // sources.shape[1]), monotonic()
    yield Progress(stage=stage, done=done, total=total)
    for start in range(0, len(sources), step):
        pool = Pool(sources[start : start + step])
        for column, target in enumerate(targets):
            result[start : start + step, column] = pool.mean_squared(target)
            done += pool.count
            if monotonic() - told > TELL_EVERY:
                told = monotonic()
                yield Progress(stage=stage, done=done, total=total)
    yield Progress(stage=stage, done=done, total=total)
    return result


def checked(clouds: NDArray) -> NDArray[np.float64]:
    """``clouds`` as (N, P, 3) float64; InputError when that cannot be, or when a number is not finite."""
    if clouds.ndim != 3 or clouds.shape[2] != 3 or 0 in clouds.shape:
        raise InputError(f"point clouds must have the shape (clouds, points, 3) and hold points, not {clouds.shape}")
    if not np.isfinite(clouds).all():
        bad = int((~np.isfinite(clouds).all((1, 2))).argmax())
        raise InputError(f"point cloud {bad} holds numbers that are not finite; leave empty shapes out and report them")
    return clouds.astype(np.float64)
