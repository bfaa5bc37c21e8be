from collections import Counter
from collections.abc import Callable
from pathlib import Path

import igl
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import InputError, MeshError
from engine.geometry.clean import clean
from engine.geometry.examine import examine
from engine.geometry.inside import inside
from engine.geometry.judge import Judgement
from engine.geometry.mesh import (
    Geometry,
    Mesh,
    drop_unused,
    face_areas,
    flip,
    is_closed,
    is_watertight,
    join,
    transform,
    volume,
)
from engine.geometry.raw import FaceLabels, Raw
from engine.geometry.readers import FORMATS, read_raw
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


# Real data


@pytest.fixture(scope="module")
def examined(test_data: Path) -> dict[Path, tuple[Mesh, Geometry, Judgement]]:
    """Every mesh file: its faces as they came but clean, the shape and the verdict."""
    found = {}
    for path in sorted(path for path in test_data.rglob("*") if path.suffix.lower() in FORMATS):
        try:
            mesh = read_raw(path)
        except MeshError:
            continue
        found[path] = mesh.mesh, *examine(mesh)
    return found


def crossings(mesh: Mesh, points: Points, generator: np.random.Generator) -> NDArray[np.int64]:
    """(P,) faces through which a ray in a random direction leaves the mesh, less those through which it enters.

    Across the ray a face is a flat triangle and a ray a point; faces are looked up in a grid of cells. Rays that pass
    within rounding of an edge are shot again in another direction.
    """
    count, todo = np.zeros(len(points), int), np.arange(len(points))
    for _ in range(20):
        frame = np.linalg.qr(generator.normal(size=(3, 3)))[0]
        frame *= np.linalg.det(frame)  # columns: across, across, along the ray
        corners = mesh.triangles @ frame  # (F, 3, 3)
        rays = points[todo] @ frame
        point, face = near(corners[..., :2], rays[:, :2])
        a, b, c = corners[face].swapaxes(0, 1)
        ray = rays[point]
        area = twice_area(a, b, c)
        sure = np.abs(area) > 1e-16
        parts = np.stack([twice_area(ray, b, c), twice_area(a, ray, c), twice_area(a, b, ray)])
        weights = parts / np.where(sure, area, 1)
        ahead = weights[0] * a[:, 2] + weights[1] * b[:, 2] + weights[2] * c[:, 2] > ray[:, 2]
        edge = ahead & sure & (weights.min(0) > -1e-9) & (weights.min(0) < 1e-9)
        hit = ahead & sure & (weights.min(0) > 0)
        count[todo] = np.bincount(point, np.sign(area) * hit, len(todo)).astype(int)
        todo = todo[np.unique(point[edge])]
        if not len(todo):
            break
    return count


def twice_area(a: Points, b: Points, c: Points) -> Points:
    u, v = b - a, c - a
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]


def near(triangles: Points, points: Points, cells: int = 96) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of a point (P, 2) and a triangle (F, 3, 2) whose box may hold it."""
    low = triangles.min((0, 1))
    scale = cells / (np.ptp(triangles, axis=(0, 1)) + 1e-12)
    first, last = (
        ((corner - low) * scale).astype(int).clip(0, cells - 1) for corner in (triangles.min(1), triangles.max(1))
    )
    span = last - first + 1
    total = span.prod(1)
    face = np.repeat(np.arange(len(triangles)), total)
    step = np.arange(len(face)) - np.repeat(np.cumsum(total) - total, total)
    cell = (first[face, 0] + step // span[face, 1]) * cells + first[face, 1] + step % span[face, 1]
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], np.arange(cells**2 + 1))
    where = ((points - low) * scale).astype(int)
    valid = ((points >= low) & (where < cells)).all(1)
    own = np.where(valid, where[:, 0] * cells + where[:, 1], 0)
    number = np.where(valid, starts[own + 1] - starts[own], 0)
    point = np.repeat(np.arange(len(points)), number)
    step = np.arange(len(point)) - np.repeat(np.cumsum(number) - number, number)
    return point, face[order[starts[own[point]] + step]]


def test_crossings_count_what_they_should() -> None:
    generator = np.random.default_rng(0)
    points = generator.uniform(-0.5, 0.5, (2000, 3))
    radius = np.linalg.norm(points, axis=1)
    found = crossings(join([sphere(0.4, 4), sphere(0.2, 4)]), points, generator)
    clear = (np.abs(radius - 0.4) > 0.01) & (np.abs(radius - 0.2) > 0.01)
    assert np.array_equal(found[clear], ((radius < 0.4).astype(int) + (radius < 0.2))[clear])


def test_watertight_meshes_agree_with_crossings(
    test_data: Path, examined: dict[Path, tuple[Mesh, Geometry, Judgement]]
) -> None:
    """Half of the points within 0.02 of the surface, but at least 1e-4 off it."""
    seen = 0
    for path, (mesh, geometry, judgement) in examined.items():
        if judgement.verdict in ("sheet", "refused") or not is_watertight(clean(mesh)):
            continue
        before = transform(clean(mesh), np.linalg.inv(geometry.to_source).astype(np.float64))
        generator = np.random.default_rng(5)
        beside = places(before, 1500, generator)[0] + generator.uniform(-0.0115, 0.0115, (1500, 3))
        distance = np.sqrt(igl.point_mesh_squared_distance(beside, before.vertices, before.faces.astype(np.int64))[0])
        beside = beside[(distance > 1e-4) & (distance < 0.02)][:1000]
        points = np.concatenate([beside, generator.uniform(-0.5, 0.5, (2000 - len(beside), 3))])
        expected = crossings(before, points, generator) != 0
        assert len(beside) > 900 and (inside(geometry.surface, points) == expected).mean() >= 0.995, path
        seen += 1
    assert seen >= 50


def test_doubled_and_open_meshes_are_clear_or_say_so(
    test_data: Path, examined: dict[Path, tuple[Mesh, Geometry, Judgement]]
) -> None:
    """Exactly one side of the surface is inside, 1 % off it, at 95 % of all places, or the verdict says what it is."""
    words = Counter[str]()
    for path, (mesh, geometry, judgement) in examined.items():
        cleaned = clean(mesh)
        if is_watertight(cleaned) and len(cleaned.faces) == len(mesh.faces):
            continue
        words[judgement.verdict] += 1
        if judgement.verdict in ("watertight", "repaired"):
            assert one_sided(geometry.surface) >= 0.95, path
    assert words["repaired"] > 100 and words["open"] > 10 and words["sheet"] > 5


def places(mesh: Mesh, count: int, generator: np.random.Generator) -> tuple[Points, Points]:
    """Points spread over the area of a mesh, and their unit normals."""
    sums = np.cumsum(face_areas(mesh))
    corners = mesh.triangles[np.searchsorted(sums, generator.random(count) * sums[-1])]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    points = (generator.dirichlet(np.ones(3), count)[..., None] * corners).sum(1)
    return points, normals / np.linalg.norm(normals, axis=1, keepdims=True)


def one_sided(mesh: Mesh) -> float:
    points, normals = places(mesh, 4000, np.random.default_rng(11))
    step = 0.01 * np.ptp(mesh.bounds, axis=0).max() * normals
    return float((inside(mesh, points + step) ^ inside(mesh, points - step)).mean())
