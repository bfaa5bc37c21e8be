from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.distribution import coverage, mmd, one_nna, one_nna_ideal
from engine.metrics.matrices import distances
from engine.metrics.measures import CHAMFER
from engine.metrics.scores import ScoreRow, score
from engine.stages import ended


def ellipsoids(seed: int, n: int, points: int = 200, shift: float = 0.0) -> NDArray[np.float64]:
    """A family of shapes with three free numbers each."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n, points, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return directions * rng.uniform(0.1, 0.45, (n, 1, 3)) + shift


def split(union: NDArray, first: list[int]) -> tuple[NDArray, NDArray, NDArray]:
    """gg, gr, rr of a matrix over a union when the rows in ``first`` are the generated ones."""
    second = [i for i in range(len(union)) if i not in first]
    return union[np.ix_(first, first)], union[np.ix_(first, second)], union[np.ix_(second, second)]


def test_known_by_hand() -> None:
    gr = np.array([[1.0, 4, 9], [2, 3, 8]])  # sample 0 is nearest to reference 0, sample 1 too
    assert mmd(gr) == (1 + 3 + 8) / 3
    assert coverage(gr) == 1 / 3
    # on a line: generated at 0 and 1, references at 3 and 3.5; only the neighbour of 1 could be doubted, and it is 0
    g, r = np.array([0.0, 1]), np.array([3.0, 3.5])
    gg, gr, rr = (np.abs(p[:, None] - q[None]) for p, q in ((g, g), (g, r), (r, r)))
    assert one_nna(gg, gr, rr) == 1
    r = np.array([1.5, 3.5])  # now 1 and 1.5 are nearest to each other, 0 is nearest to 1, 3.5 to 1.5
    gg, gr, rr = (np.abs(p[:, None] - q[None]) for p, q in ((g, g), (g, r), (r, r)))
    assert one_nna(gg, gr, rr) == 2 / 4


def test_equally_near_neighbours_count_by_share() -> None:
    gg, gr, rr = np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2))  # all the same distance: 1 of 3 others is own
    assert one_nna(gg, gr, rr) == pytest.approx(1 / 3)
    assert coverage(gr) == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32 - 1), st.sampled_from([3, 10**6]))
def test_mean_of_all_splits_of_one_set_is_the_ideal(n: int, m: int, seed: int, values: int) -> None:
    upper = np.triu(np.random.default_rng(seed).integers(1, values, (n + m, n + m)), 1)  # few values: many ties
    union = upper + upper.T
    scores = [one_nna(*split(union, list(first))) for first in combinations(range(n + m), n)]
    assert np.mean(scores) == pytest.approx(one_nna_ideal(n, m), abs=1e-12)


def compared(generated: NDArray, reference: NDArray) -> ScoreRow:
    """The row that an evaluation prints for these clouds."""
    sets, pairs = {"g": generated, "r": reference}, [("g", "g"), ("g", "r"), ("r", "r")]
    found = ended(distances(sets, pairs, CHAMFER))
    return ended(score(found, "g", "r", resamples=2))


def test_halves_of_one_set_are_alike_and_far_sets_are_not() -> None:
    a, b = ellipsoids(0, 40), ellipsoids(1, 40)
    same = compared(a, b)
    assert abs(same.one_nna.value - same.one_nna_ideal) < 0.12  # two standard deviations of 80 draws
    assert same.one_nna_ideal == pytest.approx(39 / 79)
    far = compared(a, ellipsoids(1, 40, shift=5))
    assert far.one_nna.value == 1
    assert far.mmd.value > 100 * same.mmd.value
    one_shape = compared(np.repeat(a[:1], 40, 0), b)  # mode collapse: every sample the same
    assert one_shape.coverage.value == 1 / 40
    assert one_shape.one_nna.value > 0.9


def test_copies_of_the_references() -> None:
    a = ellipsoids(2, 12)
    a[3] = a[7]  # also when a reference has a twin
    scores = compared(a.copy(), a)
    assert scores.mmd.value == 0
    assert scores.coverage.value == 1
    # ten have one copy at distance 0, in the other set; the twins have three equals, one of them of their own set
    assert scores.one_nna.value == pytest.approx(4 * (1 / 3) / 24)
    assert (scores.generated, scores.reference, scores.points) == (12, 12, 200)


def test_order_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    a, b = ellipsoids(3, 10), ellipsoids(4, 14)
    straight, shuffled = compared(a, b), compared(rng.permutation(a), rng.permutation(b))
    assert (shuffled.coverage.value, shuffled.one_nna.value) == (straight.coverage.value, straight.one_nna.value)
    assert shuffled.mmd.value == pytest.approx(straight.mmd.value, rel=1e-12)


def test_bad_matrices_are_named() -> None:
    with pytest.raises(InputError):
        mmd(np.zeros((0, 3)))
    with pytest.raises(InputError):
        coverage(np.full((2, 3), np.nan))
    with pytest.raises(InputError):
        one_nna(np.zeros((3, 3)), np.zeros((2, 3)), np.zeros((3, 3)))
