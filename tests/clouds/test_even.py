"""Even subsets: each point is the farthest from those before it, and small subsets begin large ones."""

import numpy as np

from engine.clouds.even import farthest


def test_each_is_the_farthest_from_those_before() -> None:
    points = np.random.default_rng(1).normal(size=(200, 3))
    rows = farthest(points, 40, first=7)
    assert rows[0] == 7
    for i in range(1, 40):
        away = np.linalg.norm(points[:, None] - points[rows[:i]], axis=-1).min(1)
        assert away[rows[i]] == away.max()


def test_a_low_resolution_is_a_true_subset() -> None:
    points = np.random.default_rng(2).random((300, 3))
    assert np.array_equal(farthest(points, 100)[:25], farthest(points, 25))
    assert sorted(farthest(points, 300)) == list(range(300))  # all of them, each once


def test_it_is_more_even_than_chance() -> None:
    """The least distance in it is several times that of as many random points."""
    points = np.random.default_rng(3).random((2000, 2)) @ np.eye(2, 3)

    def least(some: np.ndarray) -> float:
        apart = np.linalg.norm(some[:, None] - some, axis=-1)
        return float(apart[np.triu_indices(len(some), 1)].min())

    assert least(points[farthest(points, 100)]) > 5 * least(points[:100])
