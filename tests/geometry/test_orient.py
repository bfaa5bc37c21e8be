import numpy as np
import pytest
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh, drop_unused, flip, is_watertight, join, volume
from engine.geometry.orient import as_it_came, containers, orient
from engine.geometry.separate import separate
from tests.geometry.shapes import box, sphere


def outwards(mesh: Mesh) -> NDArray[np.float64]:
    """(F,) cosine between a face's normal and the way from the origin."""
    a, b, c = mesh.triangles.swapaxes(0, 1)
    normal, way = np.cross(b - a, c - a), (a + b + c) / 3
    return (normal * way).sum(1) / np.linalg.norm(normal, axis=1) / np.linalg.norm(way, axis=1)


def shuffled(mesh: Mesh) -> Mesh:
    back = np.random.default_rng(0).random(len(mesh.faces)) < 0.5
    return Mesh(mesh.vertices, np.where(back[:, None], mesh.faces[:, ::-1], mesh.faces))


def part(mesh: Mesh, keep: NDArray[np.bool_]) -> Mesh:
    return drop_unused(Mesh(mesh.vertices, mesh.faces[keep]))


BALL = sphere(0.4, 3)
HEIGHT = BALL.triangles[:, :, 2]


@pytest.mark.parametrize("trusted", [False, True])
def test_everything_ends_up_outwards(trusted: bool) -> None:
    """A ball, a cap, a bowl and a patchwork of open strips, wound at random."""
    strips = [part(BALL, (HEIGHT.mean(1) >= low) & (HEIGHT.mean(1) < low + 0.2)) for low in (-0.4, -0.2, 0.0, 0.2)]
    cases = [BALL, part(BALL, HEIGHT.min(1) > 0.1), part(BALL, HEIGHT.max(1) < 0.2), join(strips)]
    for mesh in cases:
        for start in (mesh, flip(mesh), shuffled(mesh)):
            found = orient(start, trusted)
            assert (outwards(found.mesh) > 0.9).all()
            assert np.array_equal(np.sort(found.mesh.faces, 1), np.sort(start.faces, 1))
    assert orient(BALL).turned == 0 and orient(flip(BALL)).turned == 1


def test_hollows_are_kept_where_winding_means_something() -> None:
    ball, small, tiny = BALL, sphere(0.2, 2), sphere(0.1, 2)
    nested = join([ball, flip(small), tiny])
    sizes = volume(ball), volume(small), volume(tiny)
    for mesh in (nested, flip(nested)):
        found = orient(mesh)
        assert volume(found.mesh) == pytest.approx(sizes[0] - sizes[1] + sizes[2]) and found.hollows == 1
        assert volume(orient(mesh, trusted=False).mesh) == pytest.approx(sum(sizes))
    assert volume(orient(join([ball, small])).mesh) == pytest.approx(sizes[0] + sizes[1])
    assert volume(orient(join([flip(ball), flip(small)])).mesh) == pytest.approx(sizes[0] + sizes[1])
    beside = Mesh(small.vertices + [0.5, 0, 0], flip(small).faces)  # cuts the surface, so it is no hollow
    assert volume(orient(join([ball, beside])).mesh) == pytest.approx(sizes[0] + sizes[1])


def test_containers_are_the_smallest_around() -> None:
    solids = [sphere(0.1, 1), sphere(0.4, 2), sphere(0.2, 2), box((0.01, 0.01, 0.01), (0.3, 0, 0))]
    assert containers(solids) == [2, -1, 1, 1]


def test_closed_groups_where_more_than_two_faces_meet() -> None:
    left, right = box((1, 1, 1), (-0.5, 0, 0)), box((1, 1, 1), (0.5, 1, 0))  # they touch along an edge
    both = join([left, right])
    index = {tuple(point): k for k, point in reversed(list(enumerate(both.vertices.tolist())))}
    welded = drop_unused(
        Mesh(both.vertices, np.array([[index[tuple(both.vertices[v])] for v in f] for f in both.faces]))
    )
    assert len(welded.vertices) == 14 and not is_watertight(welded)
    found = orient(shuffled(welded))
    assert found.closed.all() and volume(found.mesh) == pytest.approx(2)
    apart = separate(found.mesh)
    assert len(apart.vertices) == 16 and is_watertight(apart)
    assert np.array_equal(apart.triangles, found.mesh.triangles)


def test_as_it_came_flips_all_or_nothing() -> None:
    bowl = part(BALL, HEIGHT.max(1) < 0.2)
    assert np.array_equal(as_it_came(bowl).mesh.faces, bowl.faces)
    assert (outwards(as_it_came(flip(bowl)).mesh) > 0.9).all()
