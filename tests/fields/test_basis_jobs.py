"""The basis through the pipeline: fitted, trained, generated, mixed and exported like the other methods."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import Project, methods, splitting
from engine.analysis.rows import TRAIN, gather
from engine.cloud_codes import CloudCodes
from engine.datasets.procedural import PARTS
from engine.geometry.file import load_geometry
from engine.geometry.occupancy import surface_points
from engine.jobs import EvaluateJob, ExportJob, FitJob, GenerateJob, SamplesJob, SplitJob, TrainJob
from engine.latents import Latents
from engine.method import Shapes, Workspace
from engine.metrics.result import read_evaluation
from engine.metrics.subjects import subjects_of
from engine.protocol import Stage
from engine.reporting import RESULT
from engine.settings import ProtocolSettings, override
from engine.shapes import fit_of, hash_of_file
from engine.stages import ended
from engine.storage import read_tensors
from tests.clouds.drawn import keep_clouds
from tests.hearing import finished

CHANGES = [
    "samples.held_out=8000",
    "samples.per_part=256",
    "local.near=512",
    "local.even=256",
    "expert.hidden=[24,24]",
    "expert.code=6",
    "fit.steps=150",
    "fit.shapes=3",
    "fit.most_shapes=3",
    "fit.code_steps=20",
    "fit.code_shapes=2",
    "fit.accept=0.0",
    "fit.accept_part=0.0",
    "denoiser.width=16",
    "denoiser.layers=1",
    "denoiser.heads=2",
    "train.steps=20",
    "train.batch=4",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Four aeroplanes; experts learn from three of them."""
    torch.set_num_threads(1)
    made = Project.create(tmp_path_factory.mktemp("basis") / "p")
    finished(SamplesJob(category="airplane", count=4), made)
    settings = override(methods.preset("basis", "tiny"), CHANGES)
    fitted = finished(FitJob(settings=settings), made)
    finished(TrainJob(settings=settings, fit=fitted["run"]), made)
    return made


def test_all_items_get_codes_and_experts_learn_from_few(project: Project) -> None:
    """Learned codes are handed on as they are; other items cost time of their own; all are judged on unseen points."""
    folder = project.run_folder("fit-0001")
    latents = Latents(folder / "latents.safetensors")
    learned, header = read_tensors(folder / "basis.safetensors")
    assert len(latents) == 4 and learned["codes"].shape == (3, 4, 6)
    names = header["items"].split("\n")
    for row, record in enumerate(latents.records):
        assert (record.cpu_s > 0) == (record.item not in names)
        assert record.iou is not None and record.iou > 0.2 and set(record.part_iou) == set(record.present)
        if record.item in names:
            numbers = latents.batch(torch.tensor([row])).target.view(4, -1)[:, 9:].numpy()
            flags = [name in record.present for name in PARTS["airplane"]]
            assert (numbers[flags] == learned["codes"][names.index(record.item)][flags]).all()


def test_the_representation_comes_back_from_its_file(project: Project) -> None:
    """Decoded after loading, a shape is what its record says of it: present parts as stored."""
    work = Workspace(project.run_folder("fit-0001"), torch.device("cpu"))
    found: Any = ended(fit_of("fit-0001", project, work))
    representation, latents = found
    shapes = latents.shapes(range(4))
    fields = representation.decode(shapes)
    assert torch.equal(representation.present(shapes.latent), shapes.present)
    assert [field.parts for field in fields] == [record.present for record in latents.records]
    points = torch.rand(2000, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    assert all(bool((field(points) > 0).any()) for field in fields)


def test_new_shapes_are_drawn_and_written(project: Project, tmp_path: Path) -> None:
    """Generated twice they are the same; fitted ones come out as closed meshes with the names of their parts."""
    job = GenerateJob(model="train-0001", count=2, seed=4, whole=False)
    first, second = (finished(job, project) for _ in range(2))
    rows = [
        np.array(read_tensors(project.run_folder(one["run"]) / "latents.safetensors")[0]["latent"])
        for one in (first, second)
    ]
    assert rows[0].shape == (2, 4 * 15) and (rows[0] == rows[1]).all()
    latents = Latents(project.run_folder("fit-0001") / "latents.safetensors")
    shape = f"fit-0001/{latents.records[0].item}"
    result = finished(ExportJob(shapes=(shape,), out=str(tmp_path / "out"), resolution=48), project)
    assert {*result["files"][0]["parts"]} <= set(PARTS["airplane"]) and result["files"][0]["watertight"]


@pytest.mark.parametrize("drawn", [True, False], ids=["cloud", "item"])
def test_what_was_split_is_held_against_the_fit_of_its_model(
    project: Project, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever drew the cloud, the parts are the model's: its fit is what analyses and evaluations compare with."""

    def known_codes(points: object, representation: object, known: Shapes, *more: object) -> Stage[CloudCodes]:
        yield from ()
        return CloudCodes(known.row(0), 0, 0.5)

    monkeypatch.setattr(splitting, "codes_of_drawn_cloud" if drawn else "codes_of_cloud", known_codes)
    items = [item.id for item in project.catalogue.items("airplane")]
    name = items[-1]
    if drawn:
        points = surface_points(load_geometry(project.geometry_path(name)).surface, 256, np.random.default_rng(0))
        (name,) = keep_clouds(project, [points], "an aeroplane")
    found = finished(SplitJob(shapes=(name,), model="train-0001", heal=False), project)
    rows = ended(gather(found["run"], "", project, Workspace(project.folder, torch.device("cpu"))))
    first = next(i for i, mark in enumerate(rows.marks) if mark == TRAIN)
    assert rows.names[int(np.flatnonzero(rows.own)[0])] == found["shapes"][0] and rows.own.sum() == 1
    assert (rows.latent[rows.own] == rows.latent[first]).all()
    protocol = ProtocolSettings(points=64, part_points=32, emd_points=0, resamples=2, grid=32)
    job = EvaluateJob(names=(found["run"],), against=tuple(items[:2]), protocol=protocol)
    subjects = subjects_of(job, project)
    assert subjects.fit == "fit-0001" and set(subjects.categories.values()) == {"airplane"}
    folder = project.run_folder(finished(job, project)["run"])
    fitted = hash_of_file(project.run_folder("fit-0001") / "representation.safetensors")
    assert read_evaluation(folder / RESULT).hashes["representation"] == fitted
