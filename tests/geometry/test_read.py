from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.errors import MeshError
from engine.geometry.canonical import canonical, verdict
from engine.geometry.file import load_geometry, save_geometry
from engine.geometry.mesh import Mesh, flip, is_closed, is_watertight, join, volume
from engine.geometry.read import FORMATS, clean, read
from tests.geometry.shapes import box, sphere


def write(path: Path, mesh: Mesh) -> Path:
    trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(path)
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_solid(tmp_path: Path, suffix: str) -> None:
    solid = sphere(0.3, 2)
    geometry = read(write(tmp_path / f"ball{suffix}", solid))
    assert is_watertight(geometry.surface) and geometry.closed
    assert len(geometry.surface.faces) == len(solid.faces)
    assert volume(geometry.surface) == pytest.approx(volume(solid), rel=1e-4)


def test_errors_name_file_and_reason(tmp_path: Path) -> None:
    def fails(name: str, text: str | None, *words: str) -> None:
        path = tmp_path / name
        if text is not None:
            path.write_text(text)
        with pytest.raises(MeshError) as caught:
            read(path)
        message = str(caught.value)
        assert "\n" not in message and all(word in message for word in (name, *words))

    fails("absent.obj", None, "no such file")
    fails("a.step", "x", ".step", *FORMATS)
    fails("points.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\n", "no faces")
    fails("nan.obj", "v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n", "not finite")
    fails("index.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n")
    fails("spread.off", "OFF\n4 1 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4\n0 1\n2\n3\n", "no faces")
    fails("line.obj", "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "zero area")
    fails("empty.stl", "")


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


def test_canonical_round_trip() -> None:
    solid = box((4, 2, 1), (10, -3, 7))
    geometry = canonical(solid, {"lid": box((1, 1, 1), (10, -3, 7))})
    assert np.ptp(geometry.surface.bounds, axis=0) == pytest.approx([0.95, 0.475, 0.2375])
    assert geometry.surface.bounds.mean(0) == pytest.approx(0)
    back = geometry.surface.vertices @ geometry.to_source[:3, :3].T + geometry.to_source[:3, 3]
    assert np.allclose(back, solid.vertices)
    assert np.ptp(geometry.parts["lid"].bounds, axis=0) == pytest.approx(0.95 / 4)


def test_geometry_file_round_trip(tmp_path: Path) -> None:
    geometry = canonical(flip(box((4, 2, 1))), {"a b": box(), "ü": sphere(0.2, 1)})
    save_geometry(tmp_path / "g.safetensors", geometry)
    back = load_geometry(tmp_path / "g.safetensors")
    assert list(back.parts) == ["a b", "ü"] and back.closed and back.notes == geometry.notes != ()
    pieces = [(item.surface, *item.parts.values()) for item in (geometry, back)]
    for one, other in zip(*pieces, strict=True):
        assert np.array_equal(one.vertices, other.vertices) and np.array_equal(one.faces, other.faces)
    assert np.array_equal(back.to_source, geometry.to_source)


def test_verdicts() -> None:
    solid = sphere(0.4, 3)
    assert verdict(canonical(solid))[0] == "watertight"
    turned = canonical(flip(solid))
    assert volume(turned.surface) > 0 and "flipped" in verdict(turned)[1]
    open_top = Mesh(solid.vertices, solid.faces[solid.triangles[:, :, 1].max(1) < 0.3])
    assert verdict(canonical(open_top))[0] == "open"
    turned = canonical(flip(open_top))
    assert verdict(turned)[0] == "open" and "flipped" in verdict(turned)[1]
    quad = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    kind, reason = verdict(canonical(quad))
    assert kind == "refused" and "flat" in reason
    bent = Mesh(quad.vertices + [[0, 0, 0.002], [0, 0, 0], [0, 0, 0], [0, 0, 0]], quad.faces)
    assert verdict(canonical(bent))[0] == "refused"


@pytest.mark.data
def test_real_files(test_data: Path) -> None:
    plane = read(test_data / "psb_segbench/off/61.off")
    assert plane.closed and verdict(canonical(plane.surface))[0] == "watertight"
    doubled = next((test_data / "shapenet_v2").rglob("model_normalized.obj"))
    assert verdict(canonical(read(doubled).surface))[0] in ("watertight", "open")
