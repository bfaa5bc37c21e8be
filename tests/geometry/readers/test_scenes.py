"""Scenes of glTF, 3MF and COLLADA: copies, transforms, buffers, and what must not be followed."""

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import MeshError
from engine.geometry.mesh import volume
from engine.geometry.raw import Raw
from engine.geometry.readers import read_raw
from tests.geometry.readers import write
from tests.geometry.readers.write import Drawn
from tests.geometry.shapes import box

BOX = box((1, 2, 3), (0.5, 0, 0))
MESH = Drawn(BOX.vertices, BOX.faces.tolist(), ["a"] * len(BOX.faces))


def fails(name: str, data: bytes, *words: str) -> None:
    """Reading must fail in one line with these words."""
    with pytest.raises(MeshError) as caught:
        read_raw(Path(name), data)
    message = str(caught.value)
    assert message.startswith(f"{name}: ") and "\n" not in message
    assert all(word in message for word in words), message


def named(raw: Raw, scheme: str = "node") -> list[str]:
    """Name of each triangle."""
    labels = raw.labels[scheme]
    return [labels.names[i] if i >= 0 else "" for i in labels.index]


def gltf(**changes: Any) -> Raw:
    """A box as GLB whose document is changed."""
    document, data = write.gltf_parts(MESH)
    return read_raw(Path("a.glb"), write.glb({**document, **changes}, data))


# glTF -----------------------------------------------------------------------------------------------------------------
def test_gltf_transforms_go_down_the_tree() -> None:
    half = np.sqrt(0.5)
    nodes = [
        {"name": "top", "children": [1, 2], "translation": [0, 0, 10], "rotation": [0, 0, half, half]},  # x to y
        {"name": "left", "mesh": 0, "scale": [2, 1, 1]},
        {"children": [3], "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 5, 6, 7, 1]},
        {"mesh": 0},
    ]
    raw = gltf(nodes=nodes, scenes=[{"nodes": []}, {"nodes": [0]}], scene=1)
    x, y, z = BOX.vertices.T
    left, right = raw.mesh.vertices[:8], raw.mesh.vertices[8:]
    assert np.allclose(left, np.stack([-y, 2 * x, z + 10], 1))
    assert np.allclose(right, np.stack([-(y + 6), x + 5, z + 17], 1))
    assert named(raw) == ["left"] * 12 + ["node 3"] * 12 and raw.polygon.tolist() == list(range(24))
    assert volume(raw.mesh) == pytest.approx(3 * volume(BOX))


def test_gltf_mirrored_nodes_keep_the_outside_outside() -> None:
    raw = gltf(nodes=[{"mesh": 0, "scale": [-1, 1, 1]}])
    assert volume(raw.mesh) == pytest.approx(volume(BOX))


@pytest.mark.parametrize(
    ("mode", "expected"), [(5, [[0, 1, 2], [2, 1, 3], [2, 3, 4]]), (6, [[0, 1, 2], [0, 2, 3], [0, 3, 4]])]
)
def test_gltf_strips_and_fans(mode: int, expected: list[list[int]]) -> None:
    meshes = [{"primitives": [{"attributes": {"POSITION": 0}, "mode": mode}]}]
    document, data = write.gltf_parts(Drawn(BOX.vertices[:5], [(0, 1, 2)]))
    raw = read_raw(Path("a.glb"), write.glb({**document, "meshes": meshes}, data))
    assert raw.mesh.faces.tolist() == expected


def test_gltf_points_and_lines_are_told_of() -> None:
    lines = {"attributes": {"POSITION": 0}, "mode": 1}
    raw = gltf(meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}, lines]}])
    assert len(raw.mesh.faces) == 12 and len(raw.mesh.vertices) == 8
    assert raw.notes == ("left out points and lines",)


def test_gltf_skins_follow_their_joints_and_not_their_node() -> None:
    upper = BOX.vertices[:, 2] > 0
    document, data = write.skinned(MESH, upper)
    raw = read_raw(Path("a.glb"), write.glb(document, data))
    assert np.allclose(raw.mesh.vertices, BOX.vertices + np.where(upper[:, None], [1, 4, 0], [1, 2, 0]))
    assert volume(raw.mesh) > 0 and "skeleton" in raw.notes[0]
    document["skins"] = [{"joints": [1, 9]}]
    fails("a.glb", write.glb(document, data), "joint")


def test_gltf_numbers_with_gaps_quantised_and_sparse() -> None:
    document, data = write.gltf_parts(MESH)
    points = np.round(BOX.vertices * 10000).astype("<i2")
    padded = np.concatenate([points, np.full((8, 1), 99, "<i2")], 1).tobytes()  # eight bytes a record
    changed = np.array([3], "<u1").tobytes() + bytes(1) + np.array([[1, 2, 3]], "<i2").tobytes()
    start = len(data)
    views = [*document["bufferViews"], {"buffer": 0, "byteOffset": start, "byteLength": 64, "byteStride": 8}]
    views += [{"buffer": 0, "byteOffset": start + 64 + at, "byteLength": length} for at, length in ((0, 1), (2, 6))]
    position = {"bufferView": 2, "componentType": 5122, "count": 8, "type": "VEC3", "normalized": True}
    position["sparse"] = {"count": 1, "indices": {"bufferView": 3, "componentType": 5121}, "values": {"bufferView": 4}}
    accessors = [position, document["accessors"][1]]
    raw = read_raw(
        Path("a.glb"), write.glb({**document, "bufferViews": views, "accessors": accessors}, data + padded + changed)
    )
    points[3] = [1, 2, 3]
    assert np.allclose(raw.mesh.vertices, points / 32767)


def test_gltf_buffers_lie_beside_the_file_and_nowhere_else(tmp_path: Path) -> None:
    document, data = write.gltf_parts(MESH)
    home = tmp_path / "home"
    (home / "sub dir").mkdir(parents=True)
    (home / "sub dir" / "b.bin").write_bytes(data)
    (tmp_path / "secret.bin").write_bytes(data)
    (home / "link.bin").symlink_to(tmp_path / "secret.bin")

    def at(uri: str) -> Path:
        path = home / "a.gltf"
        path.write_text(json.dumps({**document, "buffers": [{"byteLength": len(data), "uri": uri}]}))
        return path

    packed = base64.b64encode(data).decode()
    for uri in ("sub%20dir/b.bin", "./sub dir/b.bin", f"data:application/octet-stream;base64,{packed}"):
        assert len(read_raw(at(uri)).mesh.faces) == 12
    refused = (
        "../secret.bin",
        "%2e%2e/secret.bin",
        str(tmp_path / "secret.bin"),
        "link.bin",
        "http://a.b/c.bin",
        "file:///etc/x",
    )
    for uri in refused:
        with pytest.raises(MeshError, match="own folder"):
            read_raw(at(uri))
    for uri in ("absent.bin", "sub dir", "a\0b"):
        with pytest.raises(MeshError, match="put it beside the file"):
            read_raw(at(uri))
    with pytest.raises(MeshError, match="unpack both into one folder"):
        read_raw(Path("a.gltf"), at("sub%20dir/b.bin").read_bytes())


def test_gltf_that_cannot_be_read_says_why() -> None:
    document, data = write.gltf_parts(MESH)
    whole = write.glb(document, data)
    fails("a.glb", whole[:-8], "cut short")
    fails("a.glb", whole[:15], "header")
    fails("a.glb", b"glTF" + (1).to_bytes(4, "little") + whole[8:], "version 1")
    fails(
        "a.glb",
        write.glb({**document, "extensionsRequired": ["KHR_draco_mesh_compression"]}, data),
        "draco",
        "compression",
    )
    large = [{**document["accessors"][0], "count": 2**40}, document["accessors"][1]]
    fails("a.glb", write.glb({**document, "accessors": large}, data), "beyond the end")
    empty = [{"componentType": 5126, "count": 2**40, "type": "VEC3"}, document["accessors"][1]]
    fails("a.glb", write.glb({**document, "accessors": empty}, data), "not in the file")
    fails("a.gltf", b"[" * 100_000, "damaged")
    fails("a.gltf", b"{}", "no faces")
    looped = [{"mesh": 0, "children": [1]}, {"children": [0]}]
    assert len(gltf(nodes=looped, scenes=[{"nodes": [0]}]).mesh.faces) == 12


# 3MF ------------------------------------------------------------------------------------------------------------------
def model(name: str = "") -> str:
    """The resources of a model with a box as object 1."""
    vertices = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in BOX.vertices)
    faces = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in BOX.faces)
    mesh = f"<mesh><vertices>{vertices}</vertices><triangles>{faces}</triangles></mesh>"
    return f'<object id="1" name="{name}">{mesh}</object>'


def test_3mf_assemblies_of_other_parts() -> None:
    inside = (
        '<resources><object id="7" name="pair"><components>'
        '<component p:path="/3D/Objects/part.model" objectid="1" transform="1 0 0 0 1 0 0 0 1 4 5 6"/>'
        '<component p:path="/3D/Objects/part.model" objectid="1" transform="-1 0 0 0 1 0 0 0 1 0 0 0"/>'
        '</components></object></resources><build><item objectid="7" transform="0 1 0 -1 0 0 0 0 2 0 0 1"/></build>'
    )
    raw = read_raw(Path("a.3mf"), write.zipped(inside, part=f"<resources>{model()}</resources>"))
    x, y, z = BOX.vertices.T
    assert np.allclose(raw.mesh.vertices[:8], np.stack([-(y + 5), x + 4, 2 * (z + 6) + 1], 1))
    assert volume(raw.mesh) == pytest.approx(4 * volume(BOX)) and set(named(raw)) == {"pair"}


def test_3mf_without_a_build_is_read_whole() -> None:
    raw = read_raw(Path("a.3mf"), write.zipped(f"<resources>{model('thing')}</resources>"))
    assert len(raw.mesh.faces) == 12 and "does not say what is to be built" in raw.notes[0]


def test_3mf_that_must_not_be_read() -> None:
    endless = '<resources><object id="1"><components><component objectid="1"/></components></object></resources>'
    fails("a.3mf", write.zipped(endless + '<build><item objectid="1"/></build>'), "without end")
    layers = "".join(
        f'<object id="{i}"><components>{f"""<component objectid="{i + 1}"/>""" * 10}</components></object>'
        for i in range(20)
    )
    fails("a.3mf", write.zipped(f'<resources>{layers}</resources><build><item objectid="0"/></build>'), "without end")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3D/3dmodel.model", "<model>" + " " * 2**25)
    fails("a.3mf", bomb.getvalue(), "unpacks to far more")
    entities = io.BytesIO()
    with zipfile.ZipFile(entities, "w") as archive:
        archive.writestr("3D/3dmodel.model", '<!DOCTYPE m [<!ENTITY a "aaaa">]><model>&a;</model>')
    fails("a.3mf", entities.getvalue(), "entities")
    with zipfile.ZipFile(empty := io.BytesIO(), "w") as archive:
        archive.writestr("readme.txt", "")
    fails("a.3mf", empty.getvalue(), "no 3D model")
    fails("a.3mf", b"", "damaged")


# COLLADA --------------------------------------------------------------------------------------------------------------
def test_dae_transforms_go_down_the_tree_in_order() -> None:
    nodes = (
        '<node name="top"><translate>0 0 10</translate><rotate>0 0 1 90</rotate><scale>2 1 1</scale>'
        '<node name="left"><instance_geometry url="#g0"/></node><instance_node url="#shared"/></node>'
        '<node id="shared"><matrix>-1 0 0 5 0 1 0 6 0 0 1 7 0 0 0 1</matrix><instance_geometry url="#g0"/></node>'
    )
    raw = read_raw(Path("a.dae"), write.dae(MESH, "triangles", nodes=nodes))
    x, y, z = BOX.vertices.T
    assert np.allclose(raw.mesh.vertices[:8], np.stack([-y, 2 * x, z + 10], 1))
    assert np.allclose(raw.mesh.vertices[8:16], np.stack([-(y + 6), 2 * (5 - x), z + 17], 1))
    assert named(raw) == ["left"] * 12 + ["shared"] * 24
    assert volume(raw.mesh) == pytest.approx(5 * volume(BOX))


def test_dae_oddities() -> None:
    text = write.dae(MESH, "triangles")
    raw = read_raw(Path("a.dae"), text.replace(b"<library_mat", b"<asset><up_axis>Z_UP</up_axis></asset><library_mat"))
    assert raw.notes == ("the file says that Z is up",)
    skin = text.replace(b'<instance_geometry url="#g0"/>', b'<instance_controller url="#c"/>')
    skin = skin.replace(
        b"<library_vis",
        b'<library_controllers><controller id="c"><skin source="#g0"/></controller></library_controllers><library_vis',
    )
    raw = read_raw(Path("a.dae"), skin)
    assert len(raw.mesh.faces) == 12 and "skeleton" in raw.notes[0]
    raw = read_raw(Path("a.dae"), text.replace(b"visual_scene", b"other"))
    assert len(raw.mesh.faces) == 12 and "no scene" in raw.notes[0]
    named_material = text.replace(b"<library_materials>", b'<library_materials><material id="m" name="Oak"/>')
    named_material = named_material.replace(b'material=""', b'material="s"').replace(
        b'<instance_geometry url="#g0"/>',
        b'<instance_geometry url="#g0"><bind_material><technique_common><instance_material symbol="s" target="#m"/>'
        b"</technique_common></bind_material></instance_geometry>",
    )
    assert set(named(read_raw(Path("a.dae"), named_material), "material")) == {"Oak"}


def test_dae_that_must_not_be_read() -> None:
    text = write.dae(MESH)
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    fails("a.dae", text.replace(b"<COLLADA", bomb + b"<COLLADA"), "entities")
    looped = '<node id="n"><instance_node url="#n"/></node>'
    fails("a.dae", write.dae(MESH, nodes=looped), "without end")
    fails("a.dae", text.replace(b"<vcount>3 ", b"<vcount>30000 "), "corners")
    fails("a.dae", text[:-30], "damaged")
    fails("a.dae", b"", "empty")
