"""Exact earth mover's distance between point clouds, by an assignment solver."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from engine.errors import InputError
from engine.metrics.chamfer import checked
from engine.storage import digest, seed_of

POINTS = 256  # of a subset: 7 ms a pair; the solver's time grows with the cube of this


def emd(a: NDArray, b: NDArray) -> float:
    """Earth mover's distance of two clouds of one size: the smallest mean distance over all matchings of their points.

    a, b : (P, 3), any frame; the result is in units of that frame (plain distances, not squared: the 1-Wasserstein
    distance of two even distributions). Exact: the matching is the optimum (Crouse 2016, through scipy). It grows with
    sparseness: two small samples of one surface are not at distance 0, so compare it with real shapes at the same P.
    InputError when the sizes differ, or when a cloud is empty or not finite.
    """
    a, b = (checked(np.asarray(cloud)[None])[0] for cloud in (a, b))
    if len(a) != len(b):
        raise InputError(f"clouds of {len(a)} and {len(b)} points cannot be matched one to one; take equally many")
    return matched(a, b)


def matched(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """`emd` of two clouds (P, 3) that were checked before."""
    distance = cdist(a, b)  # (P, P)
    return float(distance[linear_sum_assignment(distance)].mean())


def subset(cloud: NDArray, points: int = POINTS, seed: int = 0) -> NDArray[np.float64]:
    """(points, 3) of a cloud (P, 3), drawn without replacement by ``seed`` and the cloud's own numbers.

    So the draw depends on nothing else in the set, and equal clouds have equal subsets. InputError when P < ``points``.
    """
    cloud = np.ascontiguousarray(cloud, np.float64)
    if len(cloud) < points:
        raise InputError(
            f"a subset of {points} points cannot be drawn from a cloud of {len(cloud)}; sample more points"
        )
    rng = np.random.default_rng(seed_of("emd", seed, digest(cloud.tobytes())))
    return cloud[rng.choice(len(cloud), points, replace=False)]
