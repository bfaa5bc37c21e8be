"""How new each sample is: copy, blend, near or new, by its shape and by its latent, beside unseen real shapes.

How near two different shapes of a data set come by chance is told by the training set itself: each training shape is
compared with the others (leave one out), once by shape (Chamfer distance) and once by standardised latents. Below, "low"
means below the 1st percentile of these distances, and "lowish" below the 5th. The first verdict that holds is given:

- copy: the distance to the nearest training shape is low, and the distance to the nearest training latent is low too;
- blend: the latent lies beside the segment between its two nearest training latents, its foot at least a tenth of the way
  from either, nearer than the 1st percentile of the training latents' own distances to the segment between their two
  nearest others;
- near: at least one of the two distances to the nearest is lowish;
- new: anything else.

Blend comes before near since half-way between two training latents is only half as far from both as they are from each
other, which is lowish in any space of many dimensions: blends would all be called near. The tenth keeps a training latent
with a little noise from being called a blend.

A fit is not its item, and what a model learned from is the fit. So where shapes are decoded (`newness`), the distance to the
training shape with the nearest latent is the smaller of those to the item and to what its own latent decodes to.

So of unseen real shapes about 1 % or less are called copies, and up to about 10 % near. A training set with twins has
low percentiles of 0: then nothing is nearer, and the twins should be removed first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.distribution import checked
from engine.metrics.latents import Nearest, nearest_rows, standardised
from engine.protocol import Stage

Verdict = Literal["copy", "blend", "near", "new"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
LOW, LOWISH = 1.0, 5.0  # percentiles
INNER = 0.1  # least share of both parents in a blend


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Percentiles of the training set's leave-one-out distances: by shape, by latent, and to the segment."""

    copy_shape: float
    copy_latent: float
    near_shape: float
    near_latent: float
    blend: float


class Judged(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One sample: its row, its verdict and what it was given for.

    shape, shape_distance : row of the nearest training shape, and the Chamfer distance to it
    latent, latent_distance : row of the nearest training latent, and the standardised distance to it
    second, alpha, off : the second nearest latent, the foot's place from the nearest (0) to it (1), distance off the line
    """

    sample: int
    verdict: Verdict
    shape: int
    shape_distance: float
    latent: int
    latent_distance: float
    second: int
    alpha: float
    off: float


class NoveltyResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Verdicts of all samples; the share of each verdict among them and among unseen real shapes; sorted distances.

    ``training`` are the leave-one-out Chamfer distances (T,), ``unseen`` those of the unseen shapes to training (U,).
    by : what was compared; where it is shapes alone, what is said of latents is said of shapes, and nothing is a blend
    """

    by: Literal["shapes and latents", "shapes"] = "shapes and latents"
    thresholds: Thresholds
    samples: tuple[Judged, ...]
    shares: dict[Verdict, float]
    unseen_shares: dict[Verdict, float]
    training: tuple[float, ...]
    unseen: tuple[float, ...]


@dataclass(frozen=True)
class Neighbours:
    """What the latents of samples, unseen and training shapes (each left out) are nearest to among the training latents."""

    generated: Nearest
    unseen: Nearest
    training: Nearest


def novelty_of(
    gt: NDArray, ut: NDArray, tt: NDArray, generated: NDArray, unseen: NDArray, training: NDArray
) -> Stage[NoveltyResult]:
    """Verdicts from Chamfer distances and latents.

    gt (N, T), ut (U, T), tt (T, T) : distances of samples, unseen real shapes and training shapes to the training shapes.
    generated (N, D), unseen (U, D), training (T, D) : latents in the same orders; standardised here. InputError when
    sizes do not agree, a set is empty, a number is not finite, or there are fewer than 3 training shapes.
    """
    gt, ut, tt = checked(gt), checked(ut), checked(tt)
    sizes = [(len(gt), tt.shape[0]), (len(ut), tt.shape[0]), (tt.shape[1], tt.shape[1])]
    rows = [len(generated), len(unseen), len(training)]
    if [gt.shape, ut.shape, tt.shape] != sizes or rows != [len(gt), len(ut), len(tt)]:
        told = f"distances {gt.shape}, {ut.shape}, {tt.shape} and {rows} latents"
        raise InputError(f"samples, unseen and training shapes do not agree in number: {told}")
    near = yield from neighbours(generated, unseen, training)
    return verdicts(gt, ut, tt, near)


def neighbours(generated: NDArray, unseen: NDArray, training: NDArray) -> Stage[Neighbours]:
    """What latents (N, D), (U, D) and (T, D) are nearest to among the training latents; standardised here."""
    t, g, u = standardised(training, [generated, unseen])
    own = yield from nearest_rows(t, t, leave_out=True)
    near_g = yield from nearest_rows(g, t)
    near_u = yield from nearest_rows(u, t)
    return Neighbours(near_g, near_u, own)


def verdicts(gt: NDArray, ut: NDArray, tt: NDArray, near: Neighbours | None) -> NoveltyResult:
    """Verdicts from distances as in `novelty_of` and what the latents are nearest to; None = by the shapes alone."""
    apart = tt.copy()
    np.fill_diagonal(apart, np.inf)
    alone = apart.min(1)
    by_shapes = near is None
    if near is None:
        near = Neighbours(_nearest(gt), _nearest(ut), _nearest(apart))
    limits = Thresholds(
        copy_shape=_percentile(alone, LOW),
        copy_latent=_percentile(near.training.distance, LOW),
        near_shape=_percentile(alone, LOWISH),
        near_latent=_percentile(near.training.distance, LOWISH),
        blend=_percentile(near.training.off, LOW),
    )
    samples, real = judged(gt, near.generated, limits), judged(ut, near.unseen, limits)
    return NoveltyResult(
        by="shapes" if by_shapes else "shapes and latents",
        thresholds=limits,
        samples=samples,
        shares=shares(samples),
        unseen_shares=shares(real),
        training=tuple(np.sort(alone).tolist()),
        unseen=tuple(np.sort(ut.min(1)).tolist()),
    )


class PartNovelty(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How near one part of each sample is to the same part of a training shape. Verdicts do not depend on it.

    threshold : 1st percentile of the leave-one-out distances among the training shapes' parts
    share, unseen_share : of the samples, and of the unseen real shapes, that have the part: those nearer than that
    nearest, distance : by sample: row of the training shape, and Chamfer distance; -1 and None where it lacks the part
    """

    part: str
    threshold: float
    share: float
    unseen_share: float
    nearest: tuple[int, ...]
    distance: tuple[float | None, ...]


def part_novelty(part: str, gt: NDArray, ut: NDArray, tt: NDArray, has: Sequence[NDArray[np.bool_]]) -> PartNovelty:
    """Novelty of one part from Chamfer distances as in `novelty_of`.

    has : which of the samples (N,), unseen (U,) and training shapes (T,) have the part; the distances of others are not
    read. InputError with fewer than 3 training shapes that have it.
    """
    own, unseen, known = (np.flatnonzero(rows) for rows in has)
    if len(known) < 3:
        raise InputError(
            f"{len(known)} training shapes with {part} are too few to be compared with; at least 3 are needed"
        )
    apart = tt[np.ix_(known, known)].copy()
    np.fill_diagonal(apart, np.inf)
    threshold = _percentile(apart.min(1), LOW)
    near, nearest_real = gt[np.ix_(own, known)], ut[np.ix_(unseen, known)].min(1, initial=np.inf)
    nearest, distance = np.full(len(gt), -1), np.full(len(gt), np.nan)
    nearest[own], distance[own] = known[near.argmin(1)], near.min(1)
    return PartNovelty(
        part=part,
        threshold=threshold,
        share=float((near.min(1) < threshold).mean()) if len(own) else 0.0,
        unseen_share=float((nearest_real < threshold).mean()) if len(unseen) else 0.0,
        nearest=tuple(nearest.tolist()),
        distance=tuple(None if np.isnan(d) else float(d) for d in distance),
    )


def judged(distance: NDArray[np.float64], near: Nearest, limits: Thresholds) -> tuple[Judged, ...]:
    """Verdict of each row of ``distance`` (N, T) to the training shapes, given what its latent is near to."""
    nearest = distance.min(1)
    copy = (nearest < limits.copy_shape) & (near.distance < limits.copy_latent)
    lowish = (nearest < limits.near_shape) | (near.distance < limits.near_latent)
    between = (near.alpha >= INNER) & (near.alpha <= 1 - INNER) & (near.off < limits.blend)
    place = np.select([copy, between, lowish], [0, 1, 2], 3)
    return tuple(
        Judged(
            sample=i,
            verdict=VERDICTS[place[i]],
            shape=int(distance[i].argmin()),
            shape_distance=float(nearest[i]),
            latent=int(near.rows[i, 0]),
            latent_distance=float(near.distance[i]),
            second=int(near.rows[i, 1]),
            alpha=float(near.alpha[i]),
            off=float(near.off[i]),
        )
        for i in range(len(distance))
    )


def shares(samples: tuple[Judged, ...]) -> dict[Verdict, float]:
    """Share of each verdict; they sum to 1."""
    return {verdict: sum(one.verdict == verdict for one in samples) / len(samples) for verdict in VERDICTS}


def _nearest(distance: NDArray[np.float64]) -> Nearest:
    """The rows' nearest shapes by ``distance`` (N, T), as if on no line between any two."""
    least = distance.min(1)
    return Nearest(distance.argsort(1, kind="stable")[:, :2], least, np.zeros(len(least)), least)


def _percentile(values: NDArray[np.float64], percent: float) -> float:
    return float(np.percentile(values, percent))
