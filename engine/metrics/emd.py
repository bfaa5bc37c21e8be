"""Exact earth mover's distance between point clouds, by an assignment solver, and what it is not below.

Prices of the points of both clouds (dual variables) come first, from a few rounds of Sinkhorn's scaling (Cuturi 2013), in two
widths. Taking them off the distances changes every matching by the same sum, so the best one stays the best, and the solver,
which looks for shortest ways, finds it in less than half the time. No matching costs less than the prices together with what
the cheapest pair of each point costs then: by weak duality the distance is not below that, and seldom more than 3 % above.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from engine.errors import InputError
from engine.metrics.chamfer import checked
from engine.storage import digest, seed_of

POINTS = 256  # of a subset: 2.5 ms a pair, 0.7 ms its bound; the solver's time grows with the cube of this
WIDTHS = ((0.03, 20), (0.005, 10))  # of the scaling, in mean distances, and its rounds (measured: the quickest solver)
ROUNDING = 1e-9  # of the mean distance: taken off, so that no bound is above a distance of nothing
MOST = 1e8  # of a scaled entry, which rounding may lift above 1


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
    return float(distance[linear_sum_assignment(_reduced(distance)[0])].mean())


def bound(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """What `matched` is not below, rounding included."""
    distance = cdist(a, b)
    left, prices = _reduced(distance)
    return max(0.0, prices + max(left.min(0).mean(), left.min(1).mean()) - ROUNDING * float(distance.mean()))


def _reduced(distance: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Distances (P, P) less the prices of their points, and the mean price of a pair."""
    width, tiny = float(distance.mean()), np.finfo(np.float32).tiny
    first = distance.min(1)
    left, prices = distance - first[:, None], float(first.mean())
    if not width > 0:
        return left, prices
    for share, rounds in WIDTHS:
        scaled = np.minimum(np.exp((left / (-share * width)).astype(np.float32)), np.float32(MOST))
        columns = np.ones(len(left), np.float32)
        for _ in range(rounds):
            rows = 1 / np.maximum(scaled @ columns, tiny)
            columns = 1 / np.maximum(rows @ scaled, tiny)
        own, others = (share * width * np.log(one.astype(np.float64)) for one in (rows, columns))
        left = left - own[:, None] - others
        prices += float(own.mean() + others.mean())
    return left, prices


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
