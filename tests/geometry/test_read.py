from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.errors import MeshError
from engine.geometry.canonical import canonical
from engine.geometry.file import load_geometry, save_geometry
from engine.geometry.mesh import Mesh, flip, is_watertight, volume
from engine.geometry.read import load_pieces, read
from tests.geometry.shapes import box, sphere


def write(path: Path, mesh: Mesh) -> Path:
    trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(path)
    return path


@pytest.mark.parametrize("suffix", [".obj", ".off", ".stl", ".ply", ".glb"])
def test_every_format_gives_the_same_solid(tmp_path: Path, suffix: str) -> None:
    solid = Mesh(sphere(0.3, 2).vertices * [1, 2, 3] + [5, 0, -7], sphere(0.3, 2).faces)
    geometry = read(write(tmp_path / f"ball{suffix}", solid))
    assert is_watertight(geometry.surface) and geometry.closed
    assert len(geometry.surface.faces) == len(solid.faces)
    assert volume(geometry.surface) == pytest.approx(volume(solid), rel=1e-4)
    assert geometry.surface.bounds == pytest.approx(solid.bounds, abs=1e-5)
    assert np.array_equal(geometry.to_source, np.eye(4))


def test_errors_name_file_and_reason(tmp_path: Path) -> None:
    def fails(name: str, text: str | None, *words: str) -> None:
        path = tmp_path / name
        if text is not None:
            path.write_text(text)
        with pytest.raises(MeshError) as caught:
            read(path)
        message = str(caught.value)
        assert "\n" not in message and all(word in message for word in (name, *words))

    fails("absent.obj", None)
    fails("a.step", "x", ".step", ".obj")
    fails("points.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\n", "no faces")
    fails("index.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n")
    fails("line.obj", "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "area")
    fails("empty.stl", "")


def test_pieces_as_stored(tmp_path: Path) -> None:
    path = tmp_path / "two.obj"
    path.write_text("o a b\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\no ü\nf 1 2 4\nf 1 2 4\n", encoding="utf-8")
    pieces = load_pieces(path)
    assert {name: len(piece.faces) for name, piece in pieces.items()} == {"a b": 1, "ü": 2}
    assert pieces["ü"].vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1]]
    assert list(load_pieces(write(tmp_path / "box.off", box()))) == [""]


def test_geometry_file_round_trip(tmp_path: Path) -> None:
    geometry = canonical(flip(box((4, 2, 1))), {"a b": box(), "ü": sphere(0.2, 1)})
    save_geometry(tmp_path / "g.safetensors", geometry)
    back = load_geometry(tmp_path / "g.safetensors")
    assert list(back.parts) == ["a b", "ü"] and back.closed and back.notes == geometry.notes != ()
    pieces = [(item.surface, *item.parts.values()) for item in (geometry, back)]
    for one, other in zip(*pieces, strict=True):
        assert np.array_equal(one.vertices, other.vertices) and np.array_equal(one.faces, other.faces)
    assert np.array_equal(back.to_source, geometry.to_source)


def test_real_files(test_data: Path) -> None:
    plane = read(test_data / "psb_segbench/off/61.off")
    assert is_watertight(plane.surface) and len(plane.surface.faces) == 10796
    table = next((test_data / "shapenet_v2").rglob("1a00aa6b*/models/model_normalized.obj"))
    stored = [piece.bounds for piece in load_pieces(table).values()]
    assert read(table).surface.bounds[0] == pytest.approx(np.min(stored, axis=0)[0])
