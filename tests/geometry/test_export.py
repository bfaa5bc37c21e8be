import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from engine.errors import DamagedFileError, InputError
from engine.geometry.export import Colour, export_mesh
from engine.geometry.mesh import Mesh, is_watertight, volume
from engine.geometry.read import read
from engine.geometry.surface import extract
from engine.stages import ended
from tests.geometry.shapes import box, sphere

PARTS = {"body": box((0.4, 0.2, 0.8)), "left wing": box((0.3, 0.02, 0.2), (0.3, 0, 0)), "Räder": sphere(0.1, 2)}
COLOURS: dict[str, Colour] = {"body": (0.8, 0.1, 0.05), "left wing": (0.0, 0.5, 1.0), "Räder": (0.2, 0.2, 0.2)}
RECIPE = {"seed": 3, "parents": ["a", "b"], "text": 'quoted " and\nline'}


@pytest.mark.parametrize("suffix", [".glb", ".obj"])
def test_parts_come_back(tmp_path: Path, suffix: str) -> None:
    info = export_mesh(tmp_path / f"plane{suffix}", None, PARTS, COLOURS, RECIPE)
    assert info.parts == tuple(PARTS) and info.watertight
    assert info.faces == sum(len(part.faces) for part in PARTS.values())
    geometry = read(info.path)
    assert list(geometry.parts) == list(PARTS) and geometry.closed
    for name, part in PARTS.items():
        assert volume(geometry.parts[name]) == pytest.approx(volume(part), rel=1e-5)
        assert np.allclose(geometry.parts[name].bounds, part.bounds, atol=1e-6)


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply", ".stl"])
def test_extracted_surface_stays_watertight(tmp_path: Path, suffix: str) -> None:
    def field(p: torch.Tensor) -> torch.Tensor:
        return 40 * (0.1 - torch.stack([p[:, [0, 2]].norm(dim=1) - 0.3, p[:, 1]], 1).norm(dim=1))

    surface = ended(extract(field, 96))
    info = export_mesh(tmp_path / f"ring{suffix}", surface, {}, {"shape": (1, 0, 0)}, RECIPE)
    assert info.watertight and info.parts == () and info.faces == len(surface.faces)
    loaded = trimesh.load_mesh(info.path)
    assert loaded.is_watertight and loaded.is_winding_consistent
    assert loaded.volume == pytest.approx(volume(surface), rel=1e-5)
    assert loaded.euler_number == 0


@pytest.mark.parametrize("suffix", [".ply", ".stl"])
def test_formats_without_parts_get_the_union(tmp_path: Path, suffix: str) -> None:
    info = export_mesh(tmp_path / f"plane{suffix}", None, PARTS, COLOURS)
    back = read(info.path).surface
    assert info.parts == () and info.watertight and is_watertight(back)
    assert volume(back) < sum(volume(part) for part in PARTS.values())


def test_glb_holds_names_colours_and_recipe(tmp_path: Path) -> None:
    info = export_mesh(tmp_path / "plane.glb", None, PARTS, COLOURS, RECIPE)
    data = info.path.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    tree = json.loads(data[20 : 20 + length])
    assert int.from_bytes(data[8:12], "little") == len(data) and len(data) % 4 == 0
    assert [node["name"] for node in tree["nodes"]] == list(PARTS)
    for node in tree["nodes"]:
        material = tree["materials"][tree["meshes"][node["mesh"]]["primitives"][0]["material"]]
        assert material["pbrMetallicRoughness"]["baseColorFactor"][:3] == pytest.approx(COLOURS[node["name"]])
    assert tree["scenes"][0]["extras"]["recipe"] == RECIPE
    scene = trimesh.load_scene(info.path)
    assert set(scene.graph.nodes_geometry) == set(PARTS)
    normals = scene.geometry["Räder"].vertex_normals
    points = scene.geometry["Räder"].vertices
    assert ((normals * points).sum(1) > 0.09).all()


def test_text_formats_keep_recipe_and_colours(tmp_path: Path) -> None:
    path = export_mesh(tmp_path / "a.obj", None, PARTS, COLOURS, RECIPE).path
    line = next(line for line in path.read_text().splitlines() if line.startswith("# recipe "))
    assert json.loads(line.removeprefix("# recipe ")) == RECIPE
    materials = path.with_suffix(".mtl").read_text()
    assert materials.count("newmtl") == 3 and "Kd 0.9063 0.3492 0.2478" in materials
    ply = export_mesh(tmp_path / "a.ply", PARTS["body"], {}, {}, RECIPE).path
    assert json.dumps(RECIPE["parents"], separators=(",", ":")).encode() in ply.read_bytes()


def test_open_surface_is_reported(tmp_path: Path) -> None:
    ball = sphere(0.3, 2)
    info = export_mesh(tmp_path / "open.stl", Mesh(ball.vertices, ball.faces[10:]), {}, {})
    assert not info.watertight


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"\.fbx"):
        export_mesh(tmp_path / "a.fbx", sphere(), {}, {})
    nothing = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    with pytest.raises(InputError, match="empty"):
        export_mesh(tmp_path / "a.glb", nothing, {"body": nothing}, {})
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("engine.geometry.export.write._pieces", lambda path, data: {"shape": box()})
    with pytest.raises(DamagedFileError):
        export_mesh(tmp_path / "a.stl", sphere(), {}, {})
