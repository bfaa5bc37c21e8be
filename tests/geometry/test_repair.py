import numpy as np
import pytest
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh, drop_unused, flip, is_closed, is_watertight, join, volume
from engine.geometry.repair import fill_holes, loops, without_opposites
from engine.geometry.solids import united
from tests.geometry.shapes import box, sphere


def part(mesh: Mesh, keep: NDArray[np.bool_]) -> Mesh:
    return drop_unused(Mesh(mesh.vertices, mesh.faces[keep]))


def test_small_holes_are_filled_and_large_ones_left() -> None:
    ball = sphere(0.4, 5)
    cap, bowl = ball.triangles[:, :, 2].min(1) > 0.399, ball.triangles[:, :, 2].min(1) > 0.2
    filled, count, left = fill_holes(part(ball, ~cap))
    assert (count, left) == (1, 0) and is_watertight(filled)
    assert volume(filled) == pytest.approx(volume(ball), rel=0.01)
    holes = np.isin(np.arange(len(ball.faces)), [3, 300, 800])
    filled, count, left = fill_holes(part(ball, ~holes))
    assert count == 3 and is_watertight(filled) and volume(filled) == pytest.approx(volume(ball))
    cut = part(ball, ~bowl)
    same, count, left = fill_holes(cut)
    assert same is cut and (count, left) == (0, 1)


def test_slits_between_long_and_short_edges_close() -> None:
    """A box whose top edge is one long edge on one side and two short ones on the other."""
    solid = box()
    middle = len(solid.vertices)
    vertices = np.concatenate([solid.vertices, [[0.5, 0.0, 0.5]]])
    faces = []
    ends = [k for k, point in enumerate(solid.vertices) if point[0] == 0.5 and point[2] == 0.5]
    for face in solid.faces.tolist():
        third = [k for k in face if k not in ends]
        if set(ends) <= set(face) and np.allclose(solid.vertices[face][:, 0], 0.5):
            at = face.index(third[0])
            one, other = face[(at + 1) % 3], face[(at + 2) % 3]
            faces += [[third[0], one, middle], [third[0], middle, other]]
        else:
            faces.append(face)
    open_mesh = Mesh(vertices, np.array(faces, np.int32))
    assert len(faces) == 13 and not is_closed(open_mesh)
    filled, count, left = fill_holes(open_mesh)
    assert (count, left) == (1, 0) and is_closed(filled) and volume(filled) == pytest.approx(1)


def test_filling_adds_little_area() -> None:
    """The hole of a flat plate with a notch is filled in its plane, not across the notch."""
    ring = np.array([[0, 0], [1, 0], [1, 1], [0.5, 0.2], [0, 1]]) * 0.04
    points = np.concatenate([np.c_[ring, np.zeros(5)], np.c_[ring, np.full(5, -0.01)]])
    side = [[k, 5 + k, (k + 1) % 5] for k in range(5)] + [[(k + 1) % 5, 5 + k, 5 + (k + 1) % 5] for k in range(5)]
    filled, count, _ = fill_holes(join([box((1, 1, 1), (5, 0, 0)), Mesh(points, np.array(side, np.int32))]))
    assert count == 2 and is_watertight(filled)
    assert volume(filled) == pytest.approx(1 + 0.04**2 * (1 - 0.5 * 0.8) * 0.01, rel=1e-9)


def test_loops_cover_the_boundary_once() -> None:
    ball = sphere(0.4, 2)
    mesh = part(ball, np.random.default_rng(0).random(len(ball.faces)) < 0.6)
    found = list(loops(mesh))
    edges = [(int(a), int(b)) for loop in found for a, b in zip(loop, np.roll(loop, -1), strict=True)]
    own = {(int(a), int(b)) for f in mesh.faces for a, b in zip(f, np.roll(f, -1), strict=True)}
    assert len(edges) == len(set(edges))
    assert set(edges) == {(b, a) for a, b in own} - own


def test_opposite_faces_cancel() -> None:
    solid = box()
    assert len(without_opposites(join([solid])).faces) == 12
    twice = Mesh(solid.vertices, np.concatenate([solid.faces, flip(solid).faces[:5], solid.faces[:2]]))
    left = without_opposites(twice)
    assert sorted(map(tuple, np.sort(left.faces, 1).tolist())) == sorted(
        map(tuple, np.sort(np.concatenate([solid.faces[5:], solid.faces[:2]]), 1).tolist())
    )


def test_united_keeps_hollows_and_drops_inner_walls() -> None:
    ball, hollow, core = sphere(0.4, 3), flip(sphere(0.3, 3)), sphere(0.1, 2)
    rod = box((0.05, 0.05, 2))
    shell = united(join([ball, hollow, core]))
    assert volume(shell) == pytest.approx(volume(ball) + volume(hollow) + volume(core))
    both = united(join([ball, hollow, rod]))
    assert is_watertight(both)
    expected = volume(ball) + volume(hollow) + 0.05**2 * (2 - 2 * (0.4 - 0.3))
    assert volume(both) == pytest.approx(expected, rel=0.01)


def test_small_loose_sheets_are_not_taken_for_holes() -> None:
    confetti = join(
        [Mesh(t + [k, 0, 0], np.array([[0, 1, 2]], np.int32)) for k, t in enumerate(sphere(0.1, 0).triangles)]
    )
    same, count, left = fill_holes(confetti)
    assert same is confetti and (count, left) == (0, 20)
