from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.errors import InputError
from engine.geometry.clean import clean
from engine.geometry.examine import examine
from engine.geometry.inside import inside
from engine.geometry.mesh import (
    Geometry,
    Mesh,
    drop_unused,
    face_areas,
    flip,
    is_closed,
    is_watertight,
    join,
    volume,
)
from engine.geometry.raw import FaceLabels, Raw
from tests.geometry.shapes import box, sphere

Points = NDArray[np.float64]
SQUARE = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def raw(mesh: Mesh, **labels: FaceLabels) -> Raw:
    return Raw(mesh, np.arange(len(mesh.faces), dtype=np.int32), labels)


def some_faces(mesh: Mesh, keep: NDArray[np.bool_]) -> Mesh:
    return drop_unused(Mesh(mesh.vertices, mesh.faces[keep]))


def moved(mesh: Mesh, x: float = 0, y: float = 0, z: float = 0) -> Mesh:
    return Mesh(mesh.vertices + [x, y, z], mesh.faces)


def grid(width: int, height: int, place: Callable[[Points, Points], Points], wrap: str = "") -> Mesh:
    """A strip of quads, cut into triangles; "u" joins its ends and "twist" joins them upside down."""
    u, v = np.meshgrid(np.arange(width + 1), np.arange(height + 1), indexing="ij")
    number = u * (height + 1) + v
    if wrap == "u":
        number[-1] = number[0]
    if wrap == "twist":
        number[-1] = number[0, ::-1]
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    points = place((u / width).ravel(), (v / height).ravel())
    return drop_unused(Mesh(points, faces.astype(np.int32)))


def moebius() -> Mesh:
    def place(u: Points, v: Points) -> Points:
        angle, out = 2 * np.pi * u, 0.4 * (v - 0.5)
        radius = 1 + out * np.cos(angle / 2)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), out * np.sin(angle / 2)], 1)

    return grid(60, 4, place, "twist")


def klein() -> Mesh:
    """The bottle with a figure of eight as its cross-section, each lobe of which is hollow; every edge has two faces."""
    n, m = 48, 24
    u, v = np.meshgrid(np.arange(n), np.arange(m), indexing="ij")
    a, b = 2 * np.pi * u / n, 2 * np.pi * v / m
    radius = 2 + np.cos(a / 2) * np.sin(b) - np.sin(a / 2) * np.sin(2 * b)
    height = np.sin(a / 2) * np.sin(b) + np.cos(a / 2) * np.sin(2 * b)
    points = np.stack([radius * np.cos(a), radius * np.sin(a), height], -1).reshape(-1, 3)

    def number(i: NDArray, j: NDArray) -> NDArray:
        return i % n * m + np.where(i >= n, -j, j) % m

    corners = number(u, v), number(u + 1, v), number(u + 1, v + 1), number(u, v + 1)
    faces = [np.stack([corners[k] for k in cut], -1).reshape(-1, 3) for cut in ((0, 1, 2), (0, 2, 3))]
    return Mesh(points, np.concatenate(faces).astype(np.int32))


def soup(count: int) -> Mesh:
    generator = np.random.default_rng(3)
    centres, spread = generator.random((count, 1, 3)), generator.normal(0, 0.15, (count, 3, 3))
    return Mesh((centres + spread).reshape(-1, 3), np.arange(3 * count, dtype=np.int32).reshape(-1, 3))


def shuffled_windings(mesh: Mesh, seed: int = 0) -> Mesh:
    faces = mesh.faces.copy()
    back = np.random.default_rng(seed).random(len(faces)) < 0.5
    faces[back] = faces[back][:, ::-1]
    return Mesh(mesh.vertices, faces)


def torn(mesh: Mesh) -> Mesh:
    noise = np.random.default_rng(0).uniform(-1e-6, 1e-6, (len(mesh.faces), 3, 3))
    corners = (mesh.triangles + noise).reshape(-1, 3)
    return Mesh(corners, np.arange(len(corners), dtype=np.int32).reshape(-1, 3))


def confetti(count: int) -> Mesh:
    generator = np.random.default_rng(4)
    corners = generator.random((count, 1, 3)) + generator.normal(0, 0.01, (count, 3, 3))
    return Mesh(corners.reshape(-1, 3), np.arange(3 * count, dtype=np.int32).reshape(-1, 3))


BALL, SMALL = sphere(0.4, 3), sphere(0.2, 3)
LIDLESS = some_faces(box(), box().triangles[:, :, 2].min(1) < 0.4)
HALF = some_faces(BALL, BALL.triangles[:, :, 2].max(1) <= 1e-9)
FLIPPED_SIDE = Mesh(box().vertices, np.concatenate([box().faces[:2, ::-1], box().faces[2:]]))
WITH_SHEET = join([box(), Mesh(SQUARE.vertices * 0.4 + [0.5, 0, 0], SQUARE.faces)])

CASES = {
    "closed": (BALL, "watertight"),
    "inside out": (flip(BALL), "watertight"),
    "far from the origin": (moved(BALL, 1e6, -1e6, 1e6), "watertight"),
    "hollow": (join([BALL, flip(SMALL)]), "watertight"),
    "hollow inside out": (join([flip(BALL), SMALL]), "watertight"),
    "solid in solid": (join([BALL, SMALL]), "repaired"),
    "overlapping": (join([BALL, moved(BALL, 0.3)]), "repaired"),
    "overlapping, one inside out": (join([BALL, moved(flip(BALL), 0.3)]), "repaired"),
    "crossing boxes": (join([box((1, 0.2, 0.2)), box((0.2, 1, 0.2)), box((0.2, 0.2, 1))]), "repaired"),
    "one side flipped": (FLIPPED_SIDE, "repaired"),
    "windings at random": (shuffled_windings(BALL), "repaired"),
    "doubled faces": (join([box(), flip(box())]), "repaired"),
    "triangle missing": (some_faces(BALL, np.arange(len(BALL.faces)) != 17), "repaired"),
    "torn by rounding": (torn(BALL), "repaired"),
    "half a ball": (HALF, "open"),
    "box without lid": (LIDLESS, "open"),
    "doubled box without lid": (join([LIDLESS, flip(LIDLESS)]), "open"),
    "plane": (SQUARE, "sheet"),
    "doubled plane": (join([SQUARE, flip(SQUARE)]), "sheet"),
    "pillow without filling": (join([SQUARE, Mesh(SQUARE.vertices, np.array([[3, 1, 0], [3, 2, 1]]))]), "sheet"),
    "Moebius strip": (moebius(), "sheet"),
    "Klein bottle": (klein(), "open"),
    "soup": (soup(200), "sheet"),
    "confetti": (confetti(300), "sheet"),
    "one triangle": (Mesh(np.eye(3), np.array([[0, 1, 2]], np.int32)), "sheet"),
    "nothing": (Mesh(np.zeros((3, 3)), np.zeros((0, 3), np.int32)), "refused"),
    "line": (Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [3, 0, 0]]), np.array([[0, 1, 2]], np.int32)), "refused"),
    "point": (Mesh(np.ones((3, 3)), np.array([[0, 1, 2]], np.int32)), "refused"),
}


@pytest.mark.parametrize("name", CASES)
def test_verdicts(name: str) -> None:
    mesh, expected = CASES[name]
    geometry, judgement = examine(raw(mesh))
    assert judgement.verdict == expected, judgement.reason
    assert judgement.usable == (expected not in ("sheet", "refused"))
    assert geometry.closed == is_closed(geometry.surface)
    assert judgement.reason.endswith(".") and judgement.reason[0].isupper()
    if expected in ("watertight", "repaired"):
        assert geometry.closed and volume(geometry.surface) > 0
        assert expected == "watertight" or judgement.numbers["one_sided"] >= 0.95
    if expected == "sheet":
        assert "thickness" in judgement.reason


def test_a_surface_with_one_side_is_said_to_be_one() -> None:
    for name, (mesh, _) in CASES.items():
        _, judgement = examine(raw(mesh))
        assert ("its own back" in judgement.reason) == (name in ("Moebius strip", "Klein bottle")), name


def in_canonical(geometry: Geometry, points: Points) -> Points:
    inverse = np.linalg.inv(geometry.to_source)
    return points @ inverse[:3, :3].T + inverse[:3, 3]


@pytest.mark.parametrize("turned", [False, True])
def test_inside_is_what_one_sees(turned: bool) -> None:
    """Solids that overlap, lie in each other, are hollow or inside out, with windings that mean something or nothing."""
    generator = np.random.default_rng(1)
    points = generator.uniform(-0.9, 0.9, (4000, 3))
    first = np.linalg.norm(points, axis=1)
    second = np.linalg.norm(points - [0.3, 0, 0], axis=1)
    cases = {
        "hollow": (first < 0.4) & (first > 0.2),
        "hollow inside out": (first < 0.4) & (first > 0.2),
        "solid in solid": first < 0.4,
        "overlapping": (first < 0.4) | (second < 0.4),
        "overlapping, one inside out": (first < 0.4) | (second < 0.4),
        "triangle missing": first < 0.4,
        "windings at random": first < 0.4,
        "half a ball": (first < 0.4) & (points[:, 2] < 0),
    }
    clear = (np.abs(first - 0.4) > 0.01) & (np.abs(second - 0.4) > 0.01) & (np.abs(first - 0.2) > 0.01)
    clear &= np.abs(points[:, 2]) > 0.05
    turn = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]) if turned else None
    for name, expected in cases.items():
        geometry, _ = examine(raw(CASES[name][0]), turn)
        found = inside(geometry.surface, in_canonical(geometry, points))
        assert (found == expected)[clear].mean() > 0.998, name


def test_solids_that_share_a_wall() -> None:
    left, right = box((1, 1, 1), (-0.5, 0, 0)), box((1, 1, 1), (0.5, 0, 0))
    wall = np.abs(right.triangles[:, :, 0]).max(1) == 0
    for mesh in (join([left, right]), join([left, some_faces(right, ~wall)]), shuffled_windings(join([left, right]))):
        geometry, judgement = examine(raw(mesh))
        assert judgement.verdict in ("watertight", "repaired"), judgement.reason
        assert volume(geometry.surface) == pytest.approx(2 * 0.475**3)
        assert face_areas(geometry.surface).sum() == pytest.approx(10 * 0.475**2)


def test_specks_far_away_do_not_shrink_the_shape() -> None:
    specks = moved(sphere(0.002, 1), 40)
    geometry, judgement = examine(raw(join([BALL, specks])))
    assert judgement.verdict == "repaired" and "far from the shape" in judgement.reason
    assert np.ptp(geometry.surface.bounds, axis=0) == pytest.approx(0.95, rel=1e-3)
    geometry, _ = examine(raw(join([BALL, moved(BALL, 40)])))  # two balls are no specks
    assert np.ptp(geometry.surface.bounds, axis=0)[1] < 0.03


def test_sheets_beside_solids() -> None:
    geometry, judgement = examine(raw(WITH_SHEET))
    assert judgement.verdict == "open" and judgement.usable and geometry.closed
    assert judgement.numbers["lost"] == pytest.approx(0.16 / 6.16, abs=1e-3) and "sheets" in judgement.reason
    tip = np.array([[0.85, 0.2, 0.005]])
    assert not inside(geometry.surface, in_canonical(geometry, tip)).any()
    geometry, judgement = examine(raw(WITH_SHEET), thickness=0.05)
    assert judgement.verdict == "repaired" and judgement.usable and is_watertight(clean(geometry.surface))
    assert inside(geometry.surface, in_canonical(geometry, tip)).all()


@pytest.mark.parametrize("name", ["plane", "Moebius strip", "doubled plane", "pillow without filling"])
def test_a_sheet_becomes_solid_with_a_thickness(name: str) -> None:
    mesh, _ = CASES[name]
    geometry, judgement = examine(raw(mesh), thickness=0.04)
    assert judgement.verdict == "sheet" and judgement.usable and "0.04" in judgement.reason
    assert is_watertight(geometry.surface)
    assert np.ptp(geometry.surface.bounds, axis=0).max() == pytest.approx(0.95, rel=1e-3)
    back = geometry.surface.vertices @ geometry.to_source[:3, :3].T + geometry.to_source[:3, 3]
    grown = 0.04 * np.ptp(mesh.bounds, axis=0).max()
    assert np.ptp(back, axis=0) == pytest.approx(np.ptp(mesh.bounds, axis=0) + grown, rel=0.03, abs=0.01)


def test_what_cannot_be_asked() -> None:
    with pytest.raises(InputError, match="rotation"):
        examine(raw(BALL), np.diag([1.0, 1.0, -1.0]))
    with pytest.raises(InputError, match="thickness"):
        examine(raw(BALL), thickness=0.9)


def test_the_same_file_gives_the_same_shape() -> None:
    mesh = join([LIDLESS, moved(HALF, 0.4), soup(30)])
    one, again = (examine(raw(mesh)) for _ in range(2))
    assert np.array_equal(one[0].surface.vertices, again[0].surface.vertices)
    assert np.array_equal(one[0].surface.faces, again[0].surface.faces) and one[1] == again[1]


def test_turn_and_place_are_kept() -> None:
    solid = box((4, 2, 1), (10, -3, 7))
    turn = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    geometry, _ = examine(raw(solid), turn)
    assert np.ptp(geometry.surface.bounds, axis=0) == pytest.approx(np.array([0.25, 0.5, 1]) * 0.95)
    back = geometry.surface.vertices @ geometry.to_source[:3, :3].T + geometry.to_source[:3, 3]
    assert np.allclose(back, solid.vertices)


def labelled(*pieces: tuple[str, Mesh]) -> tuple[Mesh, FaceLabels]:
    names = tuple(name for name, _ in pieces if name)
    index = [names.index(name) if name else -1 for name, mesh in pieces for _ in mesh.faces]
    return join([mesh for _, mesh in pieces]), FaceLabels(names, np.array(index, np.int32))


def test_named_solids_become_parts() -> None:
    seat, leg, peg = box((0.9, 0.1, 0.9), (0, 0.4, 0)), box((0.1, 0.9, 0.1), (0.3, 0, 0)), box((0.1, 0.1, 0.1))
    mesh, names = labelled(("seat", seat), ("leg", flip(leg)), ("", peg))
    one = FaceLabels(("wood",), np.zeros(len(mesh.faces), np.int32))
    geometry, judgement = examine(raw(mesh, group=names, material=one))
    assert list(geometry.parts) == ["seat", "leg", "rest"] and judgement.verdict == "repaired"
    assert all(is_watertight(part) and volume(part) > 0 for part in geometry.parts.values())
    assert geometry.closed and judgement.numbers["buried"] == 0
    mesh, names = labelled(("seat", seat), ("leg", leg))
    assert examine(raw(mesh, object=names))[1].verdict == "watertight"
    mesh, names = labelled(("seat", seat), ("leg", LIDLESS))
    assert not examine(raw(mesh, object=names))[0].parts


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.05]))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_faces_get_a_verdict(seed: int, thickness: float) -> None:
    """Faces between few places of a lattice: twins, slivers, fins, walls, everything at once."""
    generator = np.random.default_rng(seed)
    vertices = generator.integers(0, generator.integers(2, 4), (12, 3)).astype(float)
    faces = generator.integers(0, 12, (generator.integers(1, 60), 3)).astype(np.int32)
    whole = join([box((1.5, 1.5, 1.5)), box((1, 1, 1), (0.5, 0.5, 0.5))]) if seed % 2 else Mesh(vertices, faces)
    geometry, judgement = examine(raw(join([whole, Mesh(vertices, faces)])), thickness=thickness)
    assert judgement.verdict in ("watertight", "repaired", "open", "sheet", "refused")
    assert geometry.closed == is_closed(geometry.surface)
    if judgement.usable:
        assert np.ptp(geometry.surface.bounds, axis=0).max() <= 0.951
        assert judgement.numbers["volume"] > 0
    assert judgement.usable or judgement.verdict in ("sheet", "refused")
    assert judgement.usable or not thickness or judgement.verdict == "refused"
