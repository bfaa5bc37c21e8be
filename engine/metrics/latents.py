"""Distances in latent space: nearest rows, and the line between the two nearest."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.chamfer import TELL_EVERY
from engine.protocol import Progress, Stage

FLOOR = 0.01
FLOPS = 2e9  # of one block of a distance matrix: about 0.1 s


@dataclass(frozen=True)
class Nearest:
    """What rows (N, D) are nearest to among others (T, D).

    rows : (N, 2) int64, the nearest and the second nearest row
    distance : (N,) Euclidean distance to the nearest
    alpha : (N,) place of the foot on the straight segment from the nearest (0) to the second nearest (1), cut to it
    off : (N,) distance to that segment
    """

    rows: NDArray[np.int64]
    distance: NDArray[np.float64]
    alpha: NDArray[np.float64]
    off: NDArray[np.float64]


def standardised(training: NDArray, others: Sequence[NDArray]) -> tuple[NDArray[np.float64], ...]:
    """``training`` (T, D) and each of ``others`` (·, D), minus the mean of the training rows and over their deviation.

    Each number of a row counts alike then, but for those that hardly differ among the training rows, such as the weights of
    units that never learned anything: no deviation counts as less than FLOOR of the root mean square of all of them, or
    the least noise of a denoiser in such a number would outweigh everything. InputError when the widths differ or a number
    is not finite.
    """
    rows = [np.asarray(row, np.float64) for row in (training, *others)]
    if any(row.ndim != 2 or row.shape[1:] != rows[0].shape[1:] for row in rows) or not rows[0].size:
        told = ", ".join(str(row.shape) for row in rows)
        raise InputError(f"latents must be matrices of one width, with training rows; got the shapes {told}")
    if not all(np.isfinite(row).all() for row in rows):
        raise InputError("latents hold numbers that are not finite; leave these items out and report them")
    mean, deviation = rows[0].mean(0), rows[0].std(0)
    deviation = np.maximum(deviation, FLOOR * np.sqrt(np.square(deviation).mean()))
    if not deviation.all():
        deviation[:] = 1  # all training rows are the same
    return tuple((row - mean) / deviation for row in rows)


def nearest_rows(rows: NDArray[np.float64], others: NDArray[np.float64], *, leave_out: bool = False) -> Stage[Nearest]:
    """The two of ``others`` (T, D) nearest to each of ``rows`` (N, D), by Euclidean distance.

    ``leave_out``: rows and others are the same set, and no row is its own neighbour. InputError when fewer than two
    others are left to choose from.
    """
    if len(others) < 2 + leave_out:
        raise InputError(f"{len(others)} training rows are too few to be compared with; at least 3 are needed")
    squares = np.square(others).sum(1)
    step = max(1, int(FLOPS / (2 * others.size)))
    found = np.zeros((len(rows), 2), np.int64)
    told = monotonic()
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        apart = squares - 2 * (block @ others.T)  # (B, T), but for a number of the row the squared distance
        if leave_out:
            apart[np.arange(len(block)), start + np.arange(len(block))] = np.inf
        pair = np.argpartition(apart, 1, axis=1)[:, :2]
        exact = np.linalg.norm(
            block[:, None] - others[pair], axis=2
        )  # the products above round: the order is not theirs
        found[start : start + step] = np.take_along_axis(pair, exact.argsort(1, kind="stable"), 1)
        if monotonic() - told > TELL_EVERY:
            told = monotonic()
            yield Progress(stage="latents", done=start + len(block), total=len(rows))
    a, b = others[found[:, 0]], others[found[:, 1]]
    along, offset = b - a, rows - a
    length = np.square(along).sum(1)
    alpha = np.clip((along * offset).sum(1) / np.where(length > 0, length, 1), 0, 1)
    off = np.linalg.norm(offset - alpha[:, None] * along, axis=1)
    return Nearest(found, np.linalg.norm(offset, axis=1), alpha, off)
