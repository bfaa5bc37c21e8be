"""The first minute of a person, with the real engines: open a project, press Generate, find the shapes."""

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

import engine
from engine.jobs import FitJob, SamplesJob, TrainJob
from engine.project import Project
from engine.protocol import Finished
from engine.settings import override
from studio.models.make import Make
from studio.models.opened import ENGINES
from studio.views.gallery import GalleryView
from studio.views.make import MakeView
from tests.studio.conftest import Desk, settle
from tests.test_engine_process import SMALL


def make_project(folder: Path) -> None:
    """Six chairs and a model that learned next to nothing from them."""
    settings = override(SMALL, ["train.steps=5", "train.watch_every=0"])
    with Project.create(folder) as project:
        *_, last = engine.run(SamplesJob(category="chair", count=6), project)
        assert isinstance(last, Finished)
        fit = project.submit(FitJob(settings=settings))
        list(engine.run(fit, project))
        list(engine.run(TrainJob(settings=settings, fit=fit.run), project))


def test_the_first_shapes(make_desk: Callable[..., Desk], folder: Path, qtbot: QtBot, tmp_path: Path) -> None:
    make_project(tmp_path / "Real")
    desk = make_desk(ENGINES)
    began = time.monotonic()
    assert desk.projects.open(tmp_path / "Real")
    assert time.monotonic() - began < 3, "the window does not wait for its engines"
    settle(qtbot, lambda: len(desk.opened.library.cards) > 6)
    make, gallery = desk.window.findChild(MakeView), desk.window.findChild(GalleryView)
    assert make is not None and gallery is not None
    assert [source.name for source in desk.opened.model(Make).sources] == ["train-0001"]
    make.count.setValue(2)
    qtbot.mouseClick(make.go, Qt.MouseButton.LeftButton)
    settle(qtbot, lambda: bool(desk.opened.queue.done), 400)
    task = desk.opened.queue.done[0]
    assert task.state == "finished", task.text
    names = [f"{task.run}/{i:04d}" for i in range(2)]
    settle(qtbot, lambda: all(desk.opened.library.card(name) for name in names))  # read soon after the end of the task
    settle(qtbot, lambda: gallery.list.model().rowCount() == 2)
    with Project(tmp_path / "Real") as project:
        assert [shape.id for shape in project.catalogue.shapes(task.run)] == names
