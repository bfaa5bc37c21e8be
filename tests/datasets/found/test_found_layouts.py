"""Every layout as its data set writes it, with the oddities that were seen in real copies."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.datasets.axes import TURNS
from engine.datasets.found import KINDS
from engine.datasets.found.part_names import PARTS, global_names, local_names
from engine.datasets.found.partnet import unique
from engine.datasets.found.synsets import NAMES, category
from engine.datasets.source import Source
from engine.errors import InputError
from engine.protocol import Note

Look = Callable[..., tuple[list[Source], list[Note]]]
Lay = Callable[..., Path]


def names(sources: list[Source]) -> list[str]:
    return [source.name for source in sources]


def said(notes: list[Note], words: str) -> bool:
    return any(words in note.text for note in notes)


V2 = "02691156/abc123/models/model_normalized.obj"


def test_shapenet_v2_at_every_depth(lay: Lay, look: Look) -> None:
    root = lay(
        f"set/{V2}", "set/02691156/abc123/images/texture0.jpg", "set/02691156/abc123/models/model_normalized.mtl"
    )
    root = lay("set/02691156/abc123/models/model_normalized.solid.binvox", "other/chair.obj")
    places = ["", "set", "set/02691156", "set/02691156/abc123", "set/02691156/abc123/models", f"set/{V2}"]
    for place in places:
        sources, notes = look(root / place)
        item = sources[-1]
        assert len(sources) == (2 if not place else 1)
        assert (item.kind, item.name, item.dataset, item.category) == ("mesh", "abc123", "shapenet-v2", "airplane")
        assert item.axes == "shapenet-v2" and item.files == (str(root / "set" / V2),)
        assert item.licence.startswith("ShapeNet: research")
        assert not any(note.warning for note in notes)


def test_shapenet_v2_twins_voxels_and_strange_folders(lay: Lay, look: Look) -> None:
    root = lay(V2, V2.replace(".obj", ".ply"), "chairs/x/models/model_normalized.obj")
    root = lay("02691156/voxels/models/model_normalized.surface.binvox", "99999999/y/models/model_normalized.ply")
    root = lay("02691156/voxels/models/model_normalized.solid.binvox", "02691156/bare/models/model_normalized.json")
    sources, notes = look(root)
    items = {source.name: source for source in sources}
    assert sorted(items) == ["abc123", "voxels", "x", "y"]
    assert items["x"].category == "chairs" and items["y"].category == "99999999"
    assert "binvox" in items["voxels"].refused and items["voxels"].files[0].endswith(".solid.binvox")
    assert not items["abc123"].refused
    assert said(notes, "model_normalized.ply beside the .obj of the same shape, not read a second time: 1")


def test_shapenet_splits_from_its_table(lay: Lay, look: Look) -> None:
    table = "id,synsetId,subSynsetId,modelId,split\n000001,02691156,02691156,abc123,val\n2,02691156,1,gone,train\n"
    sources, notes = look(lay(V2, **{"all.csv": table}) / "02691156")
    assert [source.split for source in sources] == ["val"]
    assert said(notes, "but that are not here: 1")


def test_shapenet_v1(lay: Lay, look: Look) -> None:
    root = lay("03001627/ab/model.obj", "03001627/ab/model.mtl", "03001627/vox/model.binvox", "chairs/cd/model.obj")
    sources, _ = look(root)
    items = {source.name: source for source in sources}
    assert items["ab"].dataset == items["ab"].axes == "shapenet-v1" and items["ab"].category == "chair"
    assert items["vox"].refused
    assert items["model"].dataset == ""  # a file of that name in a folder of no data set is a loose mesh
    forced, _ = look(root, kind="shapenet-v1")
    assert {source.name for source in forced} == {"ab", "cd", "vox"}


def test_modelnet_has_its_splits_in_its_folders(lay: Lay, look: Look) -> None:
    root = lay("ModelNet40/night_stand/train/night_stand_0001.off", "ModelNet40/night_stand/test/night_stand_0201.off")
    root = lay("ModelNet40/night_stand/train/odd.off", "ModelNet40/night_stand/train/.night_stand_0003.off")
    sources, _ = look(root)
    assert [(source.name, source.split, source.axes) for source in sources] == [
        ("night_stand_0201", "test", "modelnet"),
        ("night_stand_0001", "train", "modelnet"),
        ("odd", "", ""),
    ]
    alone, _ = look(root / "ModelNet40/night_stand/test")
    assert alone == sources[:1]


def test_modelnet_resampled(lay: Lay, look: Look) -> None:
    root = lay("r/chair/chair_0001.txt", "r/chair/chair_0002.txt", "r/chair/readme_1.txt")
    lay(**{"r/modelnet40_train.txt": "chair_0001\n", "r/modelnet40_test.txt": "chair_0002\nsofa_0001\n"})
    for place in (root, root / "r", root / "r/chair"):
        sources, _ = look(place)
        assert [(source.name, source.kind, source.split) for source in sources] == [
            ("chair_0001", "cloud", "train"),
            ("chair_0002", "cloud", "test"),
        ]
        assert {source.axes for source in sources} == {"modelnet-resampled"}


def test_shapenetpart_with_lists_that_name_too_much(lay: Lay, look: Look) -> None:
    root = lay("p/03001627/points/a.pts", "p/03001627/points_label/a.seg", "p/03001627/points/b.pts")
    lay("p/03001627/points_label/gone.seg", "p/train_test_split/readme.md")
    lists = {"train": ["03001627/a", "03001627/a", "03001627/none"], "test": ["03001627/b", "03001627/a"]}
    for split, entries in lists.items():
        text = json.dumps([f"shape_data/{entry}" for entry in entries])
        lay(**{f"p/train_test_split/shuffled_{split}_file_list.json": text})
    lay(**{"p/synsetoffset2category.txt": "Airplane\t02691156\nChair\t03001627\n"})
    for place in (root, root / "p/03001627", root / "p/03001627/points"):
        sources, notes = look(place)
        assert [(source.name, source.split, source.category) for source in sources] == [
            ("a", "train", "chair"),
            ("b", "test", "chair"),
        ]
        assert sources[0].labels == str(root / "p/03001627/points_label/a.seg")
        assert sources[0].label_names == {"1": "back", "2": "seat", "3": "leg", "4": "arm"}
        assert (sources[1].labels, sources[1].label_names) == ("", {})
        assert said(notes, "without a label file: 1") and said(notes, "several split lists")
    assert said(look(root)[1], "without points, left out: 1")


def test_shapenetpart_normal_and_a_set_of_ones_own(lay: Lay, look: Look) -> None:
    row = "0.1 -0.2 0.3 0 1.0 0 48.000000\n"
    root = lay("n/SOURCE.md")
    lay(**{"n/04379243/t.txt": row, "n/1/person_0001.txt": row, "n/notes/todo.txt": "buy milk\n"})
    lay(**{"n/synsetoffset2category.txt": "Table\t04379243\nPerson 1\nBackground 0\n"})
    sources, notes = look(root)
    own, table = sources if sources[0].category == "person" else sources[::-1]
    assert (table.category, table.axes, table.kind) == ("table", "shapenet-v1", "cloud")
    assert table.label_names == {"47": "top", "48": "leg", "49": "drawer"}
    assert (own.name, own.category, own.axes, own.label_names) == ("person_0001", "person", "", {})
    assert "ShapeNet" in table.licence and own.licence == ""
    assert said(notes, "keep their numbers")


def test_part_names_fill_the_fifty_labels() -> None:
    labels = [int(label) for word in PARTS for label in global_names(word)]
    assert labels == list(range(50))
    assert list(PARTS) == sorted(PARTS)
    assert set(PARTS) <= set(NAMES.values())
    for word, parts in PARTS.items():
        assert tuple(local_names(word).values()) == tuple(global_names(word).values()) == parts
        assert len(set(parts)) == len(parts)


def test_shapenet_has_its_categories() -> None:
    assert len(NAMES) == 57 and len(set(NAMES.values())) == 57
    assert category("02691156") == category("plane") == "airplane"


@pytest.mark.parametrize("as_json", [True, False])
def test_occupancy_networks(lay: Lay, look: Look, as_json: bool) -> None:
    yaml = "'03001627':\n  id: '03001627'\n  name: chair,seat\nabc:\n  name: thing\n"
    table = json.dumps({"03001627": {"id": "03001627", "name": "chair,seat"}, "abc": {"name": "thing"}})
    root = lay("o/03001627/x/pointcloud.npz", "o/03001627/x/points.npz", "o/03001627/x/img_choy2016/000.jpg")
    lay("o/03001627/x/cameras.npz", "o/abc/y/pointcloud.npz", "o/03001627/x/model.binvox", "seq/pcl/points.npz")
    lay(**{"o/metadata.yaml": table if as_json else yaml, "o/03001627/train.lst": "x\nmissing\n"})
    sources, notes = look(root)
    assert [(source.name, source.kind, source.category, source.split, source.axes) for source in sources] == [
        ("x", "cloud", "chair", "train", "shapenet-v1"),
        ("x", "occupancy", "chair", "train", "shapenet-v1"),
        ("y", "cloud", "thing", "", ""),
    ]
    assert said(notes, "1 .npz")  # the sequence, which is no such folder


RESULT = [
    {
        "id": 0,
        "name": "chair",
        "children": [
            {"id": 1, "name": "chair_base", "children": [{"id": 3, "name": "leg", "objs": ["1", "2"]}]},
            {"id": 2, "name": "chair_seat", "objs": ["10"]},
        ],
    }
]


def test_partnet_takes_each_part_once_and_names_it(lay: Lay, look: Look) -> None:
    leaves = [f"Chair/77/leaf_part_obj{kind}/{k}.obj" for kind in ("", "_normalized") for k in (1, 2, 10, 11)]
    root = lay(*leaves, **{"Chair/77/result.json": json.dumps(RESULT)})
    for place in (root, root / "Chair", root / "Chair/77", root / "Chair/77/leaf_part_obj"):
        sources, _ = look(place)
        assert len(sources) == 1
        item = sources[0]
        assert (item.kind, item.name, item.category, item.axes) == ("parts", "77", "chair", "partnet")
        assert [Path(file).name for file in item.files] == ["1.obj", "2.obj", "10.obj", "11.obj"]
        assert item.part_names == ("chair/chair_base/leg 1", "chair/chair_base/leg 2", "chair/chair_seat", "part 11")


def test_partnet_without_names_and_as_released(lay: Lay, look: Look) -> None:
    root = lay("Bed/1/leaf_part_obj_normalized/1.obj", "Lamp/2/leaf_part_obj/1.obj", "objs/loose.obj")
    lay("9/objs/original-1.obj")
    released = [{"name": "lamp", "children": [{"name": "shade", "objs": ["original-1"]}]}]
    lay(
        **{
            "Lamp/2/result.json": "{not json",
            "9/result.json": json.dumps(released),
            "9/meta.json": '{"model_cat": "Lamp"}',
        }
    )
    sources, notes = look(root)
    parts = {source.name: (source.category, source.part_names) for source in sources if source.kind == "parts"}
    assert parts == {"1": ("bed", ("part 1",)), "2": ("lamp", ("part 1",)), "9": ("lamp", ("lamp/shade",))}
    assert "loose" in names(sources) and said(notes, "is not valid JSON")


def test_part_names_are_unique() -> None:
    made = unique(["leg", "leg 1", "leg", "seat", "leg"])
    assert len(set(made)) == 5 and made[1] == "leg 1" and made[3] == "seat"


def test_princeton_takes_the_first_segmentation(lay: Lay, look: Look) -> None:
    root = lay("psb/off/61.off", "psb/off/104.off", "psb/off/L.off", "psb/off/999.off", "else/off/5.off")
    lay(*[f"psb/seg/Benchmark/61/61_{k}.seg" for k in (2, 10, 0)], "psb/seg/Benchmark/300/300_0.seg")
    sources, notes = look(root)
    items = {source.name: source for source in sources}
    assert (items["61"].category, items["104"].category) == ("airplane", "chair")
    assert items["61"].labels.endswith("61_0.seg") and items["104"].labels == ""
    assert [items[name].dataset for name in ("L", "999", "5")] == ["", "", ""]
    assert said(notes, "without a segmentation: 1")
    assert look(root / "psb/off/61.off")[0] == [items["61"]]


def test_hyperdiffusion_tells_points_from_clouds(lay: Lay, look: Look) -> None:
    root = lay("data/readme.txt")
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.random((40, 3)) - 0.5, rng.integers(0, 2, 40)])
    clouds = {"02691156_100000_pc_occ_in_out_True": rows, "02691156_2048_pc": rows[:, :3], "03001627_100_pc": rows}
    for folder, held in {**clouds, "plane_7_pc_occ_x": rows[:, :3]}.items():
        for name in ("a", "b", "c"):
            path = root / "data" / folder / f"{name}.obj.npy"
            path.parent.mkdir(exist_ok=True)
            np.save(path, held)
    lay(**{"data/02691156/train_split.lst": "a.obj\nb.obj\n", "data/02691156/test_split.lst": "c.obj\n"})
    lay(**{"data/plane_problematic_shapes.txt": "b\nzzz\n"})
    sources, notes = look(root / "data")
    kinds = {Path(source.files[0]).parent.name: source.kind for source in sources}
    assert list(kinds.values()) == ["occupancy", "cloud", "occupancy", "cloud"]
    points = [source for source in sources if source.dataset == "hyperdiffusion"][:3]
    assert [(source.name, source.split, bool(source.refused)) for source in points] == [
        ("a", "train", False),
        ("b", "train", True),
        ("c", "test", False),
    ]
    assert {source.category for source in points} == {"airplane"} and points[
        1
    ].refused == "listed as bad by the data set"
    assert said(notes, "taken as clouds: 3")
    assert not any(source.refused for source in sources if source.kind == "cloud")


@pytest.mark.parametrize(
    "held", [b"", b"PK\x03\x04 a zip?", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\x00\x10\x00{'shape': 5,     "]
)
def test_damaged_first_files_do_not_stop_the_search(tmp_path: Path, look: Look, held: bytes) -> None:
    (tmp_path / "plane_9_pc_occ_x").mkdir()
    (tmp_path / "plane_9_pc_occ_x" / "a.obj.npy").write_bytes(held)
    assert [source.kind for source in look(tmp_path)[0]] == ["occupancy"]


def test_networks_are_named_by_folder_and_shape(lay: Lay, look: Look) -> None:
    root = lay("plane_weights/occ_a1_jitter_0_model_final.pth", "run/checkpoints/model_final.pth", "run/last.CKPT")
    lay("plane_weights/occ_b2_model_final.pt", **{"plane_problematic_shapes.txt": "b2\n"})
    sources, _ = look(root)
    assert [(source.name, source.kind, source.category) for source in sources] == [
        ("plane_weights-a1", "network", "airplane"),
        ("plane_weights-b2", "network", "airplane"),
        ("run-model_final", "network", ""),
        ("run-last", "denoiser", ""),
    ]
    assert [bool(source.refused) for source in sources] == [False, True, False, False]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_does_not_fit_says_what_it_needs(lay: Lay, look: Look, kind: str) -> None:
    with pytest.raises(InputError, match="it needs") as error:
        look(lay("readme.html"), kind=kind)
    assert KINDS[kind] in str(error.value)


def test_every_axes_that_an_item_names_can_be_turned(lay: Lay, look: Look) -> None:
    root = lay(V2, "03001627/ab/model.obj", "c/train/c_1.off", "c/c_1.txt", "Chair/7/leaf_part_obj/1.obj")
    sources, _ = look(lay("03001627/points/a.pts", "04379243/x/pointcloud.npz", "off/1.off") or root)
    assert len({source.dataset for source in sources}) == 8
    assert {source.axes for source in sources} <= set(TURNS)
