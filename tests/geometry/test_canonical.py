import numpy as np
import pytest

from engine.errors import MeshError
from engine.geometry.canonical import canonical, placement, probes
from engine.geometry.mesh import Mesh, flip, transform, volume
from tests.geometry.shapes import box, sphere


def test_canonical_round_trip() -> None:
    solid = box((4, 2, 1), (10, -3, 7))
    geometry = canonical(solid, {"lid": box((1, 1, 1), (10, -3, 7))})
    assert np.ptp(geometry.surface.bounds, axis=0) == pytest.approx([0.95, 0.475, 0.2375])
    assert geometry.surface.bounds.mean(0) == pytest.approx(0)
    back = geometry.surface.vertices @ geometry.to_source[:3, :3].T + geometry.to_source[:3, 3]
    assert np.allclose(back, solid.vertices)
    assert np.ptp(geometry.parts["lid"].bounds, axis=0) == pytest.approx(0.95 / 4)


def test_what_is_inside_out_is_flipped() -> None:
    solid = sphere(0.4, 3)
    bowl = Mesh(solid.vertices, solid.faces[solid.triangles[:, :, 1].max(1) < 0.3])
    for mesh in (solid, bowl):
        kept, turned = canonical(mesh), canonical(flip(mesh), {"core": flip(sphere(0.1, 1))})
        assert np.array_equal(kept.surface.faces, mesh.faces) and kept.notes == ()
        assert volume(turned.surface) == pytest.approx(volume(kept.surface)) and "flipped" in turned.notes[0]
        assert volume(turned.parts["core"]) > 0
    with pytest.raises(MeshError, match="no faces"):
        canonical(Mesh(solid.vertices, solid.faces[:0]))
    with pytest.raises(MeshError, match="finite"):
        canonical(Mesh(np.where(solid.vertices > 0.39, np.nan, solid.vertices), solid.faces))


def test_placement_and_probes() -> None:
    solid = box((4, 2, 1), (10, -3, 7))
    placed = transform(solid, np.linalg.inv(placement(solid)).astype(np.float64))
    assert placed.bounds == pytest.approx(np.array([[-1, -0.5, -0.25], [1, 0.5, 0.25]]) * 0.475)
    points = probes(solid, 4096)
    assert ((points > solid.bounds[0]) & (points < solid.bounds[1])).all()
    octant = (points > [10, -3, 7]) @ [1, 2, 4]
    assert np.bincount(octant) == pytest.approx(np.full(8, 512), rel=0.06)
    with pytest.raises(MeshError, match="zero size"):
        placement(Mesh(np.ones((3, 3)), np.array([[0, 1, 2]], np.int32)))
