"""The smallest distances are found without measuring all."""

import numpy as np
import pytest

from engine.metrics.matrices import distances
from engine.metrics.measures import CHAMFER, Means
from engine.metrics.newness import PAIRS
from engine.metrics.shortlist import nearest, pays
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


def test_bounds_are_for_many_clouds() -> None:
    wanted = [("a", "a"), ("a", "b")]
    assert pays({"a": 500, "b": 500}, wanted, Means())
    assert not pays({"a": 60, "b": 60}, wanted, Means())
