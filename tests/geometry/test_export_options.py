"""What is asked for is what comes: faces, size, axes, pieces, smoothing, normals and UVs."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.errors import InputError, MeshError
from engine.geometry.export import ExportOptions, export_mesh
from engine.geometry.export.shaping import smoothed, unwrapped
from engine.geometry.mesh import Mesh, join, volume
from engine.geometry.read import load_pieces
from engine.geometry.surface import extract
from engine.settings import Axes, override
from engine.stages import ended
from tests.geometry.shapes import box, sphere
from tests.geometry.test_export import COLOURS, PARTS

ARROW = box((0.1, 0.2, 0.9), (0.3, 0.5, 1.0))  # lies to the left (+X), above (+Y) and in front (+Z) of the origin


def ring(thickness: float = 0.1) -> Mesh:
    def field(p: torch.Tensor) -> torch.Tensor:
        return 40 * (thickness - torch.stack([p[:, [0, 2]].norm(dim=1) - 0.3, p[:, 1]], 1).norm(dim=1))

    return ended(extract(field, 64))


RING = ring()


def bounds(path: Path) -> NDArray[np.float64]:
    corners = np.stack([mesh.bounds for mesh in load_pieces(path).values()])
    return np.stack([corners[:, 0].min(0), corners[:, 1].max(0)])


def test_options_are_light_and_have_bounds() -> None:
    source = "import sys, engine.geometry.export as o; o.ExportOptions(); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.replace("'", '"')))
    assert not {"torch", "igl", "manifold3d", "scipy", "trimesh", "xatlas"} & loaded
    fields = msgspec.json.schema(ExportOptions)["$defs"]["ExportOptions"]["properties"]
    assert all(field.get("description") for field in fields.values())
    for change in ("faces=-1", "smoothing=201", "size_mm=-3", "axes=maya", "pieces=halves"):
        with pytest.raises(InputError):
            override(ExportOptions(), [change])
    assert override(ExportOptions(), ["faces=500", "axes=unreal"]) == ExportOptions(faces=500, axes="unreal")


@pytest.mark.parametrize("budget", [3000, 1001, 200, 60])
def test_budgets_are_met(tmp_path: Path, budget: int) -> None:
    options = ExportOptions(faces=budget)
    info = export_mesh(tmp_path / "a.glb", RING, {}, {}, None, options)
    assert info.watertight and bool(info.notes) == (budget == 60)  # which says how much of the form is lost
    assert abs(info.faces - budget) <= max(0.02 * budget, 1)
    (found,) = load_pieces(info.path).values()
    assert volume(found) == pytest.approx(volume(RING), rel=min(3 / np.sqrt(budget), 20 / budget))
    parts = {"ring": RING, "ball": sphere(0.1, 4), "box": box()}
    info = export_mesh(tmp_path / "b.obj", None, parts, {}, None, options)
    assert info.watertight and info.parts == tuple(parts)
    assert abs(info.faces - budget) <= max(0.02 * budget, 1)


def test_a_budget_that_is_not_needed_or_cannot_be_met(tmp_path: Path) -> None:
    info = export_mesh(tmp_path / "a.glb", None, PARTS, {}, None, ExportOptions(faces=1000))
    assert info.faces == sum(len(part.faces) for part in PARTS.values())
    assert "344 faces" in info.notes[0] and "1,000" in info.notes[0]
    ball = sphere(0.3, 2)
    fin = np.vstack([ball.faces, [[*ball.faces[0, :2], len(ball.vertices)]]]).astype(np.int32)
    for mesh in (Mesh(ball.vertices, ball.faces[10:]), Mesh(np.vstack([ball.vertices, [[1.0, 1, 1]]]), fin)):
        with pytest.raises(MeshError, match="not closed"):
            export_mesh(tmp_path / "b.glb", mesh, {}, {}, None, ExportOptions(faces=100))
    with pytest.raises(MeshError, match="at least 12"):
        export_mesh(tmp_path / "b.glb", None, PARTS, {}, None, ExportOptions(faces=11))
    with pytest.raises(MeshError, match="a budget of 4 faces"):
        export_mesh(tmp_path / "b.glb", join([ball, box((1, 1, 1), (2, 0, 0))]), {}, {}, None, ExportOptions(faces=4))
    assert [path.name for path in tmp_path.iterdir()] == ["a.glb"]


def test_smoothing_evens_out_without_shrinking(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    ball = sphere(0.4, 4)
    rough = Mesh(ball.vertices * (1 + generator.normal(0, 0.01, (len(ball.vertices), 1))), ball.faces)

    def roughness(mesh: Mesh) -> float:
        return float(np.linalg.norm(mesh.vertices, axis=1).std())

    done = smoothed(rough, 10)
    assert roughness(done) < 0.5 * roughness(rough) and volume(done) == pytest.approx(volume(ball), rel=0.01)
    info = export_mesh(tmp_path / "a.stl", rough, {}, {}, None, ExportOptions(smoothing=10))
    (found,) = load_pieces(info.path).values()
    assert roughness(found) == pytest.approx(roughness(done), rel=1e-3) and info.watertight


EXPECTED = [  # what the file's x, y and z are, as (axis, sign) of canonical space
    ("canonical", (".glb", ".obj", ".ply", ".stl", ".usda"), ((0, 1), (1, 1), (2, 1))),
    ("blender", (".glb", ".obj", ".usda"), ((0, 1), (1, 1), (2, 1))),
    ("blender", (".ply", ".stl"), ((0, 1), (2, -1), (1, 1))),
    ("unity", (".glb", ".obj", ".ply", ".stl"), ((0, 1), (1, 1), (2, 1))),
    ("unreal", (".obj", ".ply", ".stl"), ((2, 1), (0, 1), (1, 1))),
]
UNITS = {"m": 1000.0, "cm": 10.0, "mm": 1.0}


@pytest.mark.parametrize("axes, suffixes, want", EXPECTED)
def test_axes_and_size(
    tmp_path: Path, axes: Axes, suffixes: tuple[str, ...], want: tuple[tuple[int, int], ...]
) -> None:
    for suffix in suffixes:
        if suffix == ".usda":
            pytest.importorskip("pxr")
        info = export_mesh(tmp_path / f"a{suffix}", ARROW, {}, {}, None, ExportOptions(axes=axes, size_mm=450))
        scale = 450 / 0.9 / UNITS[info.unit]
        low, high = ARROW.bounds * scale
        turned = np.array([sorted((sign * low[axis], sign * high[axis])) for axis, sign in want]).T
        assert np.allclose(info.size, np.ptp(turned, axis=0), rtol=1e-5)
        if suffix != ".usda":
            assert np.allclose(bounds(info.path), turned, rtol=1e-5)
            (found,) = load_pieces(info.path).values()
            assert volume(found) == pytest.approx(volume(ARROW) * scale**3, rel=1e-4)  # not mirrored
        assert (info.unit == "cm") == (axes == "unreal")


@pytest.mark.parametrize("suffix", [".stl", ".obj", ".ply", ".3mf"])
def test_slicers_get_millimetres_on_the_bed(tmp_path: Path, suffix: str) -> None:
    info = export_mesh(tmp_path / f"a{suffix}", ARROW, {}, {}, None, ExportOptions(axes="slicer"))
    assert info.unit == "mm" and "100 mm" in info.notes[0]
    low, high = bounds(info.path)
    assert np.allclose(low, 0, atol=1e-5) and np.allclose(high, np.array([0.1, 0.9, 0.2]) / 0.009, rtol=1e-5)


def test_declared_frames_say_that_they_stay(tmp_path: Path) -> None:
    for axes in ("blender", "unity", "unreal"):
        info = export_mesh(tmp_path / "a.glb", ARROW, {}, {}, None, ExportOptions(axes=axes))
        assert "GLB has its own axes" in info.notes[0] and np.allclose(bounds(info.path), ARROW.bounds)
    info = export_mesh(tmp_path / "a.stl", ARROW, {}, {}, None, ExportOptions())
    assert "0.9 mm" in info.notes[0] and np.allclose(bounds(info.path), ARROW.bounds)


def test_pieces_as_asked(tmp_path: Path) -> None:
    for suffix in (".glb", ".obj", ".3mf"):
        apart = export_mesh(tmp_path / f"a{suffix}", None, PARTS, COLOURS, None, ExportOptions(pieces="parts"))
        whole = export_mesh(tmp_path / f"b{suffix}", None, PARTS, COLOURS, None, ExportOptions(pieces="union"))
        assert apart.parts == tuple(PARTS) == tuple(load_pieces(apart.path)) and whole.parts == ()
        (found,) = load_pieces(whole.path).values()
        assert whole.watertight and volume(found) < sum(map(volume, load_pieces(apart.path).values()))
    with pytest.raises(InputError, match="no parts"):
        export_mesh(tmp_path / "c.glb", ARROW, {}, {}, None, ExportOptions(pieces="parts"))


def test_uvs_do_not_overlap() -> None:
    uvs = unwrapped(RING)
    corners = uvs.values[uvs.index]
    a, b, c = corners.swapaxes(0, 1)
    (u, v), (s, t) = (b - a).T, (c - a).T
    areas = np.abs(u * t - v * s) / 2
    assert corners.min() >= 0 and corners.max() <= 1 and (areas > 0).all()
    side = 512  # the atlas as a picture: no dot's centre lies in two faces
    taken = np.zeros((side, side), int)
    for triangle in corners * side:
        low, high = np.floor(triangle.min(0)).astype(int), np.ceil(triangle.max(0)).astype(int)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5, indexing="ij")
        edges = [
            (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])
            for p, q in zip(triangle, np.roll(triangle, -1, 0), strict=True)
        ]
        signs = np.stack(edges)
        taken[low[0] : high[0], low[1] : high[1]] += (signs > 1e-9).all(0) | (signs < -1e-9).all(0)
    assert taken.max() == 1
