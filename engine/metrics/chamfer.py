"""Exact Chamfer distances between point clouds, by k-d trees."""

from time import monotonic

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.errors import InputError
from engine.protocol import Progress, Stage

TELL_EVERY = 0.2  # seconds between Progress events
CHUNK = 65_536  # query points per call: about 0.05 s, so that a stage can be stopped between two calls


def chamfer(a: NDArray, b: NDArray, workers: int = 1) -> float:
    """Chamfer distance of two clouds: mean squared nearest distance from ``a`` to ``b`` plus that from ``b`` to ``a``.

    a : (P, 3), b : (Q, 3), any frame; the result is in squared units of that frame. ``workers`` threads share the
    queries (-1: all cores). Equals the entry of `chamfer_matrix` for these two clouds bit for bit. InputError when a
    cloud is empty, not finite or of another shape.
    """
    tree_a, tree_b = (grown(checked(np.asarray(cloud)[None])[0]) for cloud in (a, b))
    there = mean_squared(ordered([tree_a]), tree_b, workers)
    back = mean_squared(ordered([tree_b]), tree_a, workers)
    return float(there[0] + back[0])


def chamfer_matrix(
    a: NDArray, b: NDArray | None = None, *, stage: str = "distances", workers: int = 1
) -> Stage[NDArray[np.float64]]:
    """(N, M) float64 Chamfer distances (as `chamfer`) of all pairs of two sets of clouds.

    a : (N, P, 3), b : (M, Q, 3). Without ``b`` the pairs within ``a``: each pair is measured once, the matrix is
    exactly symmetric and its diagonal is 0, the true distance of a cloud to itself (`one_nna` leaves it out by itself).
    Every tree is built once. A number does not depend on what else is in the sets. ``stage`` names the Progress events,
    whose unit is one cloud against one tree. InputError as `chamfer`.
    """
    a = checked(np.asarray(a))
    if b is None:
        trees = [grown(cloud) for cloud in a]
        one_way = yield from directed(trees, trees, stage, 0, len(a) ** 2, workers)
        return one_way + one_way.T
    b = checked(np.asarray(b))
    sources, targets = [grown(cloud) for cloud in a], [grown(cloud) for cloud in b]
    total = 2 * len(a) * len(b)
    there = yield from directed(sources, targets, stage, 0, total, workers)  # (N, M)
    back = yield from directed(targets, sources, stage, total // 2, total, workers)  # (M, N)
    return there + back.T


def directed(
    sources: list[cKDTree], targets: list[cKDTree], stage: str, done: int, total: int, workers: int
) -> Stage[NDArray[np.float64]]:
    """(N, M) mean squared distance from the points of each source to their nearest points of each target."""
    result = np.zeros((len(sources), len(targets)))
    step = max(1, CHUNK // sources[0].n)
    told = monotonic()
    yield Progress(stage=stage, done=done, total=total)
    for first in range(0, len(sources), step):
        queries = ordered(sources[first : first + step])
        for column, target in enumerate(targets):
            result[first : first + step, column] = mean_squared(queries, target, workers)
            done += len(queries)
            if monotonic() - told > TELL_EVERY:
                told = monotonic()
                yield Progress(stage=stage, done=done, total=total)
    yield Progress(stage=stage, done=done, total=total)
    return result


def mean_squared(queries: NDArray, target: cKDTree, workers: int) -> NDArray[np.float64]:
    """(N,) mean squared distance from the points of each of the clouds ``queries`` (N, P, 3) to ``target``."""
    distance, _ = target.query(queries, workers=workers)  # (N, P)
    mean: NDArray[np.float64] = np.square(distance).mean(1)
    return mean


def ordered(trees: list[cKDTree]) -> NDArray[np.float64]:
    """(N, P, 3) the clouds of trees of one size, each in the order of its own tree.

    Neighbouring queries then walk the same branches of another tree, which makes them 10-15 % faster.
    """
    return np.stack([tree.data[tree.indices] for tree in trees])


def grown(cloud: NDArray) -> cKDTree:
    """Tree of one cloud, with the build options that query 2048 surface points fastest (measured)."""
    return cKDTree(cloud, leafsize=48, balanced_tree=False, compact_nodes=False)


def checked(clouds: NDArray) -> NDArray[np.float64]:
    """``clouds`` as (N, P, 3) float64; InputError when that cannot be, or when a number is not finite."""
    if clouds.ndim != 3 or clouds.shape[2] != 3 or 0 in clouds.shape:
        raise InputError(f"point clouds must have the shape (clouds, points, 3) and hold points, not {clouds.shape}")
    if not np.isfinite(clouds).all():
        bad = int((~np.isfinite(clouds).all((1, 2))).argmax())
        raise InputError(f"point cloud {bad} holds numbers that are not finite; leave empty shapes out and report them")
    return clouds.astype(np.float64)
