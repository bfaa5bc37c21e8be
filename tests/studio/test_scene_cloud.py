"""Clouds as balls: as many as there are points, where they are, with their colours; whatever comes can be drawn."""

import numpy as np
import pytest

from studio.models.scene_cloud import EDGE, FINE, by_height, cloud_mesh


@pytest.mark.parametrize("count", [1, 50, FINE + 1])
def test_each_point_is_a_closed_ball_around_it(count: int) -> None:
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (count, 3)).astype(np.float32)
    mesh = cloud_mesh("shape", points)
    corners = len(mesh.vertices) // count
    assert mesh.points == count and np.allclose(mesh.vertices.reshape(count, corners, 3).mean(1), points, atol=1e-5)
    away = mesh.vertices[mesh.faces].mean(1) - points[mesh.faces[:, 0] // corners]
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    assert ((np.cross(b - a, c - a) * away).sum(1) > 0).all(), "all faces look outwards"
    edges = np.sort(np.concatenate([mesh.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_colours_are_those_of_the_points_or_tell_the_height() -> None:
    points = np.array([[0, -0.4, 0], [0, 0.4, 0]])
    own = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    mesh = cloud_mesh("shape", points, own)
    assert mesh.colours is not None and np.array_equal(np.unique(mesh.colours, axis=0), np.unique(own, axis=0))
    low, high = by_height(points.astype(np.float32)).sum(1)
    assert high > low


def test_first_guesses_of_any_kind_can_be_drawn() -> None:
    mesh = cloud_mesh("shape", np.array([[np.nan, np.inf, -np.inf], [9.0, 0, 0]]))
    assert np.isfinite(mesh.vertices).all() and np.abs(mesh.vertices).max() < EDGE + 0.1
    assert not len(cloud_mesh("shape", np.zeros((0, 3))).faces)
