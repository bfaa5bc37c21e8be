"""Clouds as balls: as many as there are points, where they are, with their colours; whatever comes can be drawn."""

import numpy as np
import pytest
from numpy.typing import NDArray

from studio.models.scene import Scene, Shape
from studio.models.scene_cloud import EDGE, FINE, by_height, cloud_mesh
from studio.palette import DARK
from studio.views import view3d_floor
from studio.views.view3d_camera import Camera
from studio.views.view3d_frame import Frame, colours_of, pane_of
from studio.views.view3d_stage import Stage


@pytest.mark.parametrize(("count", "rough"), [(1, False), (50, False), (50, True), (FINE + 1, False)])
def test_each_point_is_a_closed_ball_around_it(count: int, rough: bool) -> None:
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (count, 3)).astype(np.float32)
    mesh = cloud_mesh("shape", points, rough=rough)
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


def test_a_shadow_is_not_made_anew_for_each_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def shadow(*of: object) -> NDArray[np.float32]:
        made.append(1)
        return np.zeros((view3d_floor.CELLS, view3d_floor.CELLS), np.float32)

    monkeypatch.setattr(view3d_floor, "contact_shadow", shadow)
    stage, scene = Stage(), Scene()
    for guess, (fine, forming) in enumerate(
        ((False, True), (False, True), (True, True), (False, True), (False, False))
    ):
        cloud = cloud_mesh("shape", np.full((1, 3), 0.1 * guess), rough=forming)
        scene.show([Shape("run/0000", "a guess", (cloud,), forming)])
        pane = pane_of(scene, "run/0000", Camera())
        stage.draw(
            Frame(guess, (40, 30), (pane,), "shaded", True, True, True, None, colours_of(DARK), ratio=1.0, fine=fine)
        )
    stage.close()
    assert len(made) == 2, "of the guess that stands still, and of the shape"
