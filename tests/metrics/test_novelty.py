import numpy as np
import pytest

from engine.metrics.chamfer import chamfer
from engine.metrics.novelty import compare_to_training, novelty
from tests.metrics.test_chamfer import finish
from tests.metrics.test_distribution import ellipsoids


def test_known_by_hand() -> None:
    gt = np.array([[3.0, 1.0], [0.05, 2.0], [0.2, 0.1]])
    ut = np.linspace(0, 1, 101)[:, None] + np.array([[0.0, 5.0]])  # nearest distances 0, 0.01 ... 1
    result = novelty(gt, ut)
    assert result.threshold == pytest.approx(0.05)
    assert result.nearest.tolist() == [1, 0, 1]
    assert result.distance.tolist() == [1.0, 0.05, 0.1]
    assert novelty(gt - 0.01, ut).copies == pytest.approx(1 / 3)


def test_copies_are_found_and_new_shapes_are_not_accused() -> None:
    training, unseen, new = ellipsoids(0, 30, 80), ellipsoids(1, 200, 80), ellipsoids(2, 200, 80)
    copied = training[[4, 9]] + np.random.default_rng(0).normal(size=(2, 80, 3)) * 1e-3
    result, _ = finish(compare_to_training(np.concatenate([new, copied]), training, unseen))
    assert result.nearest[-2:].tolist() == [4, 9]
    assert (result.distance[-2:] < result.threshold).all()
    assert (result.distance[:-2] < result.threshold).mean() < 0.12  # 5 % expected, with a standard deviation of 2 %
    assert result.copies == (result.distance < result.threshold).mean()
    assert result.distance[0] == min(chamfer(new[0], shape) for shape in training)
