import numpy as np
import pytest
import torch

from engine.geometry import health as module
from engine.geometry.health import crossings, health, together
from engine.geometry.mesh import Mesh, flip, join, volume
from engine.geometry.solids import union
from engine.geometry.surface import extract
from engine.stages import ended
from tests.geometry.shapes import box, sphere


def test_a_sound_solid_has_nothing_to_say() -> None:
    plate = box((0.8, 0.02, 0.5), (1, 2, 3))
    found = health(plate)
    assert found.sound and found.watertight and found.shells == 1 and found.self_intersections == 0
    assert found.volume == pytest.approx(0.8 * 0.02 * 0.5) and found.degenerate == 0
    assert found.thinnest_wall == pytest.approx(0.02, rel=1e-3)
    thin = health(plate, least_wall=0.03)
    assert thin.words == ("94% of its walls are thinner than 0.03, the thinnest is 0.02.",)
    assert thin.thin == pytest.approx(0.8 * 0.5 / (0.8 * 0.5 + 0.02 * 1.3), abs=0.001)
    assert found == health(plate)


def test_an_extracted_surface_is_sound() -> None:
    def field(p: torch.Tensor) -> torch.Tensor:
        return 40 * (0.1 - torch.stack([p[:, [0, 2]].norm(dim=1) - 0.3, p[:, 1]], 1).norm(dim=1))

    ring = ended(extract(field, 48))
    found = health(ring)
    assert found.watertight and found.self_intersections == 0 and found.shells == 1
    assert found.volume == pytest.approx(2 * np.pi**2 * 0.3 * 0.01, rel=0.01)
    assert found.thinnest_wall == pytest.approx(0.2, rel=0.05)


def test_walls_of_hollow_shapes() -> None:
    hollow = join([sphere(0.4), flip(sphere(0.37))])
    found = health(hollow)
    assert found.watertight and found.thinnest_wall == pytest.approx(0.03, rel=0.03)
    assert found.thinnest_at is not None
    assert found.volume == pytest.approx(volume(sphere(0.4)) - volume(sphere(0.37)))
    pole = union([box((0.5, 0.5, 0.5)), box((0.03, 0.9, 0.04))])
    assert health(pole).thinnest_wall == pytest.approx(0.03, rel=1e-3)


def test_corners_are_no_walls() -> None:
    """Rays that start beside a blunt edge come out soon, but what they cut off is no wall; a sharp edge is one."""
    for degrees in (80, 20):  # the sharp edges of a block that leans over
        points = box((1, 1, 1)).vertices
        leaning = Mesh(points + np.outer(points[:, 1] / np.tan(np.radians(degrees)), [1, 0, 0]), box().faces)
        wall = health(leaning).thinnest_wall
        assert wall == pytest.approx(np.sin(np.radians(80)), rel=1e-3) if degrees == 80 else wall and wall < 0.02


def test_every_fault_has_its_words() -> None:
    ball = sphere(0.3, 2)
    hole = health(Mesh(ball.vertices, ball.faces[1:]))
    assert not hole.watertight and hole.volume is None and hole.thinnest_wall is None
    assert hole.words == ("The surface is not closed: 3 edges have one face.",)
    turned = ball.faces.copy()
    turned[0] = turned[0, ::-1]
    assert "wound in different directions" in health(Mesh(ball.vertices, turned)).words[0]
    outside = health(flip(ball))
    assert outside.words == ("The surface is inside out.",) and outside.volume == pytest.approx(-volume(ball))
    assert outside.thinnest_wall == pytest.approx(health(ball).thinnest_wall)
    apart = health(join([ball, box((0.1, 0.1, 0.1), (1, 0, 0))]))
    assert apart.shells == 2 and apart.words == ("It has 2 pieces that do not hang together.",)
    needle = Mesh(
        np.array([[0, 0, 0], [1, 0, 0], [0.5, 1e-9, 0], [0, 1, 0]], float), np.array([[0, 1, 2], [0, 1, 3]], np.int32)
    )
    assert health(needle).degenerate == 1 and "1 faces have no area" in health(needle).words[-1]
    assert health(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))).words == ("The mesh has no faces.",)
    broken = ball.vertices.copy()
    broken[3] = np.nan
    assert health(Mesh(broken, ball.faces)).words == ("1 vertices are not finite numbers.",)


def test_solids_through_each_other_are_told_from_solids_that_touch() -> None:
    cube = box()
    through = health(join([cube, box((0.3, 0.3, 3), (0.1, 0.07, 0))]))
    assert through.self_intersections and "passes through itself" in through.words[0]
    assert health(union([cube, box((0.3, 0.3, 3), (0.1, 0.07, 0))])).self_intersections == 0
    assert crossings(join([cube, box((1, 1, 1), (1, 0, 0))])) == 0
    assert crossings(join([cube, box((0.5, 0.5, 0.5))])) == 0


def test_self_intersections_are_counted_when_asked_for() -> None:
    through = join([box(), box((0.3, 0.3, 3), (0.1, 0.07, 0))])
    quick = health(through, crossing=False)
    assert quick.self_intersections is None and not any("itself" in words for words in quick.words)
    assert quick.volume == health(through).volume and quick.thinnest_wall == health(through).thinnest_wall


def test_objects_together() -> None:
    plate, ball = box((0.8, 0.02, 0.5)), sphere(0.3, 2)
    assert together({"ball": health(ball)}) == health(ball)
    both = together({"plate": health(plate, 0.03), "ball": health(ball, 0.03)})
    assert both.thinnest_wall == health(plate).thinnest_wall and both.watertight and both.self_intersections == 0
    assert both.volume == pytest.approx(volume(plate) + volume(ball)) and both.faces == len(plate.faces) + len(
        ball.faces
    )
    assert both.words == ("plate: 94% of its walls are thinner than 0.03, the thinnest is 0.02.",)
    broken = together({"plate": health(plate), "ball": health(Mesh(ball.vertices, ball.faces[1:]))})
    assert not broken.watertight and broken.volume is None and broken.words[0].startswith("ball: ")


def test_crossings_are_those_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    middles = generator.normal(size=(120, 1, 3))
    soup = Mesh(
        (middles + generator.normal(0, 0.4, (120, 3, 3))).reshape(-1, 3), np.arange(360, dtype=np.int32).reshape(-1, 3)
    )
    shared = Mesh(soup.vertices, generator.permuted(np.tile(np.arange(360), (90, 1)), axis=1)[:, :3].astype(np.int32))

    def within(a: np.ndarray, b: np.ndarray, c: np.ndarray, p: np.ndarray) -> bool:
        weights = np.linalg.solve(np.stack([a, b, c], 1), p)  # planes that miss the origin, which random ones do
        return bool((weights > 1e-9).all())

    def pierced(mesh: Mesh, one: int, other: int) -> bool:
        a, b, c = mesh.triangles[one]
        normal = np.cross(b - a, c - a)
        for k in range(3):
            ends = mesh.faces[other, [k, (k + 1) % 3]]
            if set(ends) & set(mesh.faces[one]):
                continue
            p, q = mesh.vertices[ends]
            above, below = normal @ (p - a), normal @ (q - a)
            if above * below < 0 and within(a, b, c, p + above / (above - below) * (q - p)):
                return True
        return False

    for mesh in (soup, shared):
        count = len(mesh.faces)
        slow = sum(pierced(mesh, i, j) or pierced(mesh, j, i) for i in range(count) for j in range(i))
        assert crossings(mesh) == slow > 30
    monkeypatch.setattr(module, "MOST_PAIRS", 100)
    assert crossings(soup) is None
    assert "was not counted" in health(soup).words[1]
