"""What `bench newfit` does to real meshes before they are fitted, on shapes of which the truth is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from engine import Project
from engine.datasets.procedural import make
from engine.geometry.mesh import transform
from engine.geometry.occupancy import surface_points
from tests.bench._borrowed_parts import borrowed
from tests.bench._centred import centred
from tests.metrics.test_chamfer import finish


@pytest.mark.parametrize(("shift", "lean"), [(0.012, 3.0), (-0.02, -6.0)])
def test_the_plane_of_symmetry_is_found(shift: float, lean: float) -> None:
    geometry = replace(make("airplane", 11).geometry, parts={}, regions=None)
    moved = np.eye(4)
    moved[:3, :3] = Rotation.from_euler("y", lean, degrees=True).as_matrix()
    moved[0, 3] = shift
    found, off, leaning = centred(replace(geometry, surface=transform(geometry.surface, moved)))
    assert leaning == pytest.approx(abs(lean), abs=0.4) and off == pytest.approx(abs(shift), abs=0.003)
    assert np.abs(found.surface.vertices - geometry.surface.vertices)[:, 0].max() < 0.006
    back = transform(found.surface, found.to_source).vertices
    assert back == pytest.approx(transform(geometry.surface, moved @ geometry.to_source).vertices, abs=1e-9)


@pytest.mark.slow
def test_parts_are_borrowed_from_a_like_shape(tmp_path: Path) -> None:
    geometry = make("chair", 777_000).geometry
    with Project.create(tmp_path / "p") as project:
        named = finish(borrowed(replace(geometry, parts={}, regions=None), "shipped:chair", project))[0]
    assert named.regions is not None
    names = list(geometry.parts)
    clouds = [surface_points(mesh, 2_000, np.random.default_rng(0)) for mesh in geometry.parts.values()]
    true = np.argmin([cKDTree(cloud).query(named.regions.points)[0] for cloud in clouds], 0)
    told = np.array(named.regions.names)[named.regions.label]
    assert (told == np.array(names)[true]).mean() > 0.8
