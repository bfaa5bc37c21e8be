"""Several categories in one basis, with parts of the same name, and items whose one part is their whole."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
import trimesh

from engine import Project, methods
from engine.geometry.file import save_geometry
from engine.geometry.mesh import Geometry, Mesh
from engine.jobs import FitJob, GenerateJob, PartsJob, SamplesJob, TrainJob
from engine.latents import Latents
from engine.rows import ItemRow
from engine.settings import override
from tests.fields.test_basis_jobs import CHANGES
from tests.hearing import finished

SINGLE = {"chair": ("back", "seat", "leg", "arm"), "table": ("top", "leg", "drawer")}
JOINT = ("back", "seat", "leg", "arm", "top", "drawer")


def latents_of(project: Project, fit: str) -> Latents:
    return Latents(project.run_folder(fit) / "latents.safetensors")


def add_egg(project: Project, name: str, half: tuple[float, float, float]) -> None:
    """An item of one solid without named parts."""
    ball = trimesh.creation.icosphere(3)
    save_geometry(project.geometry_path(name), Geometry(Mesh(ball.vertices * half, ball.faces.astype(np.int32))))
    row = ItemRow(
        id=name, kind="mesh", category="egg", path=name, hash=name, verdict="watertight", reason="", split="train"
    )
    project.catalogue.add_items([row])


def test_categories_and_wholes_in_one_model(tmp_path: Path) -> None:
    """The vocabulary is the union of the names; every row has its own item's parts and class, and new shapes are drawn."""
    torch.set_num_threads(1)
    project = Project.create(tmp_path / "p")
    for category in SINGLE:
        finished(SamplesJob(category=category, count=2), project)
    for k in range(2):
        add_egg(project, f"egg-{k}", (0.4, 0.2 + 0.1 * k, 0.3))
    assert finished(PartsJob(category="egg"), project)["parts"] == {"whole": 2}
    rows = [msgspec.structs.replace(item, split="train") for item in project.catalogue.items()]
    project.catalogue.add_items(rows)
    settings = override(methods.preset("basis", "tiny"), [*CHANGES, "fit.most_shapes=6"])
    fit = finished(FitJob(settings=settings), project)["run"]
    latents = latents_of(project, fit)
    assert latents.file.vocabulary == (*JOINT, "whole") and latents.categories == ("chair", "egg", "table")
    items = {item.id: item for item in project.catalogue.items()}
    batch = latents.batch(torch.arange(6))
    assert batch.present is not None
    for k, record in enumerate(latents.records):
        item = items[record.item]
        flags = [name in item.parts for name in latents.file.vocabulary]
        assert batch.present[k].tolist() == flags and set(record.present) == set(item.parts)
        assert latents.categories[int(batch.condition["category"][k])] == item.category
        assert record.iou is not None and record.iou > (0.85 if item.category == "egg" else 0.2)
    model = finished(TrainJob(settings=settings, fit=fit), project)["run"]
    drawn = finished(GenerateJob(model=model, count=2, category="table", seed=1, picture=False, whole=False), project)
    assert len(drawn["shapes"]) == 2


@pytest.mark.slow
def test_a_joint_fit_is_as_good_as_single_ones(tmp_path: Path) -> None:
    """24 chairs and 24 tables: as many steps per shape and part give nearly the same IoU on each category."""
    torch.set_num_threads(1)
    project = Project.create(tmp_path / "p")
    for category in SINGLE:
        finished(SamplesJob(category=category, count=24), project)
    changes = ["samples.held_out=8000", "local.near=2048", "local.even=1024", "fit.steps=800", "fit.shapes=12"]
    joint = override(methods.preset("basis", "tiny"), changes)
    single = override(joint, ["fit.shapes=6"])  # half as many shapes for half as many items

    def quality(fit: str, category: str) -> float:
        records = latents_of(project, fit).records
        return float(np.mean([r.iou for r in records if r.item.startswith(category) and r.iou is not None]))

    both = finished(FitJob(settings=joint), project)["run"]
    for category, names in SINGLE.items():
        alone = finished(FitJob(settings=single, category=category), project)["run"]
        assert set(latents_of(project, alone).file.vocabulary) == set(names)
        assert quality(both, category) > quality(alone, category) - 0.03
