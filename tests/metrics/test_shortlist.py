import numpy as np
import pytest

from engine.metrics.matrices import distances
from engine.metrics.measures import CHAMFER, Means
from engine.metrics.shortlist import nearest
from tests.metrics.test_chamfer import finish

POINTS = 2048  # as the protocol has it: a rough look at fewer points errs


def flat(count: int, seed: int) -> np.ndarray:
    """(count, POINTS, 3) points on ellipsoids of all proportions, each cloud drawn anew."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, POINTS, 3))
    points /= np.linalg.norm(points, axis=2, keepdims=True)
    return points * rng.uniform(0.1, 0.5, (count, 1, 3))


def test_the_nearest_one_is_that_of_the_whole_matrix() -> None:
    sets = {"a": flat(16, 1), "b": flat(110, 2)}
    wanted = [("a", "b"), ("b", "b")]
    every = finish(distances(sets, wanted, CHAMFER))[0]
    few = finish(nearest(sets, wanted, Means()))[0]
    assert few.measured < 0.5 * every.measured
    for pair in wanted:
        full, short = every.between(*pair).copy(), few.between(*pair).copy()
        if pair == ("b", "b"):
            np.fill_diagonal(full, np.inf)
            np.fill_diagonal(short, np.inf)
        assert short.min(1) == pytest.approx(full.min(1), rel=1e-9)
        known = np.isfinite(short)
        assert known.mean() < 0.5
        assert short[known] == pytest.approx(full[known], rel=1e-9)


def test_few_columns_are_all_measured() -> None:
    sets = {"a": flat(5, 1), "b": flat(20, 2)}
    both = [
        finish(stage)[0].between("a", "b")
        for stage in (distances(sets, [("a", "b")], CHAMFER), nearest(sets, [("a", "b")], Means()))
    ]
    assert both[0] == pytest.approx(both[1], rel=1e-12)
