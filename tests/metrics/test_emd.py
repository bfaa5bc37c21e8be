from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.metrics.emd import bound, emd, subset


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([0, 6]))
def test_equals_the_best_of_all_matchings(seed: int, p: int, decimals: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, p, 3)).round(decimals)  # 0 decimals: many equal distances
    all_of_them = [np.linalg.norm(a - b[list(order)], axis=1).mean() for order in permutations(range(p))]
    assert emd(a, b) == pytest.approx(min(all_of_them), rel=1e-12, abs=1e-15)


def test_of_points_on_a_line_is_the_distance_of_the_sorted_ones() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 300))
    line = np.zeros((2, 300, 3))
    line[:, :, 1] = a, b
    assert emd(*line) == pytest.approx(np.abs(np.sort(a) - np.sort(b)).mean(), rel=1e-12)


def test_metric_axioms_and_a_shift() -> None:
    rng = np.random.default_rng(1)
    a, b, c = rng.normal(size=(3, 60, 3))
    assert emd(a, rng.permutation(a)) == 0
    assert emd(a, b) == pytest.approx(emd(b, a), rel=1e-12)
    assert emd(a, c) <= emd(a, b) + emd(b, c)
    assert emd(a, a + [0, 3, 4]) == pytest.approx(5, rel=1e-12)  # plain units, not squared
    assert emd(2 * a, 2 * b) == pytest.approx(2 * emd(a, b), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([1, 6]), st.sampled_from([1e-6, 1.0, 1e6]))
def test_is_not_below_its_bound(seed: int, p: int, decimals: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = size * rng.normal(size=(2, p, 3)).round(decimals)
    assert 0 <= bound(a, b) <= emd(a, b)
    assert bound(a, rng.permutation(a)) == 0
    far = a.copy()
    far[0] += 1e3 * size  # one point away from all others
    assert bound(far, b) <= emd(far, b) and np.linalg.norm(far[0] - b, axis=1).min() / p <= emd(far, b)


def test_the_bound_is_tight() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 256, 3)) * [[[0.1, 0.2, 0.3]], [[0.2, 0.1, 0.3]]]
    assert 0.95 * emd(a, b) < bound(a, b)


def test_subset_depends_on_the_cloud_and_the_seed_alone() -> None:
    a, b = np.random.default_rng(2).normal(size=(2, 500, 3)).astype(np.float32)
    taken = subset(a, 100, 3)
    assert np.array_equal(taken, subset(a.astype(np.float64), 100, 3))
    assert len(np.unique(taken, axis=0)) == 100
    assert {tuple(p) for p in taken} <= {tuple(p) for p in a.astype(np.float64)}
    assert not np.array_equal(taken, subset(a, 100, 4))
    same_rows = (subset(a + 1, 100, 3) - 1).round(4) == taken.round(4)
    assert not same_rows.all() and subset(b, 100, 3).shape == (100, 3)


def test_what_cannot_be_matched_is_refused() -> None:
    with pytest.raises(InputError, match="equally many"):
        emd(np.zeros((3, 3)), np.zeros((4, 3)))
    with pytest.raises(InputError, match="finite"):
        emd(np.full((3, 3), np.nan), np.zeros((3, 3)))
    with pytest.raises(InputError, match="sample more"):
        subset(np.zeros((10, 3)), 11)
