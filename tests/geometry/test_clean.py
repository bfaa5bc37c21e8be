import numpy as np
import pytest

from engine.geometry.clean import clean, cleaned, components, unbalanced, welded
from engine.geometry.mesh import Mesh, flip, is_closed, is_watertight, join, volume
from tests.geometry.shapes import box, sphere


def test_clean_merges_split_corners_and_drops_slivers() -> None:
    solid = box()
    soup = Mesh(solid.triangles.reshape(-1, 3), np.arange(36, dtype=np.int32).reshape(-1, 3))
    assert not is_closed(soup)
    merged = clean(soup)
    assert is_watertight(merged) and len(merged.vertices) == 8
    sliver = np.array([[0, 0, 1]], np.int32)
    assert len(clean(Mesh(solid.vertices, np.concatenate([solid.faces, sliver]))).faces) == 12


def test_clean_keeps_a_sliver_that_closes_the_mesh() -> None:
    middle = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [0.5, 0, 0], [0, 1, 0], [0, 0, 1]]), np.zeros((0, 3), np.int32))
    faces = [[0, 3, 1], [0, 4, 3], [1, 3, 4], [0, 2, 4], [2, 1, 4], [0, 1, 2]]  # the last has no area
    tetrahedron = clean(Mesh(middle.vertices, np.array(faces, np.int32)))
    assert is_watertight(tetrahedron) and len(tetrahedron.faces) == 6


def test_doubled_mesh_becomes_the_single_one() -> None:
    solid = sphere(0.3, 2)
    for twin in (solid, flip(solid)):
        single = clean(join([solid, twin]))
        assert is_watertight(single) and len(single.faces) == len(solid.faces)


def test_wall_between_touching_solids_goes() -> None:
    left, right = box((1, 1, 1), (-0.5, 0, 0)), box((1, 1, 1), (0.5, 0, 0))
    wall = np.abs(left.triangles[:, :, 0]).max(1) == 0
    right_wall = np.array([[left.vertices[v] + 0 for v in face] for face in left.faces[wall]])[:, ::-1]
    keep = np.abs(right.triangles[:, :, 0]).max(1) > 0
    corners = np.concatenate([right.triangles[keep], right_wall]).reshape(-1, 3)
    right = Mesh(corners, np.arange(len(corners), dtype=np.int32).reshape(-1, 3))
    both = clean(join([left, right]))
    assert is_closed(both) and len(both.faces) == 20
    assert volume(both) == pytest.approx(2)


def test_what_was_left_out_is_counted() -> None:
    solid = sphere(0.3, 1)
    found = cleaned(join([solid, flip(solid), Mesh(solid.vertices, np.array([[0, 0, 1]], np.int32))]))
    assert (found.twins, found.slivers, found.opposed) == (80, 1, True)
    assert np.array_equal(found.face, np.arange(80))
    found = cleaned(join([solid, solid]))
    assert (found.twins, found.slivers, found.opposed) == (80, 0, False)
    one = Mesh(solid.vertices, np.concatenate([solid.faces, solid.faces[:1, ::-1]]))
    assert not cleaned(one).opposed and is_watertight(clean(one))


def test_components_and_unbalanced_edges() -> None:
    lid_off = Mesh(box().vertices, box().faces[1:])
    both = join([sphere(0.2, 1), lid_off])
    assert np.bincount(components(both)).tolist() == [80, 11]
    assert unbalanced(both).sum() == 3 and not unbalanced(both)[:80].any()


def test_welding_mends_what_rounding_has_torn_and_nothing_else() -> None:
    solid = sphere(0.4, 3)
    noise = np.random.default_rng(0).uniform(-1e-6, 1e-6, (len(solid.faces), 3, 3))
    torn = Mesh(
        (solid.triangles + noise).reshape(-1, 3), np.arange(3 * len(solid.faces), dtype=np.int32).reshape(-1, 3)
    )
    whole = welded(torn, 1e-5)
    assert is_watertight(whole) and len(whole.faces) == len(solid.faces)
    assert volume(whole) == pytest.approx(volume(solid), rel=1e-4)
    assert welded(solid, 1e-5) is solid
    apart = join(
        [Mesh(triangle + 10 * k, np.array([[0, 1, 2]], np.int32)) for k, triangle in enumerate(solid.triangles)]
    )
    assert welded(apart, 1e-5) is apart
