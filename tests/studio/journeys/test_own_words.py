"""Clouds from words by one's own model, from the window alone: fitted, trained, and asked for with a prompt."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QSpinBox

from engine.jobs import SamplesJob
from engine.project import Project
from studio.models.opened import ENGINES
from studio.models.preferences import Preferences
from studio.views.form import FormView
from studio.views.library import LibraryView
from studio.views.make import MakeView
from studio.views.train import TrainProgress, TrainView
from studio.views.view3d import View3D
from tests.hearing import finished
from tests.studio.conftest import Desk
from tests.studio.journeys.person import Person

COUNT = 6


@pytest.mark.slow
def test_own_model_of_clouds(make_desk: Callable[..., Desk], folder: Path, tmp_path: Path) -> None:
    with Project.create(tmp_path / "Chairs of mine") as project:
        finished(SamplesJob(category="chair", count=COUNT), project)
    Preferences(tmp_path / "preferences").used(tmp_path / "Chairs of mine")
    desk = make_desk(ENGINES)
    me = Person(desk.window, tmp_path / "pictures", "g own")
    me.press("Chairs of mine")
    me.turn_to("Train")
    library, train = me.sees(LibraryView), me.sees(TrainView)
    fit = train.fit
    if not fit.open:
        me.click(fit.heading)
    me.choose(me.sees(QComboBox, "Method", fit), "Clouds from words")
    me.press("More", fit)
    me.set_numbers(me.sees(FormView, within=fit), {"fit.points": 64})
    me.shoot("fit settings")
    me.press(f"Fit {COUNT} shapes")
    me.reads(f"{COUNT} fitted", 200)
    me.shoot("fitted")

    step = train.train
    if not step.open:
        me.click(step.heading)
    me.write(me.sees(QSpinBox, "Steps", step), "40")
    me.write(me.sees(QSpinBox, "Steps between previews", step), "20")
    me.click(step.go)
    me.wait(train.draw.go.isEnabled, 400, "a model")
    progress = me.sees(TrainProgress)
    me.wait(lambda: progress.picture.pixmap().width() > 50, 30, "previews of clouds")
    me.rest()
    me.shoot("trained")
    me.press("Draw shapes…")

    make = me.sees(MakeView)
    me.wait(make.prompt.isVisible, 20, "a line for words")
    me.write(make.count, "2")
    me.click(make.prompt.line)
    QTest.keyClicks(make.prompt.line, "a chair with four legs")
    me.keys(Qt.Key.Key_Return)
    me.turn_to("Shapes")
    me.wait(lambda: len(me.cards(library.list)) == COUNT + 2, 300, "two clouds beside those that were fitted")
    view = me.sees(View3D)
    me.wait(lambda: view.scene.active.startswith("generate") and view.scene.shapes[0].is_cloud, 60, "a cloud")
    me.rest(2500)
    me.shoot("generated")
    me.click_card(library.list, COUNT + 1)
    me.wait(lambda: view.scene.active.startswith("fit") and view.scene.shapes[0].is_cloud, 60, "a training cloud")
    me.rest(1500)
    me.shoot("a training cloud")
    assert not [one.text for one in desk.told if not one.note]
