"""The training shapes that shapes of a model trained in the project are nearest to, by latents that lie in its fit."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine import nearest
from engine.errors import DamagedFileError, InputError, StudioError
from engine.jobs import FitJob, TrainJob
from engine.latents import LatentFile, write_latents
from engine.layout import Layout, Slot
from engine.method import Encoded, Shapes
from engine.methods import preset
from engine.nearest import nearest_training
from engine.project import Project
from engine.protocol import Note
from engine.stages import ended

COUNT, SIZE = 12, 5
LAYOUT = Layout((Slot("x", (SIZE,), "x"),))
HELD_OUT = 3  # an item that was fitted, but is not learned from


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fit of a dozen items and a training on all of them but one."""
    made = Project.create(tmp_path / "p")
    settings = preset("basis", "tiny")
    fit = made.submit(FitJob(settings=settings)).run
    made.submit(TrainJob(settings=settings, fit=fit, run="train"))
    records = tuple(Encoded(f"item-{i}", 1.0, 0.0, "accepted", "", ("x",)) for i in range(COUNT))
    path = made.run_folder(fit) / "latents.safetensors"
    write_latents(
        path, rows(), np.ones((COUNT, 1), bool), np.zeros(COUNT, np.int64), LatentFile(LAYOUT, ("x",), records)
    )
    return made


def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(COUNT, SIZE)).astype(np.float32)


def told(project: Project, latents: np.ndarray, layout: Layout = LAYOUT) -> list[Any]:
    items = tuple(f"item-{i}" for i in range(COUNT) if i != HELD_OUT)
    model: Any = SimpleNamespace(name="train", about=SimpleNamespace(items=items, layout=layout))
    ids = [f"new/{i:04d}" for i in range(len(latents))]
    return ended(nearest_training(model, ids, Shapes(torch.from_numpy(latents)), project))


def test_a_copy_is_told_of_what_was_learned_and_not_of_what_was_only_fitted(project: Project) -> None:
    found = told(project, rows())
    assert [one.shape for one in found] == [f"new/{i:04d}" for i in range(COUNT)]
    for i, one in enumerate(found):
        if i == HELD_OUT:
            assert one.nearest != f"fit-0001/item-{i}"
        else:
            assert (one.nearest, one.percentile) == (f"fit-0001/item-{i}", 0.0)


def test_what_is_far_from_all_is_new(project: Project) -> None:
    (found,) = told(project, np.full((1, SIZE), 50, np.float32))
    assert found.percentile == 100.0


def test_of_many_training_shapes_some_are_compared(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "MOST", 4.0**2 * SIZE)
    known = {one.nearest for one in told(project, np.random.default_rng(1).normal(size=(60, SIZE)).astype(np.float32))}
    assert 2 <= len(known) <= 4


def test_where_latents_have_another_meaning_nothing_is_told(project: Project) -> None:
    assert told(project, rows(), Layout((Slot("y", (SIZE,), "x"),))) == []


def test_damaged_latents_of_the_fit_do_not_fail_the_generation(project: Project) -> None:
    (project.run_folder("fit-0001") / "latents.safetensors").write_bytes((8).to_bytes(8, "little") + b"no latents")
    assert told(project, rows()) == []


@pytest.mark.parametrize("error", [DamagedFileError("known is damaged"), InputError("no such model")])
def test_what_a_shipped_model_knows_does_not_fail_the_generation(
    project: Project, monkeypatch: pytest.MonkeyPatch, error: StudioError
) -> None:
    def broken(*_: object) -> str:
        raise error

    monkeypatch.setattr(nearest, "keep_version", broken)
    stage = nearest_training(SimpleNamespace(name="shipped:chair"), [], None, project)  # type: ignore[arg-type]
    note = next(stage)
    assert isinstance(note, Note) and note.warning and str(error) in note.text
    with pytest.raises(StopIteration) as end:
        next(stage)
    assert end.value.value == []
