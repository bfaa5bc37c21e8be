"""Scores of one set against another by one measure, as rows of a table."""

from typing import Literal

import msgspec

from engine.metrics.distribution import one_nna_ideal
from engine.metrics.intervals import RESAMPLES, Interval, bootstrap
from engine.metrics.matrices import Matrices
from engine.protocol import Stage


class ScoreRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One set against the references.

    name : of the set, as it shall be printed; kind "real" is the row of real shapes that the others are judged by
    measure : the distance, with its number of points and seed where it has them
    mmd : in the measure's units; lower is better; only comparable between sets of equal sizes
    coverage : share of the references; higher is better
    one_nna : share; ``one_nna_ideal`` is best, below it is "copies"
    generated, reference, points : how many clouds were compared, and the points of a cloud
    empty : how many samples had no surface and are in none of the scores
    """

    name: str
    kind: Literal["generated", "reconstructed", "real"] = "generated"
    category: str = "all"
    measure: str
    mmd: Interval
    coverage: Interval
    one_nna: Interval
    one_nna_ideal: float
    generated: int
    reference: int
    points: int
    empty: int = 0


def score(
    matrices: Matrices,
    name: str,
    reference: str,
    *,
    kind: Literal["generated", "reconstructed", "real"] = "generated",
    category: str = "all",
    empty: int = 0,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Stage[ScoreRow]:
    """The row of the set ``name`` against the set ``reference``: these two within and against each other in ``matrices``.

    ``seed`` draws the resamples of the intervals. KeyError when a block was not measured.
    """
    gr = matrices.between(name, reference)
    gg, rr = matrices.between(name, name), matrices.between(reference, reference)
    mmd, coverage, one_nna = yield from bootstrap(gg, gr, rr, resamples=resamples, seed=seed)
    n, m = gr.shape
    return ScoreRow(
        name=name,
        kind=kind,
        category=category,
        measure=matrices.measure,
        mmd=mmd,
        coverage=coverage,
        one_nna=one_nna,
        one_nna_ideal=one_nna_ideal(n, m),
        generated=n,
        reference=m,
        points=matrices.points,
        empty=empty,
    )
