"""Scores of a few samples while a denoiser trains: 1-NNA, coverage and share of copies, each with a band.

Everything is decoded alike and coarsely, samples as well as the fits that they are held against, so what a coarse grid loses
is lost on both sides, and the scores speak of the denoiser alone. They are for following a training; `evaluate` measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.chamfer import chamfer
from engine.metrics.intervals import Interval, bootstrap
from engine.metrics.latents import nearest_rows, standardised
from engine.metrics.matrices import distances
from engine.metrics.measures import CHAMFER
from engine.metrics.verdict import LOW
from engine.protocol import Stage

COORDINATES = 1024  # numbers of a latent that are compared, drawn once; among thousands they tell as much as all
RESAMPLES = 60
FEWEST = 4  # unseen shapes; scores of fewer say nothing
FEWEST_TRAINING = 3  # training shapes; fewer do not tell what a copy is
NORMAL = 1.959964  # deviations of a 95 % interval

Nearest = Sequence[NDArray[np.float64] | None]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of one moment of a training.

    one_nna, coverage : against unseen fits, with 95 % bootstrap bands; None when fewer than two samples have a surface
    copies : share of samples that are copies, as `copy_limits` has it; empty : share of samples without a surface
    """

    one_nna: Interval | None
    coverage: Interval | None
    copies: Interval | None
    empty: float

    def values(self) -> dict[str, float]:
        """By name of a curve; NaN where there is none."""
        found: dict[str, float] = {}
        for name in ("one_nna", "coverage", "copies"):
            interval = getattr(self, name) or Interval(nan, nan, nan)
            found |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        return found | {"empty": self.empty}


@dataclass(frozen=True)
class Yardstick:
    """What samples are held against, all decoded alike.

    unseen : (U, P, 3) clouds of fits of unseen shapes, and apart (U, U) their Chamfer distances
    latents : (T, C) some coordinates of the training latents
    shape_limit, latent_limit : a sample nearer than both to a training shape is a copy
    one_nna, coverage, copies : what shapes that need no denoiser score: training fits against the unseen ones, and the share
    of copies among these
    """

    unseen: NDArray[np.float64]
    apart: NDArray[np.float64]
    latents: NDArray[np.float64]
    shape_limit: float
    latent_limit: float
    one_nna: float
    coverage: float
    copies: float


def coordinates(size: int) -> NDArray[np.int64]:
    """Which numbers of a latent of ``size`` numbers are compared, always the same, in order."""
    if size <= COORDINATES:
        return np.arange(size)
    return np.sort(np.random.default_rng(size).choice(size, COORDINATES, replace=False))


def limits(training: NDArray, latents: NDArray) -> Stage[tuple[float, float]]:
    """Shape and latent distance below which a sample is a copy, both: 1st percentiles of the training shapes' distances to
    their nearest others, as for `verdict.novelty_of`.

    training : (S, P, 3) clouds of some training fits, latents : (T, C) of all. InputError with fewer than FEWEST_TRAINING.
    """
    if len(training) < FEWEST_TRAINING:
        raise InputError(
            f"{len(training)} training shapes are too few to tell what a copy is; at least {FEWEST_TRAINING} are needed"
        )
    tt = yield from _within(training)
    np.fill_diagonal(tt, np.inf)
    (rows,) = standardised(latents, [])
    own = yield from nearest_rows(rows, rows, leave_out=True)
    return float(np.percentile(tt.min(1), LOW)), float(np.percentile(own.distance, LOW))


def nearest_latents(latents: NDArray, samples: NDArray) -> Stage[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """(N,) row of the nearest of ``latents`` (T, C) to each of ``samples`` (N, C), and the standardised distance to it."""
    rows, others = standardised(latents, [samples])
    near = yield from nearest_rows(others, rows)
    return near.rows[:, 0], near.distance


def yardstick(
    unseen: NDArray, training: NDArray, latents: NDArray, nearest: Nearest, distance: NDArray[np.float64]
) -> Stage[Yardstick]:
    """What samples are held against: ``unseen`` (U, P, 3) clouds; ``nearest`` and ``distance`` of these as in `reading`.

    training, latents : as in `limits`. InputError with fewer than FEWEST unseen.
    """
    if len(unseen) < FEWEST:
        raise InputError(f"{len(unseen)} unseen shapes are too few to be compared with; at least {FEWEST} are needed")
    shape_limit, latent_limit = yield from limits(training, latents)
    apart = yield from _within(unseen)
    stick = Yardstick(unseen, apart, latents, shape_limit, latent_limit, nan, nan, nan)
    some = np.linspace(0, len(training) - 1, min(len(unseen), len(training))).round().astype(int)
    real = yield from _scores(stick, training[some], 2)
    copies = _copies(stick, unseen, nearest, distance)
    return Yardstick(
        unseen, apart, latents, shape_limit, latent_limit, real[0].value, real[1].value, float(copies.mean())
    )


def reading(
    stick: Yardstick, clouds: NDArray, nearest: Nearest, distance: NDArray[np.float64], drawn: int
) -> Stage[Reading]:
    """Scores of the ``clouds`` (N, P, 3) of those of ``drawn`` samples that have a surface.

    nearest : N clouds (P, 3) of the training fits with the nearest latents, None where such a fit has no surface
    distance : (N,) how far these latents are
    """
    empty = 1 - len(clouds) / drawn
    if len(clouds) < 2:
        return Reading(one_nna=None, coverage=None, copies=None, empty=empty)
    one_nna, covered = yield from _scores(stick, clouds, RESAMPLES)
    copies = _copies(stick, clouds, nearest, distance)
    return Reading(one_nna=one_nna, coverage=covered, copies=share(int(copies.sum()), len(copies)), empty=empty)


def share(count: int, of: int) -> Interval:
    """``count / of`` with Wilson's 95 % interval, which is right near 0 and 1 too (Wilson 1927)."""
    value, square = count / of, NORMAL**2 / of
    middle = (value + square / 2) / (1 + square)
    reach = NORMAL / (1 + square) * sqrt(value * (1 - value) / of + square / of / 4)
    return Interval(value, min(value, max(0.0, middle - reach)), max(value, min(1.0, middle + reach)))


def _within(clouds: NDArray) -> Stage[NDArray[np.float64]]:
    """(N, N) Chamfer distances among clouds."""
    found = yield from distances({"all": clouds}, [("all", "all")], CHAMFER)
    return found.between("all", "all").copy()


def _scores(stick: Yardstick, clouds: NDArray, resamples: int) -> Stage[tuple[Interval, Interval]]:
    """1-NNA and coverage of clouds against the unseen fits."""
    sets = {"samples": clouds, "unseen": stick.unseen}
    found = yield from distances(sets, [("samples", "samples"), ("samples", "unseen")], CHAMFER)
    gg, gr = found.between("samples", "samples"), found.between("samples", "unseen")
    _, covered, one_nna = yield from bootstrap(gg, gr, stick.apart, resamples=resamples)
    return one_nna, covered


def _copies(stick: Yardstick, clouds: NDArray, nearest: Nearest, distance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) True for copies. Of the latents that are near enough only the nearest one's shape is looked at."""
    found = np.zeros(len(clouds), bool)
    for i, (cloud, other) in enumerate(zip(clouds, nearest, strict=True)):
        if other is not None and distance[i] < stick.latent_limit:
            found[i] = chamfer(cloud, other) < stick.shape_limit
    return found
