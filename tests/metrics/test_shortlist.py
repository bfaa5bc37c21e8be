"""The smallest distances are found without measuring all."""

import numpy as np
import pytest

from engine.metrics.matrices import Matrices, distances
from engine.metrics.measures import CHAMFER, Means, emd_measure
from engine.metrics.needed import read_by_scores
from engine.metrics.newness import PAIRS
from engine.metrics.scores import score
from engine.metrics.shortlist import nearest, pays, smallest_matched
from engine.stages import ended


def flat(count: int, seed: int, points: int = 256) -> np.ndarray:
    """(count, points, 3) points on ellipsoids of all proportions, each cloud drawn anew."""
    rng = np.random.default_rng(seed)
    cloud = rng.normal(size=(count, points, 3))
    cloud /= np.linalg.norm(cloud, axis=2, keepdims=True)
    return cloud * rng.uniform(0.1, 0.5, (count, 1, 3))


def test_the_nearest_one_is_that_of_the_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.metrics.shortlist.PAYS", 0)
    clouds = {name: flat(60, seed) for name, seed in (("g", 1), ("u", 2), ("t", 3))}
    clouds["g"][:3] = clouds["t"][5]  # copies of one, three times
    few = ended(nearest(clouds, PAIRS, Means()))
    every = ended(distances(clouds, PAIRS, CHAMFER))
    assert few.measured < 0.1 * every.measured
    for pair in PAIRS:
        apart = np.where(np.eye(60, dtype=bool) & (pair[0] == pair[1]), np.inf, 0)
        short, full = few.between(*pair) + apart, every.between(*pair) + apart
        assert np.array_equal(short.argmin(1), full.argmin(1))
        assert short.min(1) == pytest.approx(full.min(1), rel=1e-9)
        known = np.isfinite(short)
        assert short[known] == pytest.approx(full[known], rel=1e-9)


def test_scores_of_matched_points_are_those_of_the_whole_matrices() -> None:
    clouds = {"g": flat(40, 1, 64), "r": flat(40, 2, 64)}
    clouds["g"][:3] = clouds["r"][5]
    looks = read_by_scores("g", "r", 40, 40, 20, 0)
    few = ended(smallest_matched(clouds, looks, 32, 0, Means()))
    every = ended(distances(clouds, [look.pair for look in looks], emd_measure(32, 0)))
    assert few.measured < 0.5 * every.measured and few.measure == every.measure
    for ours, theirs in zip(*(_values(matrices) for matrices in (few, every)), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9)


def _values(matrices: Matrices) -> list[float]:
    row = ended(score(matrices, "g", "r", resamples=20, seed=0))
    return [getattr(one, end) for one in (row.mmd, row.coverage, row.one_nna) for end in ("value", "low", "high")]


def test_bounds_are_for_many_clouds() -> None:
    wanted = [("a", "a"), ("a", "b")]
    assert pays({"a": 500, "b": 500}, wanted, Means())
    assert not pays({"a": 60, "b": 60}, wanted, Means())
