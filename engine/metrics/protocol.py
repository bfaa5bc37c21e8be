"""The protocol of a comparison: how samples are drawn, filtered, meshed and normalised before they are measured.

The distance is the squared Chamfer distance of `chamfer` under any protocol.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from engine.errors import InputError
from engine.metrics.chamfer import checked
from engine.settings import PROTOCOLS as PROTOCOLS
from engine.settings import Count, ProtocolSettings


def to_draw(protocol: ProtocolSettings, references: Count) -> int:
    """How many samples are drawn: rounded down as published; twice the references for the spread filter."""
    return 2 * references if protocol.spread_filter else int(protocol.samples_per_reference * references)


def isovalue(protocol: ProtocolSettings) -> float:
    """The logit at which surfaces are extracted."""
    return float(logit(protocol.level))


def chosen(protocol: ProtocolSettings, latents: NDArray, references: Count) -> NDArray[np.int64]:
    """Rows of the drawn samples' latents (N, D) to decode, in the order they were drawn: all, or what the filter keeps.

    The spread filter keeps the int(``spread_keep`` · references) rows with the largest Euclidean distance to their
    nearest other row. It takes alike samples out before coverage is measured, and so flatters it.
    """
    rows = np.asarray(latents, np.float64)
    keep = int(protocol.spread_keep * references)
    if not protocol.spread_filter or keep >= len(rows):
        return np.arange(len(rows))
    nearest = np.zeros(len(rows))
    for i, row in enumerate(rows):
        apart = np.linalg.norm(rows - row, axis=1)
        apart[i] = np.inf
        nearest[i] = apart.min()
    return np.sort(np.argsort(-nearest, kind="stable")[:keep])


def kept(empty: NDArray, references: Count) -> NDArray[np.int64]:
    """Decoded samples that are measured: the first ``references`` that are not ``empty`` (N,) bool, in order.

    There may be fewer; the number of empty ones among those looked at belongs beside the scores. InputError when all
    are empty.
    """
    rows = np.flatnonzero(~np.asarray(empty, bool))[:references]
    if not len(rows):
        raise InputError("every sample is empty, so there is nothing to measure; train longer or look at some samples")
    return rows


def passed_over(empty: NDArray, references: Count) -> int:
    """How many ``empty`` (N,) samples `kept` passes over: those before the last that it takes, and all when these are too
    few."""
    rows = kept(empty, references)
    return int(np.sum(empty if len(rows) < references else empty[: rows[-1]]))


def normalised(protocol: ProtocolSettings, clouds: NDArray) -> NDArray[np.float64]:
    """Clouds (N, P, 3) as they are measured: unchanged, or each minus its mean point and over the standard deviation of
    all its coordinates together. InputError when a cloud is not finite, or is one point."""
    clouds = checked(np.asarray(clouds))
    if not protocol.normalise:
        return clouds
    centred = clouds - clouds.mean(1, keepdims=True)
    deviation = centred.std((1, 2), keepdims=True)
    if not (deviation > 1e-12 * (1 + np.abs(clouds).max())).all():
        raise InputError("a cloud of one repeated point cannot be normalised; leave this sample out and report it")
    result: NDArray[np.float64] = centred / deviation
    return result
