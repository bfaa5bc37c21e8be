"""Real mesh files, every third one and in `make check-data` all: the inside test against signed crossings of rays, and the
verdicts against what one measures."""

import os
from collections import Counter
from pathlib import Path

import igl
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.clean import clean
from engine.geometry.examine import examine
from engine.geometry.inside import inside
from engine.geometry.judge import Judgement
from engine.geometry.mesh import Geometry, Mesh, face_areas, is_watertight, join, transform
from engine.geometry.readers import FORMATS, read_raw
from tests.geometry.shapes import sphere

Points = NDArray[np.float64]
EACH = 1 if os.environ.get("SHAPESTUDIO_REQUIRE_DATA") == "1" else 3


@pytest.fixture(scope="module")
def examined(test_data: Path) -> dict[Path, tuple[Mesh, Geometry, Judgement]]:
    """Mesh files: their faces as they came but clean, the shape and the verdict."""
    found = {}
    for path in sorted(path for path in test_data.rglob("*") if path.suffix.lower() in FORMATS)[::EACH]:
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
    assert seen >= 50 // EACH


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
    assert words["repaired"] > 100 // EACH and words["open"] > 10 // EACH and words["sheet"] > 5 // EACH


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
