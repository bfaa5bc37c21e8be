"""What each format holds, read by other means than our own readers where there are any."""

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import manifold3d
import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from engine.errors import DamagedFileError, InputError, StudioError
from engine.geometry.export import ExportOptions, attach, export_cloud, export_mesh, read_carried
from engine.geometry.export.carried import packed
from engine.geometry.mesh import Mesh, is_watertight, volume
from engine.geometry.read import load_pieces, read
from tests.geometry.shapes import sphere
from tests.geometry.test_export import COLOURS, PARTS, RECIPE

SIZES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
LATENTS = {
    "latent": np.array([[np.pi, -0.0, 1e-45], [np.inf, np.nan, 3e38]], np.float32),
    "Räder": np.arange(5, dtype=np.float32),
}


def carrying(path: Path) -> Path:
    """The file with LATENTS put into it."""
    path.write_bytes(attach(path.read_bytes(), LATENTS, {"version": 1}))
    return path


def opened(path: Path) -> tuple[dict, bytes]:
    """JSON and binary chunk of a GLB."""
    data = path.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def table(tree: dict, data: bytes, number: int) -> NDArray:
    accessor = tree["accessors"][number]
    view = tree["bufferViews"][accessor["bufferView"]]
    kind = {5126: "<f4", 5125: "<u4"}[accessor["componentType"]]
    width = SIZES[accessor["type"]]
    assert view["byteOffset"] % 4 == 0 and view["byteLength"] == 4 * width * accessor["count"]
    return np.frombuffer(data, kind, accessor["count"] * width, view["byteOffset"]).reshape(-1, width)


@pytest.mark.parametrize("normals", ["smooth", "flat"])
@pytest.mark.parametrize("uvs", [False, True])
def test_glb_is_as_the_specification_asks(tmp_path: Path, normals: str, uvs: bool) -> None:
    options = ExportOptions(normals="flat" if normals == "flat" else "smooth", uvs=uvs)
    path = carrying(export_mesh(tmp_path / "a.glb", None, PARTS, COLOURS, RECIPE, options).path)
    tree, data = opened(path)
    assert tree["buffers"] == [{"byteLength": len(data)}] and len(data) % 4 == 0
    ends = [view["byteOffset"] + view["byteLength"] for view in tree["bufferViews"]]
    starts = [view["byteOffset"] for view in tree["bufferViews"]]
    assert starts == [0, *ends[:-1]] and ends[-1] == len(data)
    used = {accessor["bufferView"] for accessor in tree["accessors"]}
    named = {row["bufferView"] for row in tree["scenes"][0]["extras"]["latents"]}
    assert used | named == set(range(len(tree["bufferViews"]))) and not used & named
    for node in tree["nodes"]:
        part = PARTS[node["name"]]
        (shape,) = tree["meshes"][node["mesh"]]["primitives"]
        at = tree["accessors"][shape["attributes"]["POSITION"]]
        points = table(tree, data, shape["attributes"]["POSITION"])
        assert at["min"] == points.min(0).tolist() and at["max"] == points.max(0).tolist()
        assert np.allclose(points.min(0), -points.max(0), atol=1e-7)  # the pivot is the centre of the box
        assert np.allclose(node["translation"], part.bounds.mean(0), atol=1e-12)
        faces = table(tree, data, shape["indices"]).reshape(-1, 3)
        assert len(faces) == len(part.faces) and faces.max() == len(points) - 1
        shading = table(tree, data, shape["attributes"]["NORMAL"])
        assert np.allclose(np.linalg.norm(shading, axis=1), 1, atol=1e-6)
        a, b, c = points[faces].swapaxes(0, 1)
        across = np.cross(b - a, c - a)
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        if normals == "flat":
            assert np.allclose(shading[faces], across[:, None], atol=1e-4)
        assert (np.einsum("fcx,fx->fc", shading[faces], across) > 0).all()
        if uvs:
            found = table(tree, data, shape["attributes"]["TEXCOORD_0"])
            assert found.min() >= 0 and found.max() <= 1 and np.ptp(found, axis=0).min() > 0.3


def test_what_is_carried_comes_back_byte_for_byte(tmp_path: Path) -> None:
    plain = export_mesh(tmp_path / "a.glb", None, PARTS, COLOURS, RECIPE).path
    assert read_carried(plain).latents == {} and read_carried(plain).recipe == RECIPE
    before = load_pieces(plain)
    path = carrying(plain)
    found = read_carried(path)
    assert list(found.latents) == list(LATENTS) and found.recipe == RECIPE and found.about == {"version": 1}
    assert found.saved_by == "Shape Studio"
    for name, array in LATENTS.items():
        assert found.latents[name].shape == array.shape and found.latents[name].tobytes() == array.tobytes()
    for name, mesh in load_pieces(path).items():
        assert np.array_equal(mesh.triangles, before[name].triangles)
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedFileError, match="another program saved the file"):
        read_carried(path)


@pytest.mark.parametrize(
    "key, value",
    [
        *[("bufferView", 99), ("bufferView", -1), ("bufferView", 2**70), ("bufferView", 1.5), ("bufferView", None)],
        *[
            ("shape", [-1, 5]),
            ("shape", [9]),
            ("shape", [2**40, 2**40, 2**40]),
            ("shape", [5] + [1] * 99),
            ("dtype", "float16"),
        ],
        *[("name", "else"), ("name", 7), ("name", None)],
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, key: str, value: object) -> None:
    path = carrying(export_mesh(tmp_path / "a.glb", None, PARTS, COLOURS).path)
    tree, data = opened(path)
    tree["scenes"][0]["extras"]["latents"][1][key] = value
    path.write_bytes(packed(tree, data))
    with pytest.raises(DamagedFileError):
        read_carried(path)


@pytest.mark.parametrize("extras", [5, None, "text", [], {"a": 1}, {"targetNames": ["latents"]}])
def test_extras_of_other_programs_mean_nothing(tmp_path: Path, extras: object) -> None:
    path = export_mesh(tmp_path / "a.glb", None, PARTS, COLOURS).path
    tree, data = opened(path)
    tree["scenes"][0]["extras"] = extras
    path.write_bytes(packed(tree, data))
    assert read_carried(path).latents == {}


def test_damaged_bytes_never_give_other_numbers(tmp_path: Path) -> None:
    """Any damage gives a clear error, or what was written."""
    path = carrying(export_mesh(tmp_path / "a.glb", PARTS["body"], {}, {}, RECIPE).path)
    whole, generator = path.read_bytes(), np.random.default_rng(0)
    written = {name: array.tobytes() for name, array in LATENTS.items()}
    seen = set()
    for case in range(600):
        data = bytearray(whole)
        first = int(generator.integers(len(data)))
        if case % 3 == 0:
            del data[first:]
        elif case % 3 == 1:
            data[first] = generator.integers(256)
        else:
            data[first : first + 8] = generator.bytes(int(generator.integers(0, 20)))
        path.write_bytes(data)
        try:
            found = read_carried(path).latents
        except StudioError as error:
            assert "\n" not in str(error)
            seen.add(type(error).__name__)
            continue
        assert not found or {name: array.tobytes() for name, array in found.items()} == written
    assert {"InputError", "DamagedFileError"} <= seen


def test_what_is_no_glb_carries_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.glb").write_bytes(b"glTF\2\0\0\0 and then nothing of the kind")
    (tmp_path / "b.glb").write_bytes(b"")
    for name in ("a.glb", "b.glb", "missing.glb"):
        with pytest.raises(InputError, match=name):
            read_carried(tmp_path / name)


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros((0, 4), np.float32)])
def test_arrays_that_cannot_be_carried(tmp_path: Path, array: NDArray) -> None:
    path = export_mesh(tmp_path / "a.glb", PARTS["body"], {}, {}).path
    with pytest.raises(InputError, match="only float32 arrays"):
        attach(path.read_bytes(), {"latent": array}, {})


@pytest.mark.parametrize("pieces", ["union", "parts"])
def test_3mf_is_in_millimetres_and_manifold(tmp_path: Path, pieces: str) -> None:
    options = ExportOptions(pieces="parts" if pieces == "parts" else "union", size_mm=80)
    info = export_mesh(tmp_path / "a & b.3mf", None, PARTS, COLOURS, {"text": "<&>"}, options)
    again = export_mesh(tmp_path / "again" / "a & b.3mf", None, PARTS, COLOURS, {"text": "<&>"}, options)
    assert info.path.read_bytes() == again.path.read_bytes()
    with zipfile.ZipFile(info.path) as archive:
        assert archive.testzip() is None and archive.namelist()[0] == "[Content_Types].xml"
        root = ElementTree.fromstring(archive.read("3D/3dmodel.model"))
    space = "{http://schemas.microsoft.com/3dmanufacturing/core/2015/02}"
    assert root.get("unit") == "millimeter" and info.unit == "mm"
    bases = root.findall(f".//{space}base")
    objects = [found for found in root.iter(f"{space}object") if found.find(f"{space}mesh") is not None]
    assert len(bases) == len(objects) == (3 if pieces == "parts" else 1)
    assert len(root.findall(f"{space}build/{space}item")) == 1
    recipe = next(m.text for m in root.findall(f"{space}metadata") if m.get("name") == "studio:recipe")
    assert json.loads(recipe or "") == {"text": "<&>"}
    found = load_pieces(info.path)
    assert list(found) == (list(PARTS) if pieces == "parts" else ["shape"])
    for mesh in found.values():
        solid = manifold3d.Manifold(manifold3d.Mesh64(mesh.vertices, mesh.faces.astype(np.uint64)))
        assert solid.status() == manifold3d.Error.NoError and solid.num_tri() == len(mesh.faces)
    corners = np.stack([mesh.bounds for mesh in found.values()])
    assert np.allclose(corners[:, 0].min(0), 0, atol=1e-6) and corners[:, 1].max() == pytest.approx(80)
    assert corners[:, 1].max(0).argmax() == 1  # the front, which is +Z here, is -Y there


@pytest.mark.parametrize("options", [ExportOptions(normals="smooth"), ExportOptions(normals="flat", uvs=True)])
@pytest.mark.parametrize("suffix", [".obj", ".ply"])
def test_seams_do_not_open_a_mesh(tmp_path: Path, suffix: str, options: ExportOptions) -> None:
    info = export_mesh(tmp_path / f"a{suffix}", sphere(0.4, 2), {}, {}, RECIPE, options)
    assert info.watertight and is_watertight(read(info.path).surface)
    text = info.path.read_bytes()
    assert (b"\nvn " in text or b"property float nx" in text) and json.dumps("a").encode() in text
    assert (b"\nvt " in text or b"property float s\n" in text) == options.uvs


@pytest.mark.parametrize("suffix", [".usda", ".usdc"])
def test_usd_says_its_axis_and_unit(tmp_path: Path, suffix: str) -> None:
    Usd = pytest.importorskip("pxr.Usd")
    UsdGeom = pytest.importorskip("pxr.UsdGeom")
    options = ExportOptions(size_mm=250, uvs=True)
    info = export_mesh(tmp_path / f"a{suffix}", None, PARTS, COLOURS, RECIPE, options)
    assert info.parts == tuple(PARTS) and info.watertight and max(info.size) == pytest.approx(0.25)
    stage = Usd.Stage.Open(str(info.path))
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1 and UsdGeom.GetStageUpAxis(stage) == "Y"
    assert json.loads(stage.GetRootLayer().customLayerData["recipe"]) == RECIPE
    meshes = [prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh)]
    assert [prim.GetDisplayName() for prim in meshes] == list(PARTS)
    for prim in meshes:
        assert prim.GetRelationship("material:binding").GetTargets()
        assert UsdGeom.PrimvarsAPI(prim).GetPrimvar("st").GetInterpolation() == "faceVarying"
    assert stage.GetDefaultPrim().GetPath() == "/shape"


def test_usd_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "pxr"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(InputError, match=r"shape-studio\[usd\]"):
        export_mesh(tmp_path / "a.usda", sphere(0.4, 1), {}, {})
    assert not list(tmp_path.iterdir())


def test_clouds(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    points, normals = generator.normal(size=(50, 3)), generator.normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    notes = export_cloud(tmp_path / "a.xyz", points, normals, recipe=RECIPE).notes
    assert notes == ()
    assert np.array_equal(np.loadtxt(tmp_path / "a.xyz", np.float32), np.hstack([points, normals]).astype(np.float32))
    colours = np.tile([0.0, 0.2140411, 1.0], (50, 1))
    export_cloud(tmp_path / "a.ply", points, normals, colours, RECIPE, ExportOptions(size_mm=10, axes="slicer"))
    header, _, body = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")
    rows = np.frombuffer(body, [("n", "<f4", 6), ("c", "u1", 3)])
    assert b"element vertex 50\n" in header and b"element face" not in header
    assert (rows["c"] == [0, 127, 255]).all() or (rows["c"] == [0, 128, 255]).all()
    at, facing = rows["n"][:, :3], rows["n"][:, 3:]
    assert np.allclose(at.min(0), 0) and at.max() == pytest.approx(10)
    scale = 10 / np.ptp(points, axis=0).max()
    assert np.allclose(np.diff(at[:, 2]), scale * np.diff(points[:, 1]), atol=1e-4)  # +Y is up, which is +Z there
    assert np.allclose(facing[:, 1], -normals[:, 2], atol=1e-6)


@pytest.mark.parametrize(
    "write, text",
    [
        (lambda path: export_cloud(path / "a.stl", np.zeros((1, 3))), "stl"),
        (lambda path: export_cloud(path / "a.ply", np.zeros((0, 3))), "empty"),
        (lambda path: export_cloud(path / "a.ply", np.zeros((4, 2))), r"\(4, 3\)"),
        (lambda path: export_cloud(path / "a.ply", np.full((4, 3), np.nan)), "4 points are not finite"),
        (lambda path: export_cloud(path / "a.xyz", np.zeros((4, 3)), colours=np.zeros((4, 3))), "colours"),
        (lambda path: export_cloud(path / "a.ply", np.zeros((4, 3)), options=ExportOptions(faces=9)), "surface"),
    ],
)
def test_clouds_that_cannot_be_written(tmp_path: Path, write: Callable[[Path], object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_part_called_shape_stays_a_part(tmp_path: Path) -> None:
    parts: dict[str, Mesh] = {"shape": sphere(0.4, 2)}
    assert export_mesh(tmp_path / "a.glb", None, parts, {}).parts == ("shape",)
    info = export_mesh(tmp_path / "a.stl", None, parts, {})
    assert info.parts == () and volume(read(info.path).surface) == pytest.approx(volume(parts["shape"]), rel=1e-5)


def test_shapes_as_points_of_their_surface(tmp_path: Path) -> None:
    ball, box = trimesh.creation.icosphere(radius=0.2), trimesh.creation.box((0.2, 0.2, 0.2))
    box.apply_translation((0.3, 0, 0))
    parts = {
        name: Mesh(np.array(one.vertices), np.array(one.faces, np.int32)) for name, one in (("a", ball), ("b", box))
    }
    colours = {"a": (1.0, 0.0, 0.0), "b": (0.0, 0.0, 1.0)}
    info = export_mesh(tmp_path / "a.ply", None, parts, colours, RECIPE, ExportOptions(points=4000, pieces="parts"))
    assert info.faces == 0 and info.parts == ("a", "b")
    cloud: Any = trimesh.load(tmp_path / "a.ply")
    red = cloud.colors[:, 0] == 255
    assert abs(red.mean() - ball.area / (ball.area + box.area)) < 0.02
    assert np.abs(np.linalg.norm(cloud.vertices[red], axis=1) - 0.2).max() < 0.01
    assert np.abs(np.abs(cloud.vertices[~red] - [0.3, 0, 0]).max(1) - 0.1).max() < 1e-6
    export_mesh(tmp_path / "a.xyz", None, parts, colours, RECIPE)
    table = np.loadtxt(tmp_path / "a.xyz")
    assert table.shape == (2048, 6)
    assert np.allclose(np.linalg.norm(table[:, 3:], axis=1), 1, atol=1e-5)
    for name, options in (("a.stl", ExportOptions(points=9)), ("b.xyz", ExportOptions(pieces="parts"))):
        with pytest.raises(InputError, match="ply"):
            export_mesh(tmp_path / name, None, parts, colours, RECIPE, options)
