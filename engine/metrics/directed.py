"""Mean squared nearest distances from many clouds to many others, as pieces of work: what Chamfer distances are made of.

Clouds that are asked how near they are to several others are put into a pool, which is five times as fast as a k-d tree but
has to be built for just these clouds. Scattered pairs are better off with trees, unless there are so many that all pairs
are sooner measured.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from engine.metrics.pool import Pool, grown
from engine.metrics.work import Found, Task

POOLED = 2**19  # points of one pool: about 0.3 s to build, and 60 MB
FEWEST = 8  # sources of a pool; with fewer, or a single target, trees are quicker
SCATTERED, MANY = 0.25, 64  # of so many clouds: who lacks a larger share, and no others do alike, is asked for all
QUERIED = 64  # clouds that a tree is asked for at a time: about 0.1 s
Clouds = NDArray[np.float64]


def tasks(clouds: Clouds, missing: NDArray[np.bool_]) -> Iterator[Task]:
    """Both directions of every pair of ``clouds`` (K, P, 3) that is ``missing`` (K, K), an upper triangle.

    Clouds that lack the same others share pools of these. More pairs than are missing may come.
    """
    for sources, targets in _shared(missing | missing.T):
        if len(targets) == 1 or len(sources) < FEWEST:
            for target in targets:
                for start in range(0, len(sources), QUERIED):
                    yield partial(_queried, clouds, sources[start : start + QUERIED], int(target))
            continue
        step = max(1, POOLED // clouds.shape[1])
        for start in range(0, len(sources), step):
            some = sources[start : start + step]
            pool = _Later(partial(_pool, clouds, some))
            for target in targets:
                yield partial(_measure, pool, clouds, some, int(target))


def _shared(need: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(sources, targets) that cover a symmetric ``need`` (K, K): every one of the targets needs all of the sources.

    A cloud never needs itself; it counts as needed where that gives it the same sources as more others have.
    """
    there = np.flatnonzero(need.any(1))
    without, with_self = need[there], need[there]
    with_self[np.arange(len(there)), there] = True
    plain, own = ([row.tobytes() for row in np.packbits(rows, axis=1)] for rows in (without, with_self))
    often = Counter(plain) + Counter(own)
    every = np.zeros(len(need), bool)
    every[there] = True
    whole, most = np.packbits(every).tobytes(), SCATTERED * len(there)
    groups: dict[bytes, list[int]] = {}
    for place, target in enumerate(there):
        key = max(plain[place], own[place], key=lambda name: often[name])
        if often[key] < FEWEST and len(there) >= MANY and need[target].sum() > most:
            key = whole
        groups.setdefault(key, []).append(int(target))
    for key, targets in groups.items():
        sources = np.unpackbits(np.frombuffer(key, np.uint8), count=len(need))
        yield np.flatnonzero(sources), np.array(targets)


def _measure(pool: "_Later", clouds: Clouds, sources: NDArray[np.int64], target: int) -> Found:
    values = pool().mean_squared(clouds[target])
    other = sources != target
    return Found(sources[other], np.full(int(other.sum()), target), values[other])


def _queried(clouds: Clouds, sources: NDArray[np.int64], target: int) -> Found:
    tree, other = grown(clouds[target]), sources[sources != target]
    values = np.array([np.square(tree.query(clouds[source])[0]).mean() for source in other], np.float64)
    return Found(other, np.full(len(other), target), values)


def _pool(clouds: Clouds, rows: NDArray[np.int64]) -> Pool:
    return Pool(clouds[rows])


class _Later:
    """A pool that is made by the first thread that asks for it; the others wait."""

    def __init__(self, make: Callable[[], Pool]) -> None:
        self._make, self._lock = make, Lock()
        self._made: Pool | None = None

    def __call__(self) -> Pool:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
