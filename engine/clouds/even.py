"""Even subsets of points: each point as far from those before it as can be."""

import numpy as np
from numpy.typing import NDArray


def farthest(points: NDArray[np.floating], count: int, first: int = 0) -> NDArray[np.int64]:
    """(count,) rows of points (P, 3): ``first``, then always the one that is farthest from all before it.

    Farthest point sampling (Eldar et al. 1997). The first n of them are what a smaller ``count`` gives, so low
    resolutions are true subsets of high ones. count at most P. O(P count).
    """
    at = np.asarray(points, np.float64)
    rows = np.empty(count, np.int64)
    away = np.full(len(at), np.inf)  # (P,) squared distance to the nearest chosen one
    rows[:1] = first
    for i in range(1, count):
        np.minimum(away, np.square(at - at[rows[i - 1]]).sum(1), out=away)
        rows[i] = away.argmax()
    return rows
