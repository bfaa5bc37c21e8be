"""Items that a person leaves out of a training, although their fit is good."""

from pathlib import Path

import msgspec
import pytest

from engine import methods
from engine.errors import InputError
from engine.jobs import FitJob, SamplesJob, TrainJob
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.project import Project
from engine.settings import TrainSettings
from tests.hearing import finished
from tests.test_method import TwoStageMethod


def test_an_item_that_is_left_out_is_not_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row is not among those that batches are made of; it stays fitted. What was never fitted cannot be left out."""
    monkeypatch.setattr(methods, "load", lambda settings: TwoStageMethod())
    train = TrainSettings(steps=4, batch=4, lr=1e-3, ema=0.0, warmup=1, check_every=2, save_every=4, weight_decay=0.0)
    settings = HyperdiffusionSettings(train=train)
    with Project.create(tmp_path / "p") as project:
        finished(SamplesJob(category="airplane", count=6, seed=1), project)
        fit = finished(FitJob(settings=settings), project)["run"]
        learned = []
        items = [shape.item for shape in project.catalogue.shapes(fit)]
        for without in ((), tuple(items[:1])):
            run = finished(TrainJob(settings=settings, fit=fit, without=without), project)["run"]
            learned.append(msgspec.json.decode((project.run_folder(run) / "rows.json").read_bytes()))
        with pytest.raises(InputError, match="need not be left out"):
            finished(TrainJob(settings=settings, fit=fit, without=("nothing",)), project)
        assert len(project.catalogue.shapes(fit)) == 6
    assert 0 in learned[0] and learned[1] == learned[0][1:]
