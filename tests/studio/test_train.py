"""The Train panel by clicks: what stands in the way, the jobs that it makes, the gate, times, curves, the way to Make."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox
from pytestqt.qtbot import QtBot

from engine.footprint import Footprint
from engine.jobs import FitJob, RenameJob, TrainJob
from engine.methods import NAMES, preset
from engine.project import Project
from engine.protocol import Metric, Saved
from engine.storage import write_json
from studio.models.history import History
from studio.models.make import Make
from studio.models.train import Train
from studio.models.train_methods import METHODS, PRESETS
from studio.models.train_runs import Cost, read_runs
from studio.palette import DARK, LIGHT
from studio.panels import PANELS
from studio.theme import Theme
from studio.views.form import FormView
from studio.views.train import TrainProgress, TrainView
from studio.views.train_step import time_words
from tests.studio.conftest import Desk, settle
from tests.studio.train_project import TINY, Written, add_fit, add_training, item

LEFT = Qt.MouseButton.LeftButton
WHY = "IoU 0.500 is under 0.85"


class Panel(Written):
    """The panel of a project, on screen."""

    def __init__(self, folder: Path, qtbot: QtBot) -> None:
        super().__init__(folder)
        self.model = self.opened.model(Train)
        self.view = TrainView(self.opened, FormView)
        qtbot.addWidget(self.view)
        self.view.resize(360, 900)
        self.view.show()
        settle(qtbot, lambda: self.model.ready and self.model.bring.ready, 30)


@pytest.fixture
def make_panel(tmp_path: Path, qtbot: QtBot) -> Iterator[Callable[..., Panel]]:
    """Makes the panel of a project with so many chairs, of which each fourth is for tests; fitted and trained if asked."""
    panels: list[Panel] = []

    def make(items: int = 0, fitted: bool = False, trained: bool = False) -> Panel:
        with Project.create(tmp_path / "p") as project:
            rows = [item(i, split="test" if i % 4 == 3 else "train") for i in range(items)]
            project.catalogue.add_items(rows)
            if fitted or trained:
                fit = add_fit(project, {row.id: WHY if i == 1 else "" for i, row in enumerate(rows)})
            if trained:
                add_training(project, fit)
        panels.append(Panel(tmp_path / "p", qtbot))
        return panels[-1]

    yield make
    for panel in panels:
        panel.close()


def opened_steps(view: TrainView) -> list[int]:
    return [step.number for step in view.steps if step.open]


def test_every_method_and_preset_can_be_chosen() -> None:
    assert set(METHODS) == set(PRESETS) == set(NAMES)
    for method, presets in PRESETS.items():
        for name in presets:
            assert preset(method, name)


def test_an_empty_project_says_what_stands_in_the_way(make_panel: Callable[..., Panel], qtbot: QtBot) -> None:
    panel = make_panel()
    view = panel.view
    assert opened_steps(view) == [1]
    for step, words in ((view.fit, "Bring shapes in first."), (view.train, "Fit the"), (view.draw, "Train a model")):
        qtbot.mouseClick(step.heading, LEFT)
        assert step.open and step.hint.text().startswith(words)
        assert not step.go.isEnabled()
    qtbot.mouseClick(view.bring.make, LEFT)
    assert len(panel.jobs) == 1


def test_fit(make_panel: Callable[..., Panel], qtbot: QtBot) -> None:
    panel = make_panel(items=4)
    fit = panel.view.fit
    assert opened_steps(panel.view) == [2] and "copies" in fit.hint.text()
    assert "unknown" in fit.time.text().lower(), "nothing has run that could tell"
    qtbot.keyClick(fit.method, Qt.Key.Key_Down)  # semantic
    assert panel.model.method == "semantic" and fit.preset.count() == 2
    qtbot.mouseClick(fit.more, LEFT)
    form = fit.findChild(FormView)
    assert form is not None and form.isVisible()
    assert form.form is panel.model.fit_form and "fit.steps" in form.rows and "train.steps" not in form.rows
    qtbot.keyClick(fit.method, Qt.Key.Key_Up)
    panel.model.fit_form.put("fit.steps", 77)
    qtbot.mouseClick(fit.go, LEFT)
    (job,) = panel.jobs
    assert isinstance(job, FitJob)
    assert job.settings == replace(TINY, fit=replace(TINY.fit, steps=77)) and not job.items and not job.category


def test_a_wrong_setting_stands_in_the_way(make_panel: Callable[..., Panel]) -> None:
    panel = make_panel(items=4)
    panel.model.fit_form.put("fit.steps", 0)
    assert not panel.view.fit.go.isEnabled() and "More" in panel.view.fit.hint.text()


def colour_of_first(panel: Panel) -> str:
    row = panel.view.fit.gate.topLevelItem(0)
    assert row is not None
    return row.foreground(1).color().name()


def test_the_gate_shows_what_was_set_aside_and_why(
    make_panel: Callable[..., Panel], qtbot: QtBot, qapp: QApplication
) -> None:
    panel = make_panel(items=6, fitted=True)
    fit = panel.view.fit
    assert opened_steps(panel.view) == [3] and fit.words.text() == "5 fitted, 1 set aside"
    qtbot.mouseClick(fit.heading, LEFT)
    first = fit.gate.topLevelItem(0)
    assert first is not None and WHY in first.text(0) and first.text(1) == "0.500"
    rest = [float(row.text(1)) for i in range(1, 6) if (row := fit.gate.topLevelItem(i))]
    assert rest == sorted(rest) and len(rest) == 5
    theme = Theme(qapp, "dark")
    for wanted in (LIGHT.warn, DARK.warn):
        theme.choose("light" if wanted == LIGHT.warn else "dark")
        settle(qtbot, lambda: colour_of_first(panel) == wanted, 10)  # noqa: B023 it is asked at once
    first = fit.gate.topLevelItem(0)
    assert first is not None
    qtbot.mouseClick(fit.gate.viewport(), LEFT, pos=fit.gate.visualItemRect(first).center())
    aside = panel.model.runs.fits[0].set_aside[0]
    assert (panel.opened.current.shape, panel.opened.current.beside) == (aside.id, aside.item)


def test_what_is_not_ticked_is_not_learned(make_panel: Callable[..., Panel], qtbot: QtBot) -> None:
    """A click on a tick leaves a shape out of the job, Undo takes it in again; a project remembers it."""
    panel = make_panel(items=6, fitted=True)
    fit, gate = panel.view.fit, panel.view.fit.gate
    fit.unfold(True)
    aside, worst = gate.topLevelItem(0), gate.topLevelItem(1)
    assert aside is not None and worst is not None
    assert aside.data(0, Qt.ItemDataRole.CheckStateRole) is None, "what did not pass cannot be ticked"
    box = gate.visualItemRect(worst)
    qtbot.mouseClick(gate.viewport(), LEFT, pos=box.topLeft() + QPoint(10, box.height() // 2))
    assert worst.checkState(0) == Qt.CheckState.Unchecked and fit.words.text().endswith("1 left out")
    qtbot.mouseClick(panel.view.train.go, LEFT)
    panel.opened.history.undo()
    assert worst.checkState(0) == Qt.CheckState.Checked
    qtbot.mouseClick(panel.view.train.go, LEFT)
    panel.opened.history.redo()
    first, second = panel.jobs
    assert isinstance(first, TrainJob) and isinstance(second, TrainJob)
    assert first.without == (worst.data(0, Qt.ItemDataRole.UserRole).item,) and not second.without
    assert History(panel.opened.project.catalogue).last("left out") == {"fits": {first.fit: [*first.without]}}
    for shape in panel.model.runs.fits[0].accepted[1:]:
        panel.model.leave_out(shape, True)
    assert "tick some more" in panel.view.train.hint.text() and not panel.view.train.go.isEnabled()


def test_train_changes_only_what_a_training_may(make_panel: Callable[..., Panel], qtbot: QtBot) -> None:
    panel = make_panel(items=6, fitted=True)
    train = panel.view.train
    train.steps.setFocus()
    train.steps.selectAll()
    qtbot.keyClicks(train.steps, "123")
    qtbot.keyClick(train.steps, Qt.Key.Key_Return)
    train.preview.setValue(50)
    qtbot.mouseClick(train.go, LEFT)
    (job,) = panel.jobs
    assert isinstance(job, TrainJob) and job.fit == panel.model.runs.fits[0].run and not job.fork
    assert job.settings == replace(TINY, train=replace(TINY.train, steps=123, preview_every=50))


def test_too_few_that_passed_stand_in_the_way(tmp_path: Path, qtbot: QtBot) -> None:
    with Project.create(tmp_path / "p") as project:
        project.catalogue.add_items([item(0), item(1), item(2, split="test")])
        add_fit(project, {item(0).id: "", item(1).id: WHY, item(2).id: ""})
    panel = Panel(tmp_path / "p", qtbot)
    assert panel.view.train.hint.text().startswith("1 of its shapes") and not panel.view.train.go.isEnabled()
    panel.close()


def test_longer_and_fork(make_panel: Callable[..., Panel], qtbot: QtBot) -> None:
    panel = make_panel(items=6, trained=True)
    train, run = panel.view.train, panel.model.runs.trainings[0].run
    qtbot.mouseClick(train.heading, LEFT)
    train.further.setValue(2000)
    assert "About 10 s" in train.longer_time.text(), "4,000 steps took 20 s"
    qtbot.mouseClick(train.fork, LEFT)
    qtbot.mouseClick(train.longer, LEFT)
    fork, longer = panel.jobs
    assert isinstance(fork, TrainJob) and fork.fork == run and fork.run != run
    assert isinstance(longer, TrainJob) and longer.run == run and longer.settings.train.steps == 6000


def test_times_are_those_of_earlier_runs(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        project.catalogue.add_items([item(i) for i in range(5)])
        names = [item(i).id for i in range(3)]
        for seconds in (50, 60, 500):  # the middle one counts
            fit = add_fit(project, dict.fromkeys(names, ""), seconds)
        trained = add_training(project, fit, seconds=20)
        write_json(project.run_folder(trained) / "memory.json", Footprint(1_500_000_000))
        broken = add_fit(project, dict.fromkeys(names, ""), 9_000)
        log = project.run_folder(broken) / "events.jsonl"
        log.write_bytes(2 * log.read_bytes())  # started twice: nobody knows how long it rested
    speeds = read_runs(tmp_path / "p", {}).speeds
    assert speeds.fit(TINY, 3, 2).seconds == pytest.approx(60, rel=1e-3)
    half = replace(TINY, fit=replace(TINY.fit, steps=TINY.fit.steps // 2), seed=4)
    assert speeds.fit(half, 3, 2).seconds == pytest.approx(30, rel=1e-3)
    assert speeds.fit(replace(TINY, fit=replace(TINY.fit, points=999)), 3, 2) == Cost()
    assert speeds.fit(preset("semantic", "tiny"), 3, 2) == Cost()
    assert speeds.train(TINY, 400).seconds == pytest.approx(2) and speeds.train(TINY, 400).memory == 1_500_000_000
    assert speeds.fit(TINY, 3, 2).memory is None
    assert time_words(*speeds.train(TINY, 400)).startswith("About 2 s and 1.5 GB of memory")
    assert speeds.samples("chair", 10) == pytest.approx(20) and speeds.samples("lamp", 10) is None
    assert speeds.draw("train-0001", 3) is None


def test_what_a_fit_takes_beside_its_steps_does_not_grow_with_them(tmp_path: Path) -> None:
    """60 s, of which the steps took 20: twice the steps take 80 s, twice the shapes 100."""
    with Project.create(tmp_path / "p") as project:
        project.catalogue.add_items([item(i) for i in range(3)])
        fit = add_fit(project, {item(i).id: "" for i in range(3)}, 60)
        log = project.run_folder(fit) / "events.jsonl"
        began, steps = msgspec.json.decode(log.read_bytes())["at"], TINY.fit.steps
        for at, step in ((10, 0.5 * steps), (20, steps), (25, 50), (50, 1500)):
            event = {"type": "metric", "name": "loss", "step": int(step), "value": 1.0}
            log.write_bytes(log.read_bytes() + msgspec.json.encode({"at": began + at, "event": event}) + b"\n")
    speeds = read_runs(tmp_path / "p", {}).speeds
    twice = replace(TINY, fit=replace(TINY.fit, steps=2 * TINY.fit.steps))
    assert speeds.fit(TINY, 3, 2).seconds == pytest.approx(60, rel=1e-3)
    assert speeds.fit(twice, 3, 2).seconds == pytest.approx(80, rel=1e-3)
    assert speeds.fit(TINY, 6, 2).seconds == pytest.approx(100, rel=1e-3)


def test_curves_and_previews_live(make_panel: Callable[..., Panel], qtbot: QtBot, tmp_path: Path) -> None:
    panel = make_panel(items=6, trained=True)
    run = panel.model.runs.trainings[0].run
    made: list[object] = []

    def plot(curves: object) -> TrainView:
        made.append(curves)
        return TrainView(panel.opened, FormView)

    progress = TrainProgress(panel.opened, plot)
    qtbot.addWidget(progress)
    assert not made, "what draws curves is loaded when they are first shown"
    progress.show()
    settle(qtbot, lambda: bool(made), 10)
    assert not progress.strip.isVisible()
    for step in (100, 200):
        panel.opened.session.said.emit(run, Metric(name="loss", step=step, value=1 / step))
        path = tmp_path / f"step-{step:09d}.png"
        Image.new("RGB", (80, 20)).save(path)
        panel.opened.session.said.emit(run, Saved(kind="preview", path=str(path)))
    series = panel.model.curves.series(run, "loss")
    assert series is not None and series.steps.tolist() == [100, 200]
    assert progress.strip.isVisible() and progress.words.text() == "Samples after 200 steps"
    progress.which.setFocus()
    qtbot.keyClick(progress.which, Qt.Key.Key_Left)
    assert progress.words.text() == "Samples after 100 steps"


def test_rename_a_part_and_make_one_of_two(make_panel: Callable[..., Panel], qtbot: QtBot) -> None:
    panel = make_panel(items=4)
    bring = panel.view.bring
    qtbot.mouseClick(bring.heading, LEFT)
    qtbot.keyClicks(bring.new, "bench")
    assert bring.rename.text() == "Rename" and not bring.merging.isVisible()
    qtbot.mouseClick(bring.rename, LEFT)
    qtbot.keyClicks(bring.new, "leg")
    assert bring.rename.text() == "Merge" and "cannot be undone" in bring.merging.text()
    qtbot.mouseClick(bring.rename, LEFT)
    assert [(job.old, job.new, job.merge) for job in panel.jobs if isinstance(job, RenameJob)] == [
        ("seat", "bench", False),
        ("seat", "leg", True),
    ]


def test_controls_have_names(make_panel: Callable[..., Panel]) -> None:
    view = make_panel(items=4, trained=True).view
    for widget in [*view.findChildren(QComboBox), *view.findChildren(QAbstractSpinBox)]:
        assert widget.accessibleName()


def test_from_train_to_make_in_the_window(desk: Desk, qtbot: QtBot) -> None:
    assert {"train", "curves"} <= {panel.name for panel in PANELS}
    with Project(desk.opened.folder) as project:
        project.catalogue.add_items([item(i) for i in range(4)])
        run = add_training(project, add_fit(project, {item(i).id: "" for i in range(4)}))
    tabs = desk.window.tabs
    place = next(i for i in range(tabs.count()) if tabs.tabText(i) == "Train")
    qtbot.mouseClick(tabs, LEFT, pos=tabs.tabRect(place).center())
    view, train = desk.window.findChild(TrainView), desk.opened.model(Train)
    assert view is not None and view.isVisible()
    desk.opened.library.refresh()
    settle(qtbot, lambda: train.model is not None, 30)
    assert opened_steps(view) == [4]
    qtbot.mouseClick(view.draw.go, LEFT)
    source = desk.opened.model(Make).source
    assert source is not None and source.name == run
    assert tabs.tabText(tabs.currentIndex()) == "Make" and not view.isVisible()
