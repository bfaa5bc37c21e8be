"""Shapes are stood with their plane of symmetry at x = 0, and those that have none stay where they are."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.datasets.procedural import make
from engine.geometry.mesh import Geometry, Mesh, transform
from engine.upright import centred_if_symmetric


def plain() -> Geometry:
    return replace(make("airplane", 11).geometry, parts={}, regions=None)


@pytest.mark.parametrize(("shift", "lean"), [(0.012, 3.0), (-0.02, -6.0)])
def test_the_plane_of_symmetry_is_found(shift: float, lean: float) -> None:
    geometry = plain()
    moved = np.eye(4)
    moved[:3, :3] = Rotation.from_euler("y", lean, degrees=True).as_matrix()
    moved[0, 3] = shift
    found, off, leaning = centred_if_symmetric(replace(geometry, surface=transform(geometry.surface, moved)))
    assert leaning == pytest.approx(abs(lean), abs=0.4) and off == pytest.approx(abs(shift), abs=0.003)
    assert np.abs(found.surface.vertices - geometry.surface.vertices)[:, 0].max() < 0.006
    back = transform(found.surface, found.to_source).vertices
    assert back == pytest.approx(transform(geometry.surface, moved @ geometry.to_source).vertices, abs=1e-9)


def test_what_has_no_plane_of_symmetry_stays() -> None:
    geometry = plain()
    corners = geometry.surface.triangles
    half = Mesh(geometry.surface.vertices, geometry.surface.faces[corners[:, :, 0].max(1) < 0.05])
    lopsided = replace(geometry, surface=half)
    assert centred_if_symmetric(lopsided) == (lopsided, 0.0, 0.0)
