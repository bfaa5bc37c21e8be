import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.distribution import coverage, mmd, one_nna
from engine.metrics.intervals import Interval, bootstrap
from engine.metrics.matrices import distances
from engine.metrics.measures import CHAMFER, Measure, emd_measure
from engine.metrics.scores import score
from engine.stages import ended
from tests.metrics.test_distribution import ellipsoids

Blocks = tuple[NDArray, NDArray, NDArray]


def blocks(g: NDArray, r: NDArray) -> Blocks:
    """gg, gr, rr of points of a space."""
    gg, gr, rr = (((a[:, None] - b[None]) ** 2).sum(-1) for a, b in ((g, g), (g, r), (r, r)))
    return gg, gr, rr


def drawn(rng: np.random.Generator, n: int = 40) -> Blocks:
    return blocks(rng.normal(size=(n, 3)) + 0.7, rng.normal(size=(n, 3)))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    many = [drawn(rng) for _ in range(400)]
    truth = np.mean([(mmd(gr), coverage(gr), one_nna(gg, gr, rr)) for gg, gr, rr in many], 0)
    held = np.zeros(3)
    for trial in range(60):
        found = ended(bootstrap(*drawn(rng), resamples=80, seed=trial))
        held += [one.low <= value <= one.high for one, value in zip(found, truth, strict=True)]
    assert (held / 60 > 0.84).all(), held / 60  # three standard deviations below 0.95


def test_the_score_is_within_and_the_seed_decides() -> None:
    gg, gr, rr = drawn(np.random.default_rng(1))
    first = ended(bootstrap(gg, gr, rr, seed=3))
    assert [one.value for one in first] == [mmd(gr), coverage(gr), one_nna(gg, gr, rr)]
    for one, top in zip(first, (np.inf, 1, 1), strict=True):
        assert 0 <= one.low < one.value < one.high <= top
    assert ended(bootstrap(gg, gr, rr, seed=3)) == first
    assert ended(bootstrap(gg, gr, rr, seed=4)) != first


def test_more_shapes_make_intervals_narrower() -> None:
    rng = np.random.default_rng(2)
    few, many = (ended(bootstrap(*drawn(rng, n))) for n in (20, 160))
    for a, b in zip(few, many, strict=True):
        assert b.high - b.low < 0.7 * (a.high - a.low)


def test_certain_scores_have_no_interval() -> None:
    rng = np.random.default_rng(3)
    g = rng.normal(size=(20, 3))
    found = ended(bootstrap(*blocks(g, g + 1000)))
    assert found[2] == Interval(1, 1, 1)  # told apart in every resample
    alike = ended(bootstrap(*blocks(g, g)))
    assert alike[0].value == 0 and alike[1].value == 1  # a set against itself


def test_too_few_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="2 shapes"):
        ended(bootstrap(*drawn(np.random.default_rng(0), 1)))


@pytest.mark.parametrize("measure", [CHAMFER, emd_measure(64)], ids=lambda measure: measure.name)
def test_halves_of_one_set_score_like_one_set_and_a_set_against_itself_0(measure: Measure) -> None:
    every = ellipsoids(0, 64, 100)
    sets = {"a": every[:32], "b": every[32:], "self": every[:32]}
    pairs = [("a", "a"), ("a", "b"), ("b", "b"), ("self", "self"), ("self", "a")]
    matrices = ended(distances(sets, pairs, measure))
    halves = ended(score(matrices, "b", "a", kind="real", empty=2))
    assert abs(halves.one_nna.value - halves.one_nna_ideal) < 0.15
    assert halves.one_nna.low < 0.5 < halves.one_nna.high
    assert (halves.kind, halves.measure, halves.points, halves.empty) == ("real", measure.name, 100, 2)
    itself = ended(score(matrices, "self", "a"))
    assert itself.mmd.value == 0 and itself.coverage.value == 1 and itself.one_nna.value == 0
