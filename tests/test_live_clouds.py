"""Clouds in the live engine: points where others have surfaces, pictures, files; and kept as they were seen when stopped."""

from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from engine import run
from engine.errors import InputError
from engine.jobs import GenerateJob
from engine.live_answers import LiveAnswers
from engine.live_requests import Decode, File, Filed, Frames, Joints, Meshes, Mixture, Picture, Thumbnail, Tween
from engine.live_worker import Given
from engine.mailbox import Preview
from engine.project import Project
from engine.stages import ended
from engine.storage import read_tensors
from tests.clouds.projects import keep_cloud_model
from tests.hearing import finished


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, str]]:
    with Project.create(tmp_path_factory.mktemp("clouds") / "p") as project:
        model = keep_cloud_model(project)
        job = GenerateJob(model=model, count=2, changes=("sampler.points=50",), picture=False, run="made")
        finished(job, project)
        yield project, model


def rows(project: Project, name: str) -> np.ndarray:
    return read_tensors(project.run_folder(name) / "latents.safetensors")[0]["latent"]


def answer(project: Project, request: Decode | Thumbnail | File | Joints | Frames) -> Given:
    answers = LiveAnswers(project.folder)
    try:
        return ended(answers.answer(request))
    finally:
        answers.close()


def test_a_cloud_is_shown_by_its_points(drawn: tuple[Project, str]) -> None:
    project, _ = drawn
    given = answer(project, Decode(of=Mixture(base="made/0001")))
    assert isinstance(given.content, Meshes) and [piece.name for piece in given.content.pieces] == ["shape"]
    assert np.array_equal(given.arrays["points/shape"].ravel(), rows(project, "made")[1])


def test_a_cloud_has_a_picture_and_a_file(drawn: tuple[Project, str]) -> None:
    project, _ = drawn
    given = answer(project, Thumbnail(name="made/0000", size=64))
    assert isinstance(given.content, Picture)
    with Image.open(given.content.path) as picture:
        assert picture.size == (64, 64) and np.ptp(np.asarray(picture.convert("L"))) > 30
    file = answer(project, File(name="made/0000")).content
    assert isinstance(file, Filed) and Path(file.path).suffix == ".ply"
    assert len(trimesh.load(file.path).vertices) == 50  # type: ignore[attr-defined]


def test_what_a_cloud_has_not_is_said(drawn: tuple[Project, str]) -> None:
    project, _ = drawn
    with pytest.raises(InputError, match="no named parts"):
        answer(project, Joints(of=Mixture(base="made/0000")))
    with pytest.raises(InputError, match="in no order"):
        answer(project, Frames(of=Tween(shapes=("made/0000", "made/0001"))))


def test_clouds_are_kept_as_they_were_seen_when_stopped(drawn: tuple[Project, str]) -> None:
    project, model = drawn
    changes = ("sampler.points=50", "sampler.steps=10")
    job = GenerateJob(model=model, count=2, changes=changes, picture=False, previews=True, run="stopped")
    going = run(job, project)
    assert isinstance(going, Generator)
    seen: list[Preview] = []
    while len(seen) < 4:
        event = next(going)
        seen += [event] if isinstance(event, Preview) else []
    going.close()
    kept = rows(project, "stopped")
    assert np.allclose(kept.reshape(2, 50, 3).clip(-2, 2), seen[-1].arrays["points"], atol=2e-3)
    assert {shape.id for shape in project.catalogue.shapes() if shape.run == "stopped"} == {
        "stopped/0000",
        "stopped/0001",
    }
