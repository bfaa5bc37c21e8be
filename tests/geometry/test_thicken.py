import numpy as np
import pytest

from engine.errors import InputError
from engine.geometry.mesh import Mesh, is_watertight, volume
from engine.geometry.thicken import thicken
from tests.geometry.shapes import sphere

SQUARE = Mesh(np.array([[0.0, 0, 0], [3, 0, 0], [3, 3, 0], [0, 3, 0]]), np.array([[0, 1, 2], [0, 2, 3]], np.int32))


@pytest.mark.parametrize("thickness", [0.3, 0.05])
def test_a_square_becomes_a_plate_with_round_edges(thickness: float) -> None:
    plate = thicken(SQUARE, thickness)
    r = 3 * thickness / 2
    expected = 9 * 2 * r + np.pi * r**2 / 2 * 12 + 4 / 3 * np.pi * r**3
    assert is_watertight(plate) and volume(plate) == pytest.approx(expected, rel=0.02)
    assert plate.bounds == pytest.approx(np.array([[-r, -r, -r], [3 + r, 3 + r, r]]), abs=0.02)


def test_both_sides_of_a_ball_grow() -> None:
    shell = thicken(sphere(7.0, 4), 0.05)
    assert is_watertight(shell)
    assert volume(shell) == pytest.approx(4 / 3 * np.pi * (7.35**3 - 6.65**3), rel=0.02)


@pytest.mark.parametrize("thickness", [0.0, 0.003, 0.6, float("nan")])
def test_thickness_has_bounds(thickness: float) -> None:
    with pytest.raises(InputError, match="thickness"):
        thicken(SQUARE, thickness)
