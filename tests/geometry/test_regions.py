from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from engine.datasets.axes import turn
from engine.datasets.stored import frame, place
from engine.errors import InputError, MeshError
from engine.geometry.carry import KEPT, carry, named, of_polygons
from engine.geometry.examine import examine
from engine.geometry.export import export_mesh
from engine.geometry.label_report import label_report
from engine.geometry.mesh import Geometry, Mesh, face_areas, flip, is_closed, join, transform, volume
from engine.geometry.occupancy import surface_points
from engine.geometry.raw import FaceLabels, Raw
from engine.geometry.read import load_pieces, read
from engine.geometry.readers import read_raw
from engine.geometry.refine import edge_lengths, halved
from engine.geometry.regions import (
    FINE,
    Regions,
    from_cloud,
    from_faces,
    part_meshes_of,
    part_names,
    part_surface,
    whole_in_pieces,
)
from engine.geometry.rename import rename
from engine.geometry.solids import union
from tests.geometry.shapes import box, sphere

SEAT, LEFT, RIGHT = (
    box((0.9, 0.1, 0.6), (0, 0.2, 0)),
    box((0.1, 0.6, 0.6), (-0.4, -0.16, 0)),
    box((0.1, 0.6, 0.6), (0.4, -0.16, 0)),
)
CHAIR = Geometry(union([SEAT, LEFT, RIGHT]), {"seat": SEAT, "leg 1": LEFT, "leg 2": RIGHT})


def cloud_of(pieces: dict[str, list[Mesh]], count: int = 4000) -> Regions:
    """Points of the pieces, labelled by their names."""
    names = tuple(pieces)
    clouds = [surface_points(join(pieces[name]), count, np.random.default_rng(k)) for k, name in enumerate(names)]
    return from_cloud(np.concatenate(clouds), np.repeat(np.arange(len(names)), count), names)


def halves(mesh: Mesh) -> FaceLabels:
    """Faces by the sign of x at their centroid."""
    return FaceLabels(("minus", "plus"), (mesh.triangles.mean(1)[:, 0] > 0).astype(np.int32))


def faces_at(mesh: Mesh, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points spread evenly over the area, and their faces."""
    generator = np.random.default_rng(seed)
    sums = np.cumsum(face_areas(mesh))
    face = np.searchsorted(sums, generator.random(count) * sums[-1]).clip(0, len(sums) - 1)
    return np.einsum("sc,scd->sd", generator.dirichlet(np.ones(3), count), mesh.triangles[face]), face


def test_halved_edges_leave_the_surface_and_its_closedness() -> None:
    ball = sphere(0.4, 2)
    generator = np.random.default_rng(0)
    mesh = ball
    for _ in range(4):
        mesh = halved(mesh, generator.random(len(mesh.faces)) < 0.3)
        assert is_closed(mesh)
        assert volume(mesh) == pytest.approx(volume(ball)) and face_areas(mesh).sum() == pytest.approx(
            face_areas(ball).sum()
        )
    every = np.ones(len(ball.faces), bool)
    assert edge_lengths(halved(ball, every)).max() == pytest.approx(edge_lengths(ball).max() / 2)


def test_labelled_faces_become_regions_that_cover_them_evenly() -> None:
    ball = sphere(0.4, 3)
    regions = from_faces(ball, halves(ball), 10_000)
    assert regions.names == ("minus", "plus") and regions.unlabelled == 0
    assert (regions.label_of(ball.triangles.mean(1)) == halves(ball).index).all()
    points, face = faces_at(ball, 10_000, 1)
    assert (regions.label_of(points) == halves(ball).index[face]).mean() > KEPT
    assert regions.tree.query(points)[0].max() < 0.03


def test_faces_without_a_label_are_counted_by_their_area() -> None:
    block = box()
    none = FaceLabels(("a",), np.where(block.triangles.mean(1)[:, 1] > 0.4, -1, 0).astype(np.int32))
    assert from_faces(block, none).unlabelled == pytest.approx(1 / 6)
    with pytest.raises(MeshError, match="no parts"):
        from_faces(block, FaceLabels(("a",), np.full(12, -1, np.int32)))
    with pytest.raises(MeshError, match="one label for each face"):
        from_faces(block, FaceLabels(("a",), np.zeros(3, np.int32)))


def test_clouds_drop_what_has_no_label_and_names_without_points() -> None:
    points = np.arange(12.0).reshape(4, 3)
    regions = from_cloud(points, np.array([2, -1, 0, 2]), ("a", "b", "c"))
    assert regions.names == ("a", "c") and regions.unlabelled == 0.25
    assert regions.names_at(points[[0, 2, 3]]).tolist() == ["c", "a", "c"]
    bad = points.copy()
    bad[0] = np.nan
    for wrong in ((points, np.array([0])), (points, np.full(4, -1)), (points, np.full(4, 7)), (bad, np.zeros(4, int))):
        with pytest.raises(MeshError):
            from_cloud(*wrong, ("a", "b", "c"))


def test_label_files_give_names_by_number() -> None:
    assert named(np.array([3, 1, 0, -1]), {"1": "a", "2": "b"})[0] == ("a", "part 3")
    assert named(np.array([3, 1, 0, -1]), {"1": "a", "2": "b"})[1].tolist() == [1, 0, -1, -1]
    assert named(np.array([0, 1]), {})[0] == ("part 0", "part 1")
    polygon = np.r_[0, np.arange(20)]
    labels = of_polygons(np.arange(19) % 2, polygon, {"0": "y", "1": "x"})
    assert labels.names == ("y", "x") and labels.index.tolist() == [0, *(np.arange(19) % 2), -1]
    for count in (10, 30):
        with pytest.raises(MeshError, match="of another mesh"):
            of_polygons(np.zeros(count, int), polygon, {})


def test_the_parts_of_a_surface_make_it_up_with_borders_where_they_belong() -> None:
    block = box((0.9, 0.4, 0.4))  # twelve long faces
    points = np.stack([np.linspace(-0.45, 0.45, 91), np.zeros(91), np.zeros(91)], 1)
    regions = from_cloud(points, (points[:, 0] > 0.125).astype(int), ("left", "right"))
    geometry = Geometry(block, regions=regions)
    parts = part_meshes_of(geometry)
    assert list(parts) == ["left", "right"] == list(part_names(geometry))
    assert sum(face_areas(part).sum() for part in parts.values()) == pytest.approx(face_areas(block).sum())
    assert parts["left"].bounds[1, 0] == pytest.approx(0.125, abs=FINE)
    assert parts["right"].bounds[0, 0] == pytest.approx(0.125, abs=FINE)
    assert np.array_equal(part_surface(geometry, "left").faces, parts["left"].faces)
    with pytest.raises(InputError, match="the parts are left, right"):
        part_surface(geometry, "middle")
    assert part_meshes_of(Geometry(block)) == {}
    assert part_surface(CHAIR, "seat") is SEAT


def test_cutting_ends_where_faces_cannot_get_finer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces whose corners lie on one line can be halved for ever; those of a chair of ShapeNet were."""
    rounds: list[int] = []

    def kept(mesh: Mesh, marked: np.ndarray) -> Mesh:
        rounds.append(len(mesh.faces))
        assert len(rounds) < 100
        return mesh

    monkeypatch.setattr("engine.geometry.regions.halved", kept)
    sides = from_cloud(np.array([[-0.1, 0, 0], [0.1, 0, 0]]), np.array([0, 1]), ("left", "right"))
    assert list(part_meshes_of(Geometry(box((0.9, 0.4, 0.4)), regions=sides))) == ["left", "right"]
    assert rounds


def test_a_part_smaller_than_any_face_keeps_a_surface() -> None:
    dot = from_cloud(np.array([[0.4501, 0, 0], [0.45, 0, 0], [-0.45, 0, 0]]), np.array([2, 0, 1]), ("a", "b", "dot"))
    assert list(part_meshes_of(Geometry(box((0.9, 0.4, 0.4)), regions=dot))) == ["a", "b", "dot"]


def test_labels_are_carried_to_whole_solids() -> None:
    carried = carry(CHAIR, cloud_of({"top": [SEAT], "leg": [LEFT, RIGHT]}, 40_000))
    assert carried.solids == 3 and carried.agreement >= KEPT
    assert list(carried.geometry.parts) == ["top", "leg"] and carried.geometry.regions is None
    assert volume(carried.geometry.parts["leg"]) == pytest.approx(volume(LEFT) + volume(RIGHT))


def test_apart_standing_pieces_of_a_surface_take_one_label_each() -> None:
    apart = Geometry(join([LEFT, RIGHT, sphere(0.1, 2)]))
    carried = carry(apart, cloud_of({"ball": [sphere(0.1, 2)], "leg": [LEFT, RIGHT]}, 500))
    assert carried.solids == 3 and carried.agreement == 1
    assert volume(carried.geometry.parts["ball"]) == pytest.approx(volume(sphere(0.1, 2)))


def test_labels_that_cut_through_solids_stay_with_the_nearest_point() -> None:
    ball = sphere(0.3, 3)
    regions = from_faces(ball, halves(ball))
    for geometry in (Geometry(ball), replace(CHAIR, surface=ball)):
        carried = carry(geometry, regions)
        assert carried.geometry.regions is regions and not carried.geometry.parts
        assert carried.agreement == 1 and carried.solids == 0


def test_a_name_is_never_lost_to_a_solid() -> None:
    two = Geometry(join([LEFT, RIGHT]))
    points = np.concatenate([surface_points(LEFT, 9000, np.random.default_rng(0)), RIGHT.vertices, LEFT.vertices[:1]])
    labels = np.r_[np.zeros(9000, int), np.ones(len(RIGHT.vertices), int), 2]
    carried = carry(two, from_cloud(points, labels, ("a", "b", "screw")))
    assert part_names(carried.geometry) == ("a", "b", "screw") and carried.agreement == 1


def test_a_cloud_of_another_shape_or_turned_is_refused() -> None:
    cloud = cloud_of({"top": [SEAT], "leg": [LEFT, RIGHT]})
    for points in (cloud.points[:, [1, 0, 2]], 0.47 * cloud.points / np.linalg.norm(cloud.points, axis=1)[:, None]):
        with pytest.raises(MeshError, match="lie off this surface"):
            carry(CHAIR, replace(cloud, points=points))
    loose = (cloud.points + np.random.default_rng(0).normal(0, 0.005, cloud.points.shape)).astype(np.float32)
    assert part_names(carry(CHAIR, replace(cloud, points=loose)).geometry) == ("top", "leg")


def test_renamed_solids_merge_and_those_left_out_still_belong_to_the_whole() -> None:
    renamed = rename(CHAIR, {"leg 1": "leg", "leg 2": "leg"})
    assert list(renamed.parts) == ["seat", "leg"] and renamed.complete
    assert volume(renamed.parts["leg"]) == pytest.approx(volume(LEFT) + volume(RIGHT))
    less = rename(CHAIR, {"leg 1": ""})
    assert list(less.parts) == ["seat", "leg 2"] and not less.complete
    assert rename(CHAIR, dict.fromkeys(CHAIR.parts, "")).parts == {}


def test_nothing_of_an_item_is_lost_with_the_name_of_a_part() -> None:
    assert list(whole_in_pieces(CHAIR)) == list(CHAIR.parts)
    pieces = whole_in_pieces(rename(CHAIR, {"seat": ""}))
    assert list(pieces) == ["leg 1", "leg 2", "rest"]
    points = surface_points(CHAIR.surface, 4000, np.random.default_rng(0))
    found = surface_points(join(list(pieces.values())), 40_000, np.random.default_rng(1))
    assert cKDTree(found).query(points)[0].max() < 0.05
    assert np.allclose(pieces["rest"].bounds, SEAT.bounds, atol=0.06)


def test_renamed_regions_merge_and_those_left_out_go_to_their_neighbours() -> None:
    regions = from_cloud(np.eye(3), np.array([0, 1, 2]), ("a", "b", "c"))
    merged = rename(Geometry(SEAT, regions=regions), {"a": "x", "c": "x"}).regions
    assert merged is not None and merged.names == ("x", "b") and merged.label.tolist() == [0, 1, 0]
    less = rename(Geometry(SEAT, regions=regions), {"b": ""}).regions
    assert less is not None and less.names == ("a", "c") and less.unlabelled == pytest.approx(1 / 3)
    assert rename(Geometry(SEAT, regions=regions), {"a": "", "b": "", "c": ""}).regions is None


def test_the_report_measures_what_is_unlabelled_and_contradictory() -> None:
    assert label_report(Geometry(SEAT)) == {}
    block = box((0.9, 0.9, 0.9))
    top = block.triangles.mean(1)[:, 1] > 0.4
    half = from_faces(block, FaceLabels(("top",), np.where(top, 0, -1).astype(np.int32)))
    report = label_report(Geometry(block, regions=half))
    assert report["unlabelled"] == pytest.approx(5 / 6, abs=0.03) and report["contradictory"] == 0
    assert "83% of the surface has no label" in report["text"]
    twins = from_faces(join([block, flip(block)]), FaceLabels(("a", "b"), np.repeat([0, 1], 12).astype(np.int32)))
    assert label_report(Geometry(block, regions=twins))["contradictory"] == 1
    assert label_report(CHAIR)["contradictory"] == 0
    moved = Geometry(SEAT, {"a": box((0.4, 0.4, 0.4)), "b": box((0.4, 0.4, 0.4), (0.2, 0, 0)), "c": box((0.1,) * 3)})
    report = label_report(moved)
    assert report["contradictory"] == 1
    assert [pair[:2] for pair in report["overlaps"]] == [["a", "c"], ["a", "b"], ["b", "c"]]
    assert [pair[2] for pair in report["overlaps"]] == pytest.approx([1, 0.5, 0.5], abs=0.05)
    assert "a and c share" in report["text"]
    left_out = rename(CHAIR, {"leg 1": ""})
    assert label_report(left_out)["unlabelled"] > 0.15


def test_solids_keep_their_names_through_a_glb(tmp_path: Path) -> None:
    names = ["seat", "leg 1", "Räder", 'a "quoted" one', "leg/left"]
    parts = {name: box((0.1, 0.1, 0.1), (0.2 * k, 0, 0)) for k, name in enumerate(names)}
    path = tmp_path / "shape.glb"
    export_mesh(path, None, part_meshes_of(Geometry(union(list(parts.values())), parts)), {})
    back = read(path)
    assert list(back.parts) == names
    for name, part in parts.items():
        assert np.allclose(back.parts[name].bounds, part.bounds, atol=1e-6)


def test_partnet_leaves_keep_their_names_through_a_glb(test_data: Path, tmp_path: Path) -> None:
    folders = sorted((test_data / "partnet_parts").glob("*/*/leaf_part_obj"))
    assert folders
    for number, folder in enumerate(folders):
        files = sorted(folder.glob("*.obj"))
        raws = [read_raw(file) for file in files]
        mesh = join([raw.mesh for raw in raws])
        index = np.repeat(np.arange(len(raws)), [len(raw.mesh.faces) for raw in raws]).astype(np.int32)
        labels = FaceLabels(tuple(f"part {file.stem}" for file in files), index)
        geometry, _ = examine(Raw(mesh, np.arange(len(index), dtype=np.int32), {"object": labels}))
        if not geometry.parts:
            regions = from_faces(transform(mesh, np.linalg.inv(geometry.to_source).astype(np.float64)), labels)
            geometry = replace(geometry, regions=regions)
        path = tmp_path / f"{number}.glb"
        export_mesh(path, None, part_meshes_of(geometry), {})
        assert set(load_pieces(path)) == set(labels.names)


@pytest.mark.parametrize("number", [62, 152, 125])
def test_princeton_segments_become_regions(test_data: Path, number: int) -> None:
    raw = read_raw(test_data / f"psb_segbench/off/{number}.off")
    segments = np.loadtxt(test_data / f"psb_segbench/seg/Benchmark/{number}/{number}_0.seg", dtype=int)
    labels = of_polygons(segments, raw.polygon, {})
    regions = from_faces(raw.mesh, labels)
    assert len(regions.names) == len(np.unique(segments)) and regions.unlabelled == 0
    points, face = faces_at(raw.mesh, 20_000, 2)
    assert (regions.label_of(points) == labels.index[face]).mean() >= KEPT


def test_the_labelled_table_is_carried_to_its_mesh(test_data: Path) -> None:
    ident = "04379243/1a00aa6b75362cc5b324368d54a7416f"
    raw = read_raw(test_data / "shapenet_v2" / ident / "models/model_normalized.obj")
    geometry, _ = examine(raw, turn("shapenet-v2"))
    rows = np.loadtxt(test_data / "shapenetpart_v0_normal" / f"{ident}.txt")
    points = rows[:, :3] @ turn("shapenet-v1").T
    names, labels = named(rows[:, 6].astype(int), {"47": "top", "48": "leg", "49": "drawer"})
    regions = from_cloud(place(points, frame(points)), labels, names)
    assert regions.tree.query(surface_points(geometry.surface, 5000, np.random.default_rng(0)))[0].max() < 0.05
    carried = carry(geometry, regions)
    assert carried.agreement >= KEPT and set(part_names(carried.geometry)) == {"top", "leg"}
    parts = part_meshes_of(carried.geometry)
    assert parts["top"].bounds[1, 1] == pytest.approx(geometry.surface.bounds[1, 1], abs=0.01)
    assert parts["leg"].bounds[0, 1] == pytest.approx(geometry.surface.bounds[0, 1], abs=0.01)
    assert parts["top"].bounds[0, 1] > parts["leg"].bounds[0, 1] + 0.1
