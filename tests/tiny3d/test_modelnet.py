"""ModelNet as it is found in the wild, glued and garnished headers too, is imported, fitted and trained with."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine import methods
from engine.errors import InputError
from engine.geometry.canonical import LONGEST_SIDE
from engine.geometry.export import export_cloud
from engine.jobs import FitJob, ImportJob, TrainJob
from engine.project import Project
from engine.settings import override
from engine.storage import read_tensors
from tests.hearing import finished

SETTINGS = override(methods.preset("tiny3d", "smoke"), ["train.steps=2", "train.batch=2"])
FILES = ("chair/train/chair_0002.off", "chair/test/chair_0890.off", "bathtub/train/bathtub_0002.off")
HEADERS = (
    "{magic}{counts}",
    "{magic} {counts}",
    "{magic}\n\n# a remark\n{counts}",
)  # the first is ModelNet40's own fault


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def test_malformed_headers_train_without_a_hitch(project: Project, test_data: Path, tmp_path: Path) -> None:
    for name, header in zip(FILES, HEADERS, strict=True):
        magic, counts, rest = (test_data / "modelnet_off/ModelNet10" / name).read_text().split("\n", 2)
        path = tmp_path / "ModelNet" / name
        path.parent.mkdir(parents=True)
        path.write_text(header.format(magic=magic.strip(), counts=counts) + "\n" + rest)
    found = finished(ImportJob(paths=(str(tmp_path / "ModelNet"),)), project)
    items = project.catalogue.items()
    assert len(items) == len(found["items"]) == 3
    told = {(item.category, item.split, item.name) for item in items}
    assert told == {tuple(name.removesuffix(".off").split("/")) for name in FILES}
    fitted = finished(FitJob(settings=SETTINGS), project)
    assert [shape["verdict"] for shape in fitted["shapes"]] == ["accepted"] * 3
    assert finished(TrainJob(settings=SETTINGS, fit=fitted["run"]), project)["steps"] == 2


def test_a_folder_without_a_readable_mesh_says_so(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()
    (folder / "README.txt").write_text("no mesh")
    with pytest.raises(InputError, match="nothing in .* can be imported"):
        finished(ImportJob(paths=(str(folder),)), project)
    (folder / "chair_0001.off").write_text("OFF12 20\nnot a number")
    notes: list[str] = []
    (item,) = finished(ImportJob(paths=(str(folder),)), project, notes)["items"]
    assert item["verdict"] == "refused" and item["reason"]
    with pytest.raises(InputError, match="nothing to fit"):
        finished(FitJob(settings=SETTINGS), project)


def test_points_without_faces_are_learned_from(project: Project, tmp_path: Path) -> None:
    """A PLY file of points is an item; its pool is these very points. Fields say that they cannot use it."""
    points = np.random.default_rng(0).normal(size=(100, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    for number in range(2):
        export_cloud(tmp_path / f"ball{number}.ply", points * (1 + number))
    items = finished(ImportJob(paths=(str(tmp_path),), category="ball"), project)["items"]
    assert [item["verdict"] for item in items] == ["points"] * 2
    fitted = finished(FitJob(settings=SETTINGS), project)
    assert [shape["verdict"] for shape in fitted["shapes"]] == ["accepted"] * 2
    pool = read_tensors(project.run_folder(fitted["run"]) / "clouds.safetensors")[0]["pool"][0]
    assert pool.shape == (512, 3) and len(np.unique(pool, axis=0)) == 100
    assert np.linalg.norm(pool, axis=1) == pytest.approx(LONGEST_SIDE / np.ptp(points, axis=0).max(), rel=0.1)
    with pytest.raises(InputError, match="nothing to fit"):
        finished(FitJob(settings=methods.preset("hyperdiffusion", "tiny")), project)
    for number, category in enumerate(("ball", "egg")):  # the mesh of the first cloud, and of something else
        folder = tmp_path / category
        folder.mkdir()
        trimesh.creation.icosphere(1).export(folder / f"ball{number}.obj")
        finished(ImportJob(paths=(str(folder),), category=category), project)
    shapes = finished(FitJob(settings=SETTINGS), project)["shapes"]
    taken = [project.catalogue.item(shape["id"].partition("/")[2]) for shape in shapes]
    told = {(item.name, item.category, item.verdict == "points") for item in taken}
    assert told == {("ball0", "ball", False), ("ball1", "ball", True), ("ball1", "egg", False)}
