"""Meshes through clouds: known solids come back, thin ones whole, in whatever frame, and what is no cloud is refused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.cloud_settings import CloudMeshSettings
from engine.errors import MeshError
from engine.geometry.crumbs import shells
from engine.geometry.from_cloud import CloudMesh, mesh_of_cloud
from engine.geometry.inside import inside
from engine.geometry.mesh import is_watertight, volume
from engine.stages import ended


def ball(count: int, radius: float = 0.4, seed: int = 0) -> NDArray[np.float64]:
    """(count, 3) random points on a sphere about the origin."""
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return radius * points / np.linalg.norm(points, axis=1, keepdims=True)


def plate(side: int, thickness: float) -> NDArray[np.float64]:
    """(2 side^2, 3) points all over the two large faces of a square plate of side 0.9, by chance within even cells."""
    generator = np.random.default_rng(1)
    cells = np.array(list(np.ndindex(side, side, 2)), float)
    x, z = ((cells[:, :2] + generator.uniform(0, 1, (len(cells), 2))) / side * 0.9 - 0.45).T
    return np.stack([x, (cells[:, 2] - 0.5) * thickness, z], 1)


def holes(found: CloudMesh) -> int:
    """Handles of a closed mesh of one shell, by Euler's formula."""
    faces, vertices = len(found.mesh.faces), len(np.unique(found.mesh.faces))
    return 1 - (vertices - faces // 2) // 2


@pytest.fixture(scope="module")
def sphere() -> CloudMesh:
    points = ball(600)
    return ended(mesh_of_cloud(points, points + 0.5))


def test_a_sphere_comes_back(sphere: CloudMesh) -> None:
    radius = np.linalg.norm(sphere.mesh.vertices, axis=1)
    assert sphere.watertight and is_watertight(sphere.mesh) and not sphere.notes
    assert len(shells(sphere.mesh)) == 1 and holes(sphere) == 0
    assert np.abs(radius - 0.4).max() < 0.5 * sphere.spacing
    assert volume(sphere.mesh) == pytest.approx(4 / 3 * np.pi * 0.4**3, rel=0.08)  # full, and wound outwards


def test_spacing_is_that_of_the_surface(sphere: CloudMesh) -> None:
    assert sphere.spacing == pytest.approx(np.sqrt(4 * np.pi * 0.4**2 / 600), rel=0.1)


def test_vertices_have_the_colours_of_the_points_near_them(sphere: CloudMesh) -> None:
    assert sphere.colours is not None and sphere.colours.shape == sphere.mesh.vertices.shape
    assert np.abs(sphere.colours - (sphere.mesh.vertices + 0.5)).mean() < sphere.spacing


def test_what_is_thinner_than_points_are_dense_has_no_holes() -> None:
    """Points of each face stand 0.056 apart, and the faces 0.015."""
    found = ended(mesh_of_cloud(plate(16, 0.015)))
    middle = np.random.default_rng(2).uniform(-0.36, 0.36, (2000, 3)) * [1, 0, 1]  # the rim is ragged
    assert found.watertight and len(shells(found.mesh)) == 1 and inside(found.mesh, middle).mean() > 0.99
    assert volume(found.mesh) / 0.9**2 < found.spacing  # how thick it is on average


def test_two_bodies_stay_two_and_outliers_go() -> None:
    shift = np.array([1.2, 0, 0])
    points = np.concatenate([ball(300) - shift / 2, ball(300, seed=2) + shift / 2, [[0, 3.0, 0], [4.0, 0, 1]]])
    found = ended(mesh_of_cloud(points))
    assert found.watertight and len(shells(found.mesh)) == 2
    assert not found.kept[-2:].any() and found.kept[:-2].mean() > 0.99
    assert np.abs(found.mesh.vertices[:, 1]).max() < 0.6 and "left out" in found.notes[0]


def test_the_frame_does_not_matter() -> None:
    """Micrometres far from the origin give the mesh that the unit cube gives."""
    points, settings = ball(200) * [1, 0.8, 0.6], CloudMeshSettings(resolution=64)
    first = ended(mesh_of_cloud(points, settings=settings)).mesh
    moved = ended(mesh_of_cloud(1e4 * points + [1e5, 0, -3e4], settings=settings)).mesh
    assert volume(moved) / 1e12 == pytest.approx(volume(first), rel=0.01)
    assert np.allclose((moved.bounds - [1e5, 0, -3e4]) / 1e4, first.bounds, atol=5e-3)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros((200, 3)), "different points"),
        (ball(20), "at least 32"),
        (np.full((100, 3), np.nan), "not finite"),
        (np.zeros((100, 2)), "shape"),
        (ball(100) * [1, 1, 0], "one plane"),
    ],
)
def test_what_is_no_cloud_is_refused(points: NDArray[np.float64], words: str) -> None:
    with pytest.raises(MeshError, match=words):
        ended(mesh_of_cloud(points))
