"""Frechet distance of two sets of shapes: how far apart two Gaussians lie that have the features' means and covariances."""

from time import monotonic

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.chamfer import TELL_EVERY
from engine.metrics.features import Features, described
from engine.metrics.intervals import LEVEL, RESAMPLES, Interval
from engine.protocol import Progress, Stage


class FrechetRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The distance of one set to the references, as a row of a table.

    name : of the set; label : whose features, "FPD (ours)" or "3D-FID (PointNet++ file)"; the two cannot be compared
    distance : squared units of the features, lower is better; with a 95 % bootstrap interval
    dimension, points : numbers per shape, and points of its cloud that they were read from
    generated, reference : how many shapes were compared
    note : what affects the distance, for the reader; "" when nothing does
    """

    name: str
    label: str
    distance: Interval
    dimension: int
    points: int
    generated: int
    reference: int
    note: str = ""


def frechet(a: NDArray, b: NDArray) -> float:
    """|mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2)) of features ``a`` (N, F) and ``b`` (M, F), in float64.

    A and B are the unbiased covariances (Dowson and Landau 1982; Heusel et al. 2017). With A = R'R and B = S'S from the QR
    decompositions of the centred features, the eigenvalues of A B are those of the symmetric R B R' = (R S')(R S')', so
    their roots are the singular values of R S': no root of a matrix is taken, and nothing turns complex. InputError with
    fewer than 2 rows, different widths or numbers that are not finite.
    """
    a, b = _checked(a), _checked(b)
    if a.shape[1] != b.shape[1]:
        raise InputError(f"features of {a.shape[1]} and of {b.shape[1]} numbers cannot be compared; use one network")
    between = np.square(a.mean(0) - b.mean(0)).sum()
    r, s = _root(a), _root(b)
    within = np.square(r).sum() + np.square(s).sum() - 2 * np.linalg.svd(r @ s.T, compute_uv=False).sum()
    return float(max(0.0, between + within))


def frechet_row(
    name: str, features: Features, generated: NDArray, reference: NDArray, resamples: int = RESAMPLES, seed: int = 0
) -> Stage[FrechetRow]:
    """The distance of ``generated`` (N, P, 3) to ``reference`` (M, P, 3), clouds in canonical space, with its interval."""
    a = yield from described(features, generated, f"features of {name}")
    b = yield from described(features, reference, "features of references")
    distance = yield from frechet_interval(a, b, resamples, seed)
    return FrechetRow(
        name=name,
        label=features.label,
        distance=distance,
        dimension=features.dimension,
        points=features.points or generated.shape[1],
        generated=len(a),
        reference=len(b),
        note=too_few(len(a), len(b), features.dimension),
    )


def frechet_interval(a: NDArray, b: NDArray, resamples: int = RESAMPLES, seed: int = 0) -> Stage[Interval]:
    """`frechet` of (N, F) and (M, F) with a 95 % interval from resamples of both, by shape and with replacement.

    Covariances of resamples are narrower than the sets' own, so all resamples lie to one side; as in `intervals.bootstrap`
    their percentiles are shifted back to have the distance as mean. 0 resamples: an interval of no width.
    """
    value = frechet(a, b)
    if resamples < 2:
        return Interval(value, value, value)
    rng = np.random.default_rng(seed)
    found = np.zeros(resamples)
    told = monotonic()
    for place in range(resamples):
        found[place] = frechet(a[rng.integers(len(a), size=len(a))], b[rng.integers(len(b), size=len(b))])
        if monotonic() - told > TELL_EVERY:
            told = monotonic()
            yield Progress(stage="intervals", done=place + 1, total=resamples)
    low, high = np.percentile(found, (50 - LEVEL / 2, 50 + LEVEL / 2)) + value - found.mean()
    return Interval(value, float(np.clip(low, 0, value)), float(max(value, high)))


def too_few(n: int, m: int, dimension: int) -> str:
    """A sentence for the reader when a covariance of ``dimension`` numbers cannot be told from so few shapes, else ""."""
    if min(n, m) > dimension:
        return ""
    return (
        f"{n} and {m} shapes are too few for {dimension} features (their covariances are rank-deficient): the distance "
        "comes out too large; compare it only with distances of equally many shapes"
    )


def _root(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, F) upper triangle R with R'R = the unbiased covariance of ``rows`` (N, F)."""
    return np.asarray(np.linalg.qr((rows - rows.mean(0)) / np.sqrt(len(rows) - 1), mode="r"))


def _checked(rows: NDArray) -> NDArray[np.float64]:
    rows = np.asarray(rows, np.float64)
    if rows.ndim != 2 or len(rows) < 2 or not rows.shape[1]:
        raise InputError(f"a Frechet distance needs at least two shapes in each set; got features {rows.shape}")
    if not np.isfinite(rows).all():
        raise InputError("features hold numbers that are not finite; leave empty shapes out and report them")
    return rows
