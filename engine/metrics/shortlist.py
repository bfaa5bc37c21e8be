"""The nearest clouds of many, without measuring every pair: a rough look chooses who is measured exactly."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from engine.metrics.matrices import Matrices, distances
from engine.metrics.measures import Means
from engine.protocol import Stage

KEPT = 24  # candidates of each row that are measured with all points
EVERY = 8  # a rough look takes every eighth point


def nearest(
    sets: Mapping[str, NDArray], wanted: Iterable[tuple[str, str]], means: Means, kept: int = KEPT
) -> Stage[Matrices]:
    """As `distances` of ``wanted`` pairs of ``sets``, clouds (N, P, 3) by name, but for the smallest ones of each row alone;
    the others are inf.

    ``kept`` candidates of each row, those nearest by every eighth point, are measured with all points. The row's minimum
    is that of the whole matrix unless so many others look nearer than the nearest one does: of 60 procedural chairs
    beside 800 with 2,048 points none, even with 16 candidates; with 1,024 points and 16 candidates 4 of 60, off by 5 % at
    most. Where there are hardly more columns than candidates, all are measured. A set against itself has a diagonal of 0
    beside its candidates.
    """
    wanted = list(wanted)
    large = [(a, b) for a, b in wanted if len(sets[b]) > 4 * kept]
    rough = {name: sets[name][:, ::EVERY] for pair in large for name in pair}
    looked = (yield from distances(rough, large, means.chamfer, None, means.workers)) if large else None
    only = {}
    for a, b in large:
        assert looked is not None
        block = looked.between(a, b)
        count = kept + (a == b)
        mask = np.zeros(block.shape, bool)
        np.put_along_axis(mask, np.argpartition(block, count, axis=1)[:, :count], True, axis=1)
        only[a, b] = mask
    return (yield from distances(sets, wanted, means.chamfer, means.folder, means.workers, only))
