"""Fitting with a model by clicks: which models can, what is said, the job that it makes, and that its shapes mix."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from engine import shipped
from engine.jobs import FitJob, SamplesJob, TrainJob
from engine.methods import preset
from engine.project import Project
from engine.settings import override
from studio.models.make import Make
from studio.models.mix import Mix
from studio.models.mix_kin import Kin
from studio.models.offers import FIT, Offer, offers
from studio.models.task import Task
from studio.models.train import Train
from studio.models.train_with_model import NO_MODEL, TUNE, WAYS
from studio.views.form import FormView
from studio.views.train import TrainView
from tests.fields.test_basis_jobs import CHANGES
from tests.hearing import finished
from tests.studio.conftest import settle, write_model
from tests.studio.seen import clipped, unexplained
from tests.studio.train_project import TINY, Written, add_fit, add_training, item

LEFT = Qt.MouseButton.LeftButton


class Panel(Written):
    """Step 2 of the panel of a project, on screen."""

    def __init__(self, folder: Path, qtbot: QtBot) -> None:
        super().__init__(folder)
        self.model = self.opened.model(Train)
        self.view = TrainView(self.opened, FormView)
        qtbot.addWidget(self.view)
        self.view.resize(360, 900)
        self.view.show()
        settle(qtbot, lambda: self.model.ready and self.model.bring.ready and bool(self.opened.library.cards), 30)
        self.view.fit.unfold(True)


def choose(qtbot: QtBot, box: QComboBox, data: object) -> None:
    """By keys, as a person does."""
    box.setFocus()
    while box.currentData() != data:
        before = box.currentIndex()
        qtbot.keyClick(box, Qt.Key.Key_Down if before < box.findData(data) else Qt.Key.Key_Up)
        assert box.currentIndex() != before


def seen(panel: Panel) -> list[bool]:
    fit = panel.view.fit
    return [widget.isVisible() for widget in (fit.model, fit.way, fit.about_way, fit.preset, fit.more, fit.mix)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with four chairs, and a model of one network per shape that takes no new ones; nothing is shipped."""
    monkeypatch.setenv(shipped.ELSEWHERE, str(tmp_path / "none"))
    with Project.create(tmp_path / "p") as project:
        project.catalogue.add_items([item(i, parts=() if i == 0 else ("seat", "leg")) for i in range(4)])
    yield tmp_path / "p"


def test_the_way_for_shapes_of_ones_own(folder: Path, qtbot: QtBot) -> None:
    with Project(folder) as project:
        run = add_training(project, add_fit(project, {item(1).id: ""}))
    panel = Panel(folder, qtbot)
    fit = panel.view.fit
    assert seen(panel) == [False, False, False, True, True, False]
    choose(qtbot, fit.method, "")
    assert seen(panel) == [True, True, True, False, False, False]
    assert [fit.model.itemData(i) for i in range(fit.model.count())] == [run] and fit.go.text() == "Fit 4 shapes"
    assert "1 without named parts get those of" in fit.hint.text() and "mix with all other" in fit.about_way.text()
    qtbot.mouseClick(fit.go, LEFT)
    choose(qtbot, fit.way, TUNE)
    assert "one another" in fit.about_way.text()
    qtbot.mouseClick(fit.go, LEFT)
    plain, tuned = panel.jobs
    assert plain == FitJob(settings=TINY, model=run, run=plain.run, device=plain.device)
    assert tuned == replace(plain, fine_tune=TUNE, run=tuned.run)
    choose(qtbot, fit.method, "basis")
    assert seen(panel)[:5] == [False, False, False, True, True]
    panel.close()


def test_without_a_model_it_says_what_to_do(folder: Path, qtbot: QtBot) -> None:
    panel = Panel(folder, qtbot)
    choose(qtbot, panel.view.fit.method, "")
    assert panel.view.fit.hint.text() == NO_MODEL and not panel.view.fit.go.isEnabled()
    assert offers(panel.opened, [item(0).id]) and offered(panel, [item(0).id]) is None
    with Project(folder) as project:
        run = project.catalogue.new_run("train", "basis")
        write_model(project.run_folder(run) / "model.safetensors")
        project.catalogue.end_run(run, "finished")
    panel.opened.model(Make).refresh()
    assert panel.view.fit.go.isEnabled()
    assert panel.model.with_model.source([]) is not None and offered(panel, [item(0).id]) is not None
    panel.close()


def test_a_model_of_something_else_is_told_of(folder: Path, qtbot: QtBot) -> None:
    with Project(folder) as project:
        project.catalogue.add_items([item(9, id="boat", category="boat")])
        add_training(project, add_fit(project, {item(1).id: ""}))
    panel = Panel(folder, qtbot)
    choose(qtbot, panel.view.fit.method, "")
    assert "knows chair, but no boat" in panel.view.fit.hint.text()
    choose(qtbot, panel.view.fit.category, "chair")
    assert "boat" not in panel.view.fit.hint.text()
    panel.close()


def offered(panel: Panel, names: list[str]) -> Offer | None:
    found = (offer for group in offers(panel.opened, names) for offer in group if offer.text.startswith(FIT))
    return next(found, None)


def test_meshes_of_the_library_become_shapes_that_mix(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way with a real model, by the menu of cards: what comes is shown, and is of one kin with the model's."""
    quick = ["fit.steps=2", "fit.code_steps=1", "train.steps=2", "fit.accept=0", "fit.accept_part=0"]
    settings = override(preset("basis", "tiny"), [*CHANGES, *quick])
    with Project.create(tmp_path / "p") as project:
        made = [one["id"] for one in finished(SamplesJob(category="mug", count=4, seed=1), project)["items"]]
        fit = finished(FitJob(settings=settings, items=tuple(made[:3])), project)["run"]
        model = finished(TrainJob(settings=settings, fit=fit), project)["run"]
    panel = Panel(tmp_path / "p", qtbot)
    offer = offered(panel, [made[3]])
    assert offer is not None and not offered(panel, [f"{fit}/{made[0]}"]), "it is for meshes, not for shapes"
    own = next((line for line in offer.lines if line.text.endswith(f"({model})")), offer)
    assert own.work is not None and own.work()
    (job,) = panel.jobs
    assert isinstance(job, FitJob) and job.items == (made[3],) and job.model == model and not job.fine_tune
    with Project(tmp_path / "p") as project:
        result = finished(job, project)
    (shape,) = [one["id"] for one in result["shapes"]]
    task = Task(job, state="finished", result=result)
    monkeypatch.setattr(panel.opened.queue, "task", lambda run: task)
    panel.opened.queue.ended.emit(job.run)
    panel.opened.library.refresh()
    settle(qtbot, lambda: panel.opened.current.shape == shape, 30)
    assert panel.opened.current.chosen == (shape,)
    kin = Kin(panel.opened.project)
    assert kin.root(job.run) == kin.root(model) == fit
    panel.model.refresh()
    settle(qtbot, lambda: len(panel.model.runs.fits) == 2 and panel.view.fit.mix.isVisible(), 30)
    assert [step.number for step in panel.view.steps if step.open] == [2], "what comes next is to mix them"
    fits = panel.view.fit.fits
    told = [fits.itemText(i).endswith("with a model") for i in range(fits.count())]
    assert told == [True, False] and fits.currentIndex() == 0
    qtbot.mouseClick(panel.view.fit.mix, LEFT)
    base = panel.opened.model(Mix).base
    assert base is not None and base.name == shape
    panel.close()


def test_nothing_is_cut_off_and_all_is_explained(folder: Path, qtbot: QtBot) -> None:
    with Project(folder) as project:
        add_training(project, add_fit(project, {item(1).id: ""}))
    panel = Panel(folder, qtbot)
    choose(qtbot, panel.view.fit.method, "")
    for way in WAYS:
        choose(qtbot, panel.view.fit.way, way)
        settle(qtbot, lambda: not clipped(panel.view), 10)
    assert not unexplained(panel.view)
    panel.close()
