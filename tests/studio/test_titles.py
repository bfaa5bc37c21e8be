"""The command that a job is copied as does the same job."""

import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.commands import models
from engine.commands.common import cli
from engine.datasets.marks import Painting
from engine.jobs import GenerateJob, PartsJob, RenameJob, SamplesJob
from engine.project import Project
from studio.models.titles import command_of, duration, title_of

JOBS = (
    GenerateJob(model="train-0001", count=12, seed=2**31 - 1),
    GenerateJob(model="train-0001", count=1, category="chair", without=("arm", "back rest"), with_parts=("leg",)),
    GenerateJob(model="train-0001", count=3, attributes={"legs": "star", "top": "it's round"}, device="cpu"),
    GenerateJob(model="train-0001", count=3, changes=("steps=11", "guidance_scale=2.5"), whole=False),
    GenerateJob(model="train-0002", count=2, changes=("prompt=a chair",), points=2048, refine="train-0003"),
)


@pytest.mark.parametrize("job", JOBS)
def test_a_copied_command_is_the_same_job(job: GenerateJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my chairs"
    Project.create(folder).close()
    found: list[Any] = []
    monkeypatch.setattr(models, "run_job", lambda options, job, project=None: found.append(job))
    words = shlex.split(command_of(job, folder))
    assert words[1:3] == ["-m", "engine"]
    cli(words[3:], standalone_mode=False)
    same = msgspec.structs.replace(found[0], picture=job.picture, run=job.run)
    assert same == job


def test_other_jobs_are_resumed_by_name(tmp_path: Path) -> None:
    job = SamplesJob(category="chair", count=2, run="samples-0007")
    assert shlex.split(command_of(job, tmp_path))[3:] == ["resume", "samples-0007", "--project", str(tmp_path)]


def test_words() -> None:
    assert title_of(PartsJob(painted=(Painting("a"),))) == "Paint parts on 1 shape"
    assert title_of(RenameJob(old="part 1", new="leg")) == "Rename part 1 to leg"
    assert title_of(GenerateJob(model="m", count=1, category="chair")) == "Generate 1 chair"
    assert [duration(seconds) for seconds in (0.2, 59, 90, 7_800)] == ["1 s", "59 s", "2 min", "2 h 10 min"]
