"""Every mesh file of the real data: which ones are meshes, and that another reader finds the same faces in them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from engine.errors import MeshError
from engine.geometry.mesh import face_areas
from engine.geometry.readers import FORMATS, read_raw

NO_MESH = {  # deliberately so; malformed.obj has four sound faces, which are read
    "empty.obj", "empty.off", "empty.stl", "face_in_group_name.obj", "invalid.off", "OutOfMemory.off", "point_cloud.obj",
    "points.ply", "points_ascii.ply", "ply_empty_header.ply", "stl_empty_bin.stl", "testline.obj",
}  # fmt: skip
MISREAD = {  # by trimesh 5.2, and why
    "inspired_mesh_quads_Conjugate.off",  # records spread over lines: it finds no face
    "malformed.obj",  # gives up at the first vertex that does not exist
    "negative_indices.obj",  # negative numbers fail in the mode that keeps the order
    "quad.obj", "square_2D.obj",  # vertices get two coordinates
    "box_longline.obj", "concave_polygon.obj", "L.off", "polygonfaces.obj", "wallhole.obj",  # concave: it always cuts a fan
}  # fmt: skip


def mesh_files(folder: Path) -> list[Path]:
    """All files with a suffix of a mesh format."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in FORMATS and path.is_file())


def test_every_file_is_a_mesh_or_says_why_not(test_data: Path) -> None:
    refused = set()
    for path in mesh_files(test_data):
        try:
            raw = read_raw(path)
        except MeshError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            refused.add(path.name)
            continue
        assert len(raw.mesh.faces) == len(raw.polygon) > 0
        assert np.isfinite(raw.mesh.triangles).all()
        if path.suffix == ".off" and path.name not in MISREAD:  # as many vertices and polygons as it says
            words = path.read_bytes().split(b"#")[0].replace(b"OFF", b" ").split()[:2]
            if words:
                assert [len(raw.mesh.vertices), raw.polygon.max() + 1] == [int(word) for word in words]
    assert refused == NO_MESH


def test_a_record_spread_over_lines_is_read(test_data: Path) -> None:
    raw = read_raw(test_data / "classic_libigl/inspired_mesh_quads_Conjugate.off")
    assert len(raw.mesh.vertices) == 1749 and raw.polygon.max() + 1 == 1633
    assert np.array_equal(np.bincount(raw.polygon), np.full(1633, 2)) and not raw.notes


def test_concave_polygons_keep_their_area(test_data: Path) -> None:
    raw = read_raw(test_data / "ugly_pmp/off/L.off")
    assert face_areas(raw.mesh).sum() == pytest.approx(3)


def test_labels_of_groups_materials_and_nodes(test_data: Path) -> None:
    spider = read_raw(test_data / "ugly_assimp/OBJ/spider.obj").labels
    assert len(spider["group"].names) == 19 and len(spider["material"].names) == 4
    truck = read_raw(test_data / "ugly_trimesh/CesiumMilkTruck.glb").labels
    assert set(truck["node"].names) == {"Wheels", "Cesium_Milk_Truck"} and "glass" in truck["material"].names
    assert all((labels.index >= 0).all() for labels in (*spider.values(), *truck.values()))


@pytest.mark.filterwarnings("ignore")  # of the other reader
def test_another_reader_finds_the_same_triangles(test_data: Path) -> None:
    some = [path for name in ("ugly_*", "classic_*") for folder in test_data.glob(name) for path in mesh_files(folder)]
    for name in ("modelnet_off", "psb_segbench", "partnet_parts", "shapenet_v1", "shapenet_v2"):
        some += mesh_files(test_data / name)[:2]
    keep: dict[str, Any] = {
        "skip_materials": True,
        "split_objects": False,
        "group_material": False,
        "maintain_order": True,
    }
    compared = 0
    for path in some:
        if path.name in NO_MESH | MISREAD:
            continue
        options: dict[str, Any] = keep if path.suffix.lower() == ".obj" else {}
        scene = trimesh.load_scene(path, process=False, **options)
        theirs = np.sort(np.asarray(scene.to_mesh().triangles, np.float64).sum(1), 0)
        ours = np.sort(read_raw(path).mesh.triangles.sum(1), 0)
        assert ours.shape == theirs.shape, path
        assert np.allclose(ours, theirs, rtol=0, atol=1e-4 * np.abs(ours).max()), path
        compared += 1
    assert compared >= 70
