from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from engine.datasets.importing import import_files, make_samples
from engine.datasets.splits import near_duplicates, split_of, write_cloud
from engine.errors import InputError
from engine.geometry.file import load_geometry
from engine.jobs import ImportJob, SamplesJob
from engine.project import Project
from engine.protocol import Note, Stage
from engine.rows import ItemRow


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def finish(stage: Stage[Any]) -> tuple[Any, list[Note]]:
    notes: list[Note] = []
    while True:
        try:
            event = next(stage)
        except StopIteration as end:
            return end.value, notes
        if isinstance(event, Note):
            notes.append(event)


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
    assert "broken.off" in refused["reason"]
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
    with pytest.raises(InputError, match="no mesh files"):
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
    stage = near_duplicates(rows, {item.id: tmp_path / f"{item.id}.safetensors" for item in rows})
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
