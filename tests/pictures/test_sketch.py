"""Quick pictures from logits on a grid: where something is, in which colour, and that they look like the careful ones."""

import numpy as np
import pytest

from engine.pictures.camera import View, project
from engine.pictures.sketch import lattice, sketch

RED, BLUE = (0.8, 0.05, 0.05), (0.05, 0.05, 0.8)
SIDE = 24


def ball(centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """Logits of a ball on the grid."""
    return (radius - np.linalg.norm(lattice(SIDE) - centre, axis=1)).reshape(SIDE, SIDE, SIDE).astype(np.float32)


def covered(picture: np.ndarray, channel: int) -> np.ndarray:
    """Pixels in which a colour is much stronger than its opposite."""
    other = 2 - channel
    return picture[..., channel].astype(int) - picture[..., other] > 60


def test_what_is_nearer_hides_what_is_behind() -> None:
    towards = np.array([0.0, 0.0, 0.25])
    front, back = ball(tuple(towards), 0.2), ball(tuple(-towards), 0.2)
    picture, swapped = sketch([(front, RED), (back, BLUE)], 64), sketch([(back, RED), (front, BLUE)], 64)
    assert picture is not None and swapped is not None
    assert covered(picture, 0).sum() > 1.1 * covered(picture, 2).sum() > 0, "the front one is seen whole, larger"
    assert covered(swapped, 2).sum() > 1.1 * covered(swapped, 0).sum() > 0


def test_a_ball_is_a_disc_that_fills_the_frame() -> None:
    picture = sketch([(ball((0.1, 0.05, -0.1), 0.25), RED)], 96)
    assert picture is not None
    rows, columns = np.nonzero(covered(picture, 0))
    share = len(rows) / ((np.ptp(rows) + 1) * (np.ptp(columns) + 1))
    assert share == pytest.approx(np.pi / 4, abs=0.03)
    assert 0.5 < (np.ptp(columns) + 1) / 96 <= 1, "off the middle, it reaches an edge's margin at one side"
    right = project(np.array([[0.1, 0.05, -0.1]]), View())[0, 0]
    assert np.sign(columns.mean() - 47.5) == np.sign(right)


@pytest.mark.parametrize("value", [-1.0, np.nan])
def test_of_nothing_there_is_no_picture(value: float) -> None:
    assert sketch([(np.full((8, 8, 8), value, np.float32), RED)], 32) is None


def test_what_lies_between_the_samples_is_seen_and_what_fills_the_cube_has_sides() -> None:
    thin = -np.abs(lattice(SIDE)[:, 1] - 0.5 / (SIDE - 1) * 1.0).reshape(SIDE, SIDE, SIDE)  # a sheet without thickness
    assert sketch([(thin.astype(np.float32), RED)], 32) is not None
    full = sketch([(np.ones((8, 8, 8), np.float32), RED)], 32)
    assert full is not None and covered(full, 0).mean() > 0.3
