"""Items fitted with a model that is there: by codes alone they are shapes of it, fine-tuned they are of another one."""

import re
from pathlib import Path

import msgspec
import pytest
import torch

from engine import Project, methods, run
from engine.basis.frames import NUMBERS
from engine.errors import InputError
from engine.fitting import refusals, unknown_parts
from engine.jobs import ExportJob, FitJob, GenerateJob, MixJob, RenameJob, SamplesJob, TrainJob
from engine.joining import fit_behind
from engine.latents import Latents
from engine.methods import MethodSettings
from engine.protocol import Note
from engine.settings import ExportOptions, override
from tests.bench._real_parts import bring
from tests.fields.test_basis_jobs import CHANGES
from tests.hearing import finished

CODE = 6  # numbers of a code, as CHANGES say
TIME = 10.0  # CPU seconds for the codes of a new mesh


@pytest.fixture(scope="module")
def settings() -> MethodSettings:
    return override(methods.preset("basis", "tiny"), [*CHANGES, "fit.most_shapes=4"])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, settings: MethodSettings) -> Project:
    """A model of four aeroplanes, two shapes drawn from it, and two aeroplanes that it does not know."""
    torch.set_num_threads(1)
    made = Project.create(tmp_path_factory.mktemp("newfit") / "p")
    finished(SamplesJob(category="airplane", count=4), made)
    finished(FitJob(settings=settings), made)
    finished(TrainJob(settings=settings, fit="fit-0001"), made)
    finished(GenerateJob(model="train-0001", count=2, seed=1, picture=False, whole=False), made)
    finished(SamplesJob(category="airplane", count=2, seed=7), made)
    return made


def new_items(project: Project) -> list[str]:
    return [item.id for item in project.catalogue.items() if item.id.startswith("airplane-7")]


def mixes(project: Project, one: str, other: str, tmp_path: Path) -> bool:
    """Whether a mix of two shapes, its parts run into one another, is a closed surface."""
    part = sorted(set(project.catalogue.shape(one).present) & set(project.catalogue.shape(other).present))[0]
    mixed = finished(MixJob(base=one, parts={part: other}), project)
    options = ExportOptions(pieces="union", smooth=0.02)
    job = ExportJob(shapes=tuple(mixed["shapes"]), out=str(tmp_path), resolution=48, options=options)
    return bool(finished(job, project)["files"][0]["watertight"])


def test_new_items_become_shapes_of_a_model(project: Project, settings: MethodSettings, tmp_path: Path) -> None:
    """They cost time of their own, mix with generated shapes, and are of the training run as of its fit."""
    items = new_items(project)
    result = finished(FitJob(settings=settings, items=tuple(items), model="train-0001"), project)
    assert [shape["id"].partition("/")[2] for shape in result["shapes"]] == items
    assert all(0 < shape["cpu_s"] < TIME and shape["iou"] > 0.2 for shape in result["shapes"])
    assert mixes(project, "generate-0001/0000", result["shapes"][0]["id"], tmp_path)
    again = finished(FitJob(settings=settings, items=(items[0],), model="fit-0001"), project)
    assert again["shapes"][0]["iou"] == result["shapes"][0]["iou"]
    rows = [project.catalogue.shape(one["shapes"][0]["id"]) for one in (result, again)]
    assert [fit_behind(row, project) for row in rows] == ["fit-0001", "fit-0001"]  # by which their joints are told


def test_fine_tuned_shapes_are_nearer_and_of_another_model(project: Project, settings: MethodSettings) -> None:
    items = tuple(new_items(project))
    alone = finished(FitJob(settings=settings, items=items, model="fit-0001"), project)
    job = FitJob(settings=settings, items=items, model="fit-0001", fine_tune=60)
    *events, last = run(job, project)
    tuned = last.result  # type: ignore[union-attr]
    for before, after in zip(alone["shapes"], tuned["shapes"], strict=True):
        assert after["iou"] > before["iou"]
    paths = [project.run_folder(one["run"]) / "latents.safetensors" for one in (alone, tuned)]
    rows = [Latents(path).numbers[0].reshape(len(items), -1, 1 + NUMBERS + CODE) for path in paths]
    frames, codes = slice(1, 1 + NUMBERS), slice(1 + NUMBERS, None)
    assert (rows[0][..., frames] == rows[1][..., frames]).all() and (rows[0][..., codes] != rows[1][..., codes]).any()
    assert any(isinstance(event, Note) and "not with those of fit-0001" in event.text for event in events)
    assert fit_behind(project.catalogue.shape(tuned["shapes"][0]["id"]), project) == tuned["run"]
    with pytest.raises(InputError, match="different models"):
        part = project.catalogue.shape("generate-0001/0000").present[0]
        finished(MixJob(base=tuned["shapes"][0]["id"], parts={part: "generate-0001/0000"}), project)


def test_names_that_do_not_fit_are_told_with_those_that_do(project: Project, settings: MethodSettings) -> None:
    item = project.catalogue.item(new_items(project)[0])
    known = ("body", "wing", "tail", "engine")
    some = msgspec.structs.replace(item, parts=("body", "gear"))
    assert unknown_parts([some], known) == {item.id: ["gear"]} and unknown_parts([item], known) == {}
    for parts, words in {(): "no named parts", ("rotor", "fin"): "rotor, fin.*body, wing, tail, engine"}.items():
        (reason,) = refusals([msgspec.structs.replace(item, parts=parts), item], known).values()
        assert re.search(words, reason)
    with pytest.raises(InputError, match="only seed and fit"):
        other = override(settings, ["local.skew=false"])
        finished(FitJob(settings=other, items=(item.id,), model="fit-0001"), project)
    with pytest.raises(InputError, match="starts from a model"):
        finished(FitJob(settings=settings, fine_tune=5), project)


def test_an_item_without_a_part_of_the_model_is_refused_and_the_others_go_on(
    project: Project, settings: MethodSettings
) -> None:
    good, other = new_items(project)
    finished(RenameJob(old="body", new="hull", items=(other,)), project)
    for part in set(project.catalogue.item(other).parts) - {"hull"}:
        finished(RenameJob(old=part, new=f"the {part}", items=(other,)), project)
    result = finished(FitJob(settings=settings, items=(other, good), model="fit-0001"), project)
    assert [shape["id"].partition("/")[2] for shape in result["shapes"]] == [good]
    assert [one["id"] for one in result["refused"]] == [other] and "hull" in result["refused"][0]["reason"]
    with pytest.raises(InputError, match="hull"):
        finished(FitJob(settings=settings, items=(other,), model="fit-0001"), project)


def test_a_real_aircraft_is_fitted_in_seconds_and_mixes(
    project: Project, settings: MethodSettings, tmp_path: Path, test_data: Path
) -> None:
    (item,) = bring(project, test_data, "airplane", 1)
    (shape,) = finished(FitJob(settings=settings, items=(item.id,), model="train-0001"), project)["shapes"]
    assert 0 < shape["cpu_s"] < TIME and shape["iou"] > 0.2
    assert mixes(project, "generate-0001/0000", shape["id"], tmp_path)
