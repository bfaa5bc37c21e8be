import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.reconstruction import f_score, iou, normal_consistency


def sphere(seed: int, count: int = 3000) -> NDArray[np.float64]:
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_f_score_by_hand() -> None:
    reference = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]])
    rebuilt = np.array([[0.0, 0, 0.1], [1, 0, 0.1], [9, 0, 0]])  # precision 2/3, recall 2/4
    assert f_score(rebuilt, reference, 0.11) == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    assert f_score(rebuilt, reference, 0.09) == 0
    assert f_score(reference, reference, 1e-9) == 1
    assert f_score(rebuilt, reference, 0.11) == pytest.approx(f_score(reference, rebuilt, 0.11))


def test_f_score_turns_at_the_distance_of_two_spheres() -> None:
    a, b = sphere(0), 1.2 * sphere(1)
    assert f_score(a, b, 0.19) == 0
    assert f_score(a, b, 0.3) > 0.99


def test_iou_of_two_balls_is_the_ratio_of_their_volumes() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (200_000, 3))
    radius = np.linalg.norm(points, axis=1)
    assert iou(radius < 0.8, radius < 1) == pytest.approx(0.8**3, abs=0.005)
    assert iou(radius < 1, radius < 1) == 1
    assert iou(points[:, 0] < 0, points[:, 0] > 0) == 0
    assert np.isnan(iou(radius > 9, radius > 9))


def test_normals_of_one_sphere_agree_and_unrelated_ones_do_not() -> None:
    a, b = sphere(0), sphere(1)
    assert normal_consistency(a, a, b, b) > 0.995
    assert normal_consistency(a, -3 * a, b, b) == pytest.approx(normal_consistency(a, a, b, b), abs=1e-12)
    assert normal_consistency(a, sphere(2), b, sphere(3)) == pytest.approx(0.5, abs=0.03)
    tilt = np.cos(np.radians(60))
    flat = np.random.default_rng(4).uniform(size=(500, 3)) * [1, 1, 0]
    up, leaning = np.tile([0.0, 0, 1], (500, 1)), np.tile([np.sin(np.radians(60)), 0, tilt], (500, 1))
    assert normal_consistency(flat, up, flat, leaning) == pytest.approx(tilt)


def test_what_cannot_be_used_is_named() -> None:
    a = sphere(0, 10)
    with pytest.raises(InputError, match="above 0"):
        f_score(a, a, 0)
    with pytest.raises(InputError, match="bool"):
        iou(np.zeros(3), np.zeros(3))
    with pytest.raises(InputError, match="same points"):
        iou(np.zeros(3, bool), np.zeros(4, bool))
    with pytest.raises(InputError, match="length 0"):
        normal_consistency(a, 0 * a, a, a)
    with pytest.raises(InputError, match="shape"):
        f_score(a[:0], a)
