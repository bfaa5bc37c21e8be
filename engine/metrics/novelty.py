"""How new generated shapes are: their nearest training shapes, and the share of copies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.metrics.chamfer import chamfer_matrix
from engine.metrics.distribution import checked
from engine.protocol import Stage

COPY_PERCENTILE = 5.0


@dataclass(frozen=True)
class Novelty:
    """What each generated shape is nearest to in the training set, and how many are too near.

    nearest : (N,) int64, row of the nearest training shape (the first of equals)
    distance : (N,) float64, Chamfer distance to it
    threshold : a generated shape strictly nearer than this counts as a copy
    copies : share of copies; about 0.05 when samples are as new as unseen real shapes
    """

    nearest: NDArray[np.int64]
    distance: NDArray[np.float64]
    threshold: float
    copies: float


def novelty(gt: NDArray, ut: NDArray) -> Novelty:
    """Novelty from the distances of generated shapes ``gt`` and of unseen real shapes ``ut`` to the training set.

    gt : (N, T), ut : (U, T). The threshold is the 5th percentile of the distances from unseen real shapes to their
    nearest training shapes, so it says how near a shape comes by chance, in this category and at this number of points.
    """
    gt, ut = checked(gt), checked(ut)
    distance = gt.min(1)
    threshold = float(np.percentile(ut.min(1), COPY_PERCENTILE))
    return Novelty(gt.argmin(1), distance, threshold, float((distance < threshold).mean()))


def compare_to_training(generated: NDArray, training: NDArray, unseen: NDArray, *, workers: int = 1) -> Stage[Novelty]:
    """`novelty` of ``generated`` (N, P, 3), given ``training`` (T, P, 3) and real ``unseen`` (U, P, 3) clouds."""
    gt = yield from chamfer_matrix(generated, training, stage="generated to training", workers=workers)
    ut = yield from chamfer_matrix(unseen, training, stage="unseen to training", workers=workers)
    return novelty(gt, ut)
