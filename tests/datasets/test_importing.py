import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from engine import pipeline
from engine.datasets.cache import samples
from engine.datasets.importing import check_files, import_files
from engine.datasets.making import make_samples
from engine.datasets.splits import near_duplicates, split_of, write_cloud
from engine.errors import InputError
from engine.geometry.file import load_geometry
from engine.jobs import ExportJob, ImportJob, SamplesJob
from engine.project import Project
from engine.protocol import Note, Stage
from engine.rows import ItemRow
from engine.settings import SampleSettings
from engine.stages import ended, noting


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def finish(stage: Stage[Any]) -> tuple[Any, list[Note]]:
    notes: list[Note] = []
    return ended(noting(stage, notes)), notes


def test_every_file_gets_a_verdict_and_good_ones_are_kept(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "meshes"
    folder.mkdir()
    trimesh.creation.box((2, 1, 1)).export(folder / "A box.obj")
    trimesh.creation.icosphere(subdivisions=2).export(folder / "ball.stl")
    (folder / "broken.off").write_text("OFF\n3 1 0\n0 0 0\n")
    (folder / "notes.txt").write_text("not a mesh")
    result, _ = finish(import_files(ImportJob(paths=(str(folder),), category="thing"), project))
    verdicts = {Path(item["path"]).name: item["verdict"] for item in result["items"]}
    assert verdicts == {"A box.obj": "watertight", "ball.stl": "watertight", "broken.off": "refused"}
    refused = next(item for item in result["items"] if item["verdict"] == "refused")
    assert "claims 3 vertices" in refused["reason"]
    kept = project.catalogue.items("thing", accepted=True)
    assert len(kept) == 2
    box = load_geometry(project.geometry_path(next(item.id for item in kept if item.id.startswith("a-box"))))
    assert np.allclose(box.surface.bounds, [[-0.475, -0.2375, -0.2375], [0.475, 0.2375, 0.2375]])


def test_importing_twice_adds_nothing(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "ball.ply"
    trimesh.creation.icosphere(subdivisions=2).export(path)
    for _ in range(2):
        finish(import_files(ImportJob(paths=(str(path),)), project))
    assert len(project.catalogue.items()) == 1


def test_a_data_sets_own_lists_win(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for i in range(3):
        trimesh.creation.box((1, 1 + i, 2)).export(folder / f"m{i}.obj")
    (folder / "train_split.lst").write_text("m0.obj\n")
    (folder / "val_split.lst").write_text("m1.obj\n")
    (folder / "test_split.lst").write_text("m2.obj\n")
    finish(import_files(ImportJob(paths=(str(folder),)), project))
    assert [item.split for item in project.catalogue.items()] == ["train", "val", "test"]


def test_no_mesh_is_an_error(project: Project, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can be imported"):
        finish(import_files(ImportJob(paths=(str(tmp_path / "project"),)), project))


def test_item_i_does_not_depend_on_the_count(project: Project, tmp_path: Path) -> None:
    with Project.create(tmp_path / "other") as other:
        finish(make_samples(SamplesJob(category="chair", count=2, seed=9), project))
        finish(make_samples(SamplesJob(category="chair", count=3, seed=9), other))
        for item in project.catalogue.items():
            paths = [p.geometry_path(item.id).read_bytes() for p in (project, other)]
            assert paths[0] == paths[1]


def test_the_stable_split_has_the_stated_shares() -> None:
    splits = [split_of(f"item-{i}") for i in range(4000)]
    for split, share in (("train", 0.80), ("val", 0.05), ("test", 0.15)):
        assert abs(splits.count(split) / 4000 - share) < 4 * (share * (1 - share) / 4000) ** 0.5


def test_near_copies_across_splits_are_found_and_others_are_not(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)

    def row(name: str, split: str, radii: tuple[float, float, float]) -> ItemRow:
        points = generator.normal(size=(2, 512, 3))
        points = points / np.linalg.norm(points, axis=2, keepdims=True) * radii
        write_cloud(tmp_path / f"{name}.safetensors", points.astype(np.float32))
        return ItemRow(
            id=name, kind="mesh", category="c", path="", hash=name, verdict="watertight", reason="", split=split
        )

    rows = [
        row("a", "train", (0.45, 0.3, 0.3)),
        row("copy-of-a", "test", (0.45, 0.3, 0.3)),
        row("twin-in-train", "train", (0.45, 0.3, 0.3)),
        row("other", "test", (0.45, 0.3, 0.2)),
    ]
    stage = near_duplicates(
        rows, {item.id: tmp_path / f"{item.id}.safetensors" for item in rows}, {item.id for item in rows}
    )
    pairs, _ = finish(stage)
    assert set(pairs) == {("a", "copy-of-a"), ("copy-of-a", "twin-in-train")}


def test_a_known_item_keeps_its_split(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for i in range(6):
        trimesh.creation.box((1, 1 + i, 2)).export(folder / f"m{i}.obj")
    (folder / "test.lst").write_text("".join(f"m{i}.obj\n" for i in range(6)))
    finish(import_files(ImportJob(paths=(str(folder),)), project))
    finish(import_files(ImportJob(paths=tuple(str(folder / f"m{i}.obj") for i in range(6))), project))
    assert {item.split for item in project.catalogue.items()} == {"test"}


def labelled_table(folder: Path, count: int = 4_000) -> tuple[Path, Path]:
    """A ShapeNet v1 table and, in a ShapeNetPart folder, its labelled cloud."""
    top = trimesh.creation.box((1, 0.1, 1))
    top.apply_translation((0, 0.5, 0))
    leg = trimesh.creation.box((0.2, 0.5, 0.2))
    leg.apply_translation((0.05, 0.2, 0))
    mesh = folder / "v1/04379243/abc/model.obj"
    mesh.parent.mkdir(parents=True)
    trimesh.util.concatenate([top, leg]).export(mesh)
    cloud = folder / "parts/04379243"
    (cloud / "points").mkdir(parents=True)
    (cloud / "points_label").mkdir()
    points = np.concatenate([solid.sample(count, seed=0) for solid in (top, leg)])
    np.savetxt(cloud / "points/abc.pts", points)
    np.savetxt(cloud / "points_label/abc.seg", np.repeat([1, 2], count), fmt="%d")
    return folder / "v1", folder / "parts"


@pytest.mark.parametrize("order", ["at once", "mesh first", "cloud first", "mesh again"])
def test_labels_of_a_cloud_find_their_mesh(project: Project, tmp_path: Path, order: str) -> None:
    mesh_folder, cloud_folder = labelled_table(tmp_path / "data")
    orders: dict[str, list[tuple[Path, ...]]] = {
        "at once": [(mesh_folder, cloud_folder)],
        "mesh first": [(mesh_folder,), (cloud_folder,)],
        "cloud first": [(cloud_folder,), (mesh_folder,)],
        "mesh again": [(mesh_folder, cloud_folder), (mesh_folder,)],
    }
    for paths in orders[order]:
        finish(import_files(ImportJob(paths=tuple(str(path) for path in paths)), project))
    mesh = next(item for item in project.catalogue.items() if item.kind == "mesh")
    assert len(mesh.parts) == 2 and mesh.report["labels_agree"] > 0.99
    assert project.picture_path(mesh.id).is_file()
    found = samples(project, mesh, SampleSettings(uniform=20_000, near=0), mesh.parts, 0, False)
    inside = found.inside.astype(bool)
    assert inside.any(0).all() and (inside.any(1) == found.occupancy.astype(bool)).mean() > 0.999
    assert [item.usable for item in project.catalogue.items() if item.kind == "cloud"] == [False]


def test_archives_are_looked_into(project: Project, tmp_path: Path) -> None:
    box = trimesh.creation.box((1, 2, 3)).export(file_type="obj")
    with zipfile.ZipFile(tmp_path / "shapes.zip", "w") as archive:
        archive.writestr("deep/box.obj", box)
        archive.writestr("LICENSE", "Creative Commons Zero v1.0 Universal")
    result, _ = finish(import_files(ImportJob(paths=(str(tmp_path / "shapes.zip"),)), project))
    assert [item["verdict"] for item in result["items"]] == ["watertight"]


def test_a_sheet_is_told_and_usable_with_a_thickness(project: Project, tmp_path: Path) -> None:
    plane = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    plane.export(tmp_path / "plane.obj")
    paths = (str(tmp_path / "plane.obj"),)
    result, _ = finish(import_files(ImportJob(paths=paths), project))
    assert result["items"][0]["verdict"] == "sheet" and not project.catalogue.items(accepted=True)
    assert any("--thickness" in line for line in result["summary"])
    finish(import_files(ImportJob(paths=paths, thickness=0.05), project))
    (item,) = project.catalogue.items(accepted=True)
    assert load_geometry(project.geometry_path(item.id)).closed


def test_points_with_inside_flags_are_usable_as_they_are(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "airplane_100000_pc_occ_in_out_True"
    folder.mkdir()
    generator = np.random.default_rng(0)
    points = np.concatenate([generator.normal(0, 0.2, (5_000, 3)), generator.uniform(-0.5, 0.5, (5_000, 3))])
    rows = np.c_[points, np.linalg.norm(points * (1, 2, 1), axis=1) < 0.4]
    np.save(folder / "shape1.obj.npy", rows)
    finish(import_files(ImportJob(paths=(str(folder),)), project))
    (item,) = project.catalogue.items(accepted=True)
    assert (item.kind, item.verdict) == ("occupancy", "samples") and project.picture_path(item.id).is_file()
    found = samples(project, item, SampleSettings(uniform=1_000, near=1_000), (), 0, False)
    there = np.linalg.norm(found.points * (1, 2, 1), axis=1) < 0.475
    assert (there == found.occupancy.astype(bool)).mean() > 0.98


def test_checking_says_the_same_and_keeps_nothing(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    labelled_table(folder)
    (folder / "broken.off").write_text("OFF\n3 1 0\n0 0 0\n")
    before = sorted(tmp_path.rglob("*"))
    checked, _ = finish(check_files(ImportJob(paths=(str(folder),))))
    assert sorted(tmp_path.rglob("*")) == before
    imported, _ = finish(import_files(ImportJob(paths=(str(folder),)), project))
    told = {item["path"]: item["verdict"] for item in imported["items"]}
    assert {item["path"]: item["verdict"] for item in checked["items"]} == told
    assert {"points", "refused"} < set(told.values())


def test_what_a_person_states_counts_where_nothing_beside_the_files_says_it(project: Project, tmp_path: Path) -> None:
    for name, licence in (("free", ""), ("bound", "CC BY-NC 4.0"), ("open", "None stated.")):
        (tmp_path / name).mkdir()
        trimesh.creation.box((1, 2, 3)).export(tmp_path / name / f"{name}.stl")
        if licence:
            (tmp_path / name / "SOURCE.md").write_text(f"# {name}\n\n- Licence as stated: {licence}\n")
        job = ImportJob(paths=(str(tmp_path / name),), origin="my own work", licence="CC0-1.0")
        finish(import_files(job, project))
    found = {item.name: item.licence for item in project.catalogue.items()}
    assert found == {"free": "CC0-1.0", "bound": "CC BY-NC 4.0", "open": "CC0-1.0"}


def test_one_bad_archive_does_not_stop_the_others(project: Project, tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    trimesh.creation.box().export(tmp_path / "box.stl")
    paths = (str(tmp_path / "bad.zip"), str(tmp_path / "box.stl"))
    result, _ = finish(import_files(ImportJob(paths=paths), project))
    assert sorted(item["verdict"] for item in result["items"]) == ["refused", "watertight"]
    with pytest.raises(InputError, match="bad.zip"):
        finish(import_files(ImportJob(paths=paths[:1]), project))


def test_a_changed_file_replaces_its_item(project: Project, tmp_path: Path) -> None:
    for size in (1, 2):
        trimesh.creation.box((1, size, 3)).export(tmp_path / "box.stl")
        finish(import_files(ImportJob(paths=(str(tmp_path / "box.stl"),)), project))
    old, new = sorted(project.catalogue.items(), key=lambda item: item.usable)
    assert not old.usable and new.id in old.reason and new.usable


def test_a_slip_in_the_part_names_is_told_before_anything_is_read(project: Project, tmp_path: Path) -> None:
    trimesh.creation.box().export(tmp_path / "box.stl")
    (project.folder / "part_names.json").write_text("{oops")
    with pytest.raises(InputError, match="part_names.json"):
        finish(import_files(ImportJob(paths=(str(tmp_path / "box.stl"),)), project))
    assert not project.catalogue.items()


def test_a_part_that_lost_its_name_is_still_exported(project: Project, tmp_path: Path) -> None:
    scene = trimesh.Scene()
    for i, name in enumerate(("keep", "drop")):
        solid = trimesh.creation.box()
        solid.apply_translation((3 * i, 0, 0))
        scene.add_geometry(solid, node_name=name, geom_name=name)
    scene.export(tmp_path / "two.glb")
    job = ImportJob(paths=(str(tmp_path / "two.glb"),))
    finish(import_files(job, project))
    names = project.folder / "part_names.json"
    names.write_text(names.read_text().replace('"drop": "drop"', '"drop": ""'))
    finish(import_files(job, project))
    (item,) = project.catalogue.items()
    assert item.parts == ("keep",)
    result, _ = finish(pipeline.run(ExportJob(shapes=(item.id,), out=str(tmp_path / "out")), project))
    assert result["files"][0]["faces"] == 24


def test_an_import_that_was_stopped_goes_on_and_doubles_nothing(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for i in range(3):
        trimesh.creation.box((1, 1 + i, 2)).export(folder / f"m{i}.obj")
    job = project.submit(ImportJob(paths=(str(folder),)))
    stage = pipeline.run(job, project)
    while len(project.catalogue.items()) < 2:
        next(stage)
    stage.close()
    assert project.catalogue.run(job.run).state == "cancelled"
    first = {item.id: item.added for item in project.catalogue.items()}
    result, _ = finish(pipeline.run(job, project))
    assert any(item.added == first.get(item.id) for item in project.catalogue.items())  # not read a second time
    assert len(result["items"]) == 3 and len(project.catalogue.items()) == 3
    assert all(load_geometry(project.geometry_path(item.id)).closed for item in project.catalogue.items())
