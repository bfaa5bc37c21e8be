"""From the words of a person to shapes: a model of toys, trained and asked through jobs and the command line."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from engine import Project
from engine.__main__ import cli
from engine.checkpoint import read_about, save_model
from engine.errors import InputError
from engine.jobs import GenerateJob, Job, TrainJob
from engine.protocol import Stage
from engine.settings import DenoiserSettings, TrainSettings
from engine.shapes import read_model_about
from tests.hearing import finished
from tests.parts.projects import SETTINGS, keep_fit
from tests.test_healing import airplane

SHAPES = 24


def unseen(*_: Any) -> Stage[str]:
    """No picture of what was generated: what is looked at here are names."""
    yield from ()
    return ""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Aeroplanes, a third of them without wing, large ones and small ones, and a model that was told so."""
    with Project.create(tmp_path_factory.mktemp("asking") / "project") as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.generating.first_look", unseen)
        solids = {f"{seed}": airplane(seed) for seed in range(SHAPES)}
        for seed in range(0, SHAPES, 3):
            del solids[f"{seed}"]["wing"]
        keep_fit(made, "fit", solids)
        items = [
            msgspec.structs.replace(item, attributes={"size": "large" if i % 2 else "small"})
            for i, item in enumerate(made.catalogue.items())
        ]
        made.catalogue.add_items(items)
        settings = msgspec.structs.replace(
            SETTINGS,
            denoiser=DenoiserSettings(
                width=48, layers=2, heads=4, tokens="chunk", chunk=200, schedule="cosine", time="smooth", predict="v"
            ),
            train=TrainSettings(steps=700, lr=4e-3, warmup=20, ema=0.98, conditions="all"),
            sampler=msgspec.structs.replace(SETTINGS.sampler, steps=12),
        )
        finished(TrainJob(run="model", settings=settings, fit="fit"), made)
        plain = msgspec.structs.replace(settings.train, steps=1, conditions="none")
        finished(TrainJob(run="plain", settings=msgspec.structs.replace(settings, train=plain), fit="fit"), made)
        yield made


def having(project: Project, part: str, **asked: Any) -> int:
    shapes = finished(GenerateJob(model="model", count=32, whole=False, **asked), project, [])["shapes"]
    return sum(part in project.catalogue.shape(name).present for name in shapes)


def test_a_model_does_as_asked_and_says_what_it_can_be_asked(project: Project) -> None:
    about = read_model_about(project.run_folder("model") / "model.safetensors")
    assert about.conditions == {"part:wing": ("absent", "present"), "attribute:size": ("large", "small")}
    assert about.seen["airplane"]["part:body"] == ("present",)
    guided = ("sampler.guidance_scale=2",)
    lacking, free, there = (
        having(project, "wing", changes=guided, **asked)
        for asked in ({"without": ("wing",)}, {}, {"with_parts": ("wing",)})
    )
    assert lacking <= 3 and there >= 29 and lacking + 5 < free < there


def test_shapes_that_are_not_as_asked_are_counted_and_kept(project: Project) -> None:
    notes: list[str] = []
    job = GenerateJob(model="model", count=24, with_parts=("wing",), attributes={"size": "large"}, seed=3, whole=False)
    # asked for wings with a guidance that does not heed it
    result = finished(msgspec.structs.replace(job, changes=("sampler.guidance_scale=0",)), project, notes)
    lacking = [name for name in result["shapes"] if "wing" not in project.catalogue.shape(name).present]
    assert result["missed"] == [{"shape": name, "parts": ["wing"]} for name in lacking] and lacking
    assert any(f"{len(lacking)} of 24 shapes are not as asked: {len(lacking)} without wing" in note for note in notes)
    assert len(result["shapes"]) == 24


def test_a_job_says_all_that_was_asked_and_comes_back(project: Project) -> None:
    job = GenerateJob(
        model="model", count=1, with_parts=("wing",), without=("tail",), attributes={"size": "large"}, whole=False
    )
    assert msgspec.json.decode(msgspec.json.encode(job), type=Job) == job
    asked = msgspec.structs.replace(job, without=())
    run = finished(asked, project, [])["run"]
    assert project.job(run) == msgspec.structs.replace(asked, run=run)


def test_unknown_names_leave_no_run(project: Project) -> None:
    before = [row.id for row in project.catalogue.runs()]
    for job, said in (
        (GenerateJob(model="model", count=1, without=("wings",)), "did you mean wing"),
        (GenerateJob(model="model", count=1, attributes={"size": "huge"}), "large, small"),
        (GenerateJob(model="plain", count=1, with_parts=("wing",)), "trained without conditions"),
    ):
        with pytest.raises(InputError, match=said):
            finished(job, project)
    assert [row.id for row in project.catalogue.runs()] == before


def test_a_training_that_goes_on_is_told_the_same(project: Project) -> None:
    """What rows are told is settled when a run starts: later changes to items are for later trainings."""
    job = project.job("plain")
    assert isinstance(job, TrainJob)
    train = msgspec.structs.replace(job.settings.train, conditions="all")
    finished(TrainJob(run="told", settings=msgspec.structs.replace(job.settings, train=train), fit="fit"), project)
    kept = (project.run_folder("told") / "conditions.safetensors").read_bytes()
    was = project.catalogue.items()
    project.catalogue.add_items([msgspec.structs.replace(item, attributes={}) for item in was])
    longer = msgspec.structs.replace(job.settings, train=msgspec.structs.replace(train, steps=3))
    project.extend(TrainJob(run="told", settings=longer, fit="fit"))
    assert finished(project.job("told"), project)["steps"] == 3
    assert (project.run_folder("told") / "conditions.safetensors").read_bytes() == kept
    assert "attribute:size" in read_model_about(project.run_folder("told") / "model.safetensors").conditions
    project.catalogue.add_items(was)


def test_a_model_of_an_older_version_is_refused_in_one_line(project: Project) -> None:
    path = project.folder / "older.safetensors"
    about = read_about(project.run_folder("plain") / "model.safetensors")
    save_model(path, {}, about | {"conditions": {"category": 3}})
    with pytest.raises(InputError, match="train again if it is one of an older version"):
        read_model_about(path)


def test_the_command_line_asks(project: Project) -> None:
    start = ["generate", "--project", str(project.folder), "--model", "model", "--count", "2"]
    said = CliRunner().invoke(cli, [*start, "--without", "wing", "--attribute", "size=large", "--json"])
    assert said.exit_code == 0, said.output
    run = project.catalogue.runs("generate")[-1].id
    job = project.job(run)
    assert isinstance(job, GenerateJob) and job.without == ("wing",) and job.attributes == {"size": "large"}
    wrong = CliRunner().invoke(cli, [*start, "--attribute", "size"], standalone_mode=False)
    assert "name=value" in str(wrong.exception)
