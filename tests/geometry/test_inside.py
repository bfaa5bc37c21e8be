import numpy as np
import pytest

from engine.geometry.inside import inside, winding
from engine.geometry.mesh import Mesh, flip, join
from tests.geometry.shapes import box, sphere

POINTS = np.random.default_rng(0).uniform(-0.5, 0.5, (5000, 3))
RADIUS = np.linalg.norm(POINTS, axis=1)


def test_winding_counts_the_layers_around_a_point() -> None:
    mesh = join([sphere(0.4, 4), sphere(0.3, 4), flip(sphere(0.2, 4))])
    expected = (RADIUS < 0.4).astype(int) + (RADIUS < 0.3) - (RADIUS < 0.2)
    clear = np.abs(RADIUS[:, None] - [0.2, 0.3, 0.4]).min(1) > 0.005
    assert winding(mesh, POINTS)[clear] == pytest.approx(expected[clear], abs=0.02)
    assert winding(flip(mesh), POINTS)[clear] == pytest.approx(-expected[clear], abs=0.02)


def test_inside_of_solids_that_overlap_and_of_hollow_ones() -> None:
    clear = np.abs(RADIUS[:, None] - [0.2, 0.4]).min(1) > 0.005
    hollow = join([sphere(0.4, 4), flip(sphere(0.2, 4))])
    assert np.array_equal(inside(hollow, POINTS)[clear], ((RADIUS < 0.4) & (RADIUS > 0.2))[clear])
    both = join([sphere(0.4, 4), sphere(0.2, 4)])
    assert np.array_equal(inside(both, POINTS)[clear], (RADIUS < 0.4)[clear])


def test_nothing_is_inside_nothing_or_outside_the_box() -> None:
    assert not inside(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32)), POINTS).any()
    assert not inside(box((0.1, 0.1, 0.1)), POINTS[np.abs(POINTS).max(1) > 0.05]).any()
    assert len(winding(box(), POINTS[:0])) == 0
