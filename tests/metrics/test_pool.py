"""Nearest distances from pools of clouds, against a brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from engine.datasets.procedural import make
from engine.geometry.occupancy import surface_points
from engine.metrics import pool
from engine.metrics.directed import _shared
from engine.metrics.pool import Pool


def brute(clouds: NDArray, target: NDArray) -> NDArray:
    return np.array([cdist(cloud, target, "sqeuclidean").min(1).mean() for cloud in clouds])


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.integers(1, 90),
    st.integers(1, 90),
    st.sampled_from([0, 1, 3, 9]),
    st.sampled_from([0.0, 3.0, 100.0]),
)
def test_equals_brute_force(seed: int, count: int, points: int, others: int, decimals: int, away: float) -> None:
    rng = np.random.default_rng(seed)
    # rounding makes equal coordinates and equal points; a far target makes nearly everything nearly equally near
    clouds = rng.normal(size=(count, points, 3)).round(decimals) * rng.choice([1, 1, 0], 3)
    target = rng.normal(size=(others, 3)).round(decimals) + rng.normal(size=3) * away
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "LEAF", 5)
        patch.setattr(pool, "PIECE", 16)
        found = Pool(clouds).mean_squared(target)
    assert found == pytest.approx(brute(clouds, target), rel=1e-11, abs=1e-14)


def test_on_real_sizes_with_a_frame_far_from_the_origin() -> None:
    meshes = [make("airplane", seed).geometry.surface for seed in range(5)]
    clouds = np.stack([surface_points(mesh, 2048, np.random.default_rng(i)) for i, mesh in enumerate(meshes)])
    exact = brute(clouds[:4], clouds[4])
    assert Pool(clouds[:4]).mean_squared(clouds[4]) == pytest.approx(exact, rel=1e-12)
    assert Pool(clouds[:4] + 1000).mean_squared(clouds[4] + 1000) == pytest.approx(exact, rel=1e-8)
    assert Pool(clouds[:4] * 1e-6).mean_squared(clouds[4] * 1e-6) == pytest.approx(exact * 1e-12, rel=1e-12)


def test_a_clouds_own_points_are_at_no_distance() -> None:
    clouds = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 2000, 3))
    assert Pool(clouds).mean_squared(clouds[1])[1] < 1e-18


def test_boxes_of_any_number_of_points_leave_none_out_and_count_none_twice() -> None:
    for total in (1, 2, 127, 128, 129, 1000, 2049):
        order, spare = pool._neighbourly(np.random.default_rng(total).normal(size=(total, 3)))
        assert np.array_equal(np.sort(order[~spare]), np.arange(total)) and order.max() < total


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from([0.1, 0.5, 1.0]))
def test_pools_cover_what_is_needed_and_nothing_else(seed: int, count: int, share: float) -> None:
    need = np.triu(np.random.default_rng(seed).random((count, count)) < share, 1)
    need = need | need.T
    covered = np.zeros((count, count), int)
    for sources, targets in _shared(need):
        covered[np.ix_(sources, targets)] += 1
    np.fill_diagonal(covered, 0)
    assert np.array_equal(covered, need)


@pytest.mark.parametrize("share", [0.1, 0.7])
def test_many_scattered_pairs_are_measured_with_all_others(share: float) -> None:
    need = np.triu(np.random.default_rng(0).random((80, 80)) < share, 1)
    need = need | need.T
    groups, covered = list(_shared(need)), np.zeros((80, 80), int)
    for sources, targets in groups:
        covered[np.ix_(sources, targets)] += 1
    assert covered.max() == 1 and (covered[need] == 1).all()
    assert (len(groups) == 1) == (share > 0.5)


def test_alike_clouds_share_a_pool() -> None:
    full = ~np.eye(30, dtype=bool)
    assert len(list(_shared(full))) == 1
    between = np.zeros((30, 30), bool)
    between[:10, 10:] = between[10:, :10] = True
    assert len(list(_shared(between))) == 2
    new = np.zeros((30, 30), bool)
    new[7] = new[:, 7] = True
    new[7, 7] = False
    assert len(list(_shared(new))) == 2
