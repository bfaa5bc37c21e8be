"""Turning shapes upright: what the view shows before anything is changed, and the job that is made of it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from engine.datasets.axes import Stated
from engine.datasets.procedural import make
from engine.datasets.turning import turned
from engine.geometry.file import save_geometry
from engine.jobs import ImportJob, TurnJob
from engine.project import Project
from studio.models.looking import Looking
from studio.models.queue import Task
from studio.models.train import Train
from studio.models.train_paint import Paint
from studio.models.train_turn import Turn
from studio.views.form import FormView
from studio.views.train import TrainView
from studio.views.train_turn import TurnBox
from tests.studio.conftest import settle
from tests.studio.train_project import Written, item

LEFT = Qt.MouseButton.LeftButton
CHAIR = item(0).id


class Lying(Written):
    """A chair that came in from a file with z up, two others that came with it, one that came later; and the panel."""

    def __init__(self, folder: Path, qtbot: QtBot) -> None:
        super().__init__(folder)
        self.scene = self.opened.model(Looking).scene
        self.panel = TrainView(self.opened, FormView)
        qtbot.addWidget(self.panel)
        self.panel.resize(360, 900)
        self.panel.show()
        model = self.opened.model(Train)
        settle(qtbot, lambda: model.ready and model.bring.ready and bool(self.opened.library.cards), 30)
        self.panel.bring.unfold(True)

    @property
    def box(self) -> TurnBox:
        """What is looked at."""
        return self.panel.turn

    def bounds(self) -> np.ndarray:
        """(2, 3) of the chair as the view shows it."""
        points = []
        for part in self.scene.shape(CHAIR).parts:
            matrix = self.scene.matrix((CHAIR, part.name))
            points.append(part.vertices @ matrix[:3, :3].T + matrix[:3, 3])
        return np.stack([np.concatenate(points).min(0), np.concatenate(points).max(0)])


@pytest.fixture
def lying(tmp_path: Path, qtbot: QtBot) -> Iterator[Lying]:
    with Project.create(tmp_path / "p") as project:
        rows = [item(i, kind="mesh") for i in range(4)]
        project.catalogue.add_items([*rows, item(4, verdict="refused", kind="mesh"), item(5)])
        for name, some in (("import-0001", rows[:3]), ("import-0002", rows[3:])):
            run = project.submit(ImportJob(paths=("x",), run=name)).run
            project.run_folder(run).joinpath("result.json").write_bytes(
                msgspec.json.encode({"items": [{"id": row.id} for row in some]})
            )
            project.catalogue.end_run(run, "finished")
        path = project.geometry_path(CHAIR)
        path.parent.mkdir(parents=True)
        save_geometry(path, turned(make("chair", 4).geometry, Stated("+z", "-y").turn.T))
    found = Lying(tmp_path / "p", qtbot)
    yield found
    found.close()


def choose(box: TurnBox, name: str, value: str) -> None:
    """As a person chooses in a list."""
    field = getattr(box, name)
    field.setCurrentIndex(field.findData(value))
    field.activated.emit(field.currentIndex())


def test_the_view_shows_it_before_it_is_turned(lying: Lying, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    box, stands = lying.box, make("chair", 4).geometry
    assert box.begin.isVisible() and not box.inside.isVisible()
    qtbot.mouseClick(box.begin, LEFT)
    settle(qtbot, lambda: bool(lying.scene.shapes), 20)
    assert lying.opened.current.shape == CHAIR and not box.go.isEnabled()
    before = lying.bounds()
    assert not np.allclose(before, stands.surface.bounds, atol=1e-3)
    choose(box, "up", "+z" if box.up.currentData() == "+y" else "+y")
    for _ in range(4):
        qtbot.mouseClick(box.tips[2], LEFT)  # once round
    assert box.front.currentData()[1] != box.up.currentData()[1]
    choose(box, "up", "+y")
    choose(box, "front", "+z")
    tipped = lying.bounds()
    qtbot.mouseClick(box.tips[0], LEFT)
    assert not np.allclose(lying.bounds(), tipped)
    up = [box.up.itemData(i) for i in range(6)]
    ways = [(u, f) for u in up for f in up if u[1] != f[1]]
    right = []
    for u, f in ways:
        choose(box, "up", u)
        choose(box, "front", f)
        if np.allclose(lying.bounds(), stands.surface.bounds, atol=1e-4):
            right.append((u, f))
    assert right, "one of the ways is as it should stand"
    choose(box, "up", right[0][0])
    choose(box, "front", right[0][1])
    qtbot.mouseClick(box.cancel, LEFT)
    assert np.allclose(lying.bounds(), before), "nothing was changed"


def test_one_or_the_whole_import(lying: Lying, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    box = lying.box
    qtbot.mouseClick(box.begin, LEFT)
    settle(qtbot, lambda: box.scope.count() == 3, 20)
    words = [box.scope.itemText(i) for i in range(3)]
    assert words == ["This shape", "All 3 that came in with it", "All 4 from files"]
    qtbot.mouseClick(box.tips[0], LEFT)
    axes = box.up.currentData(), box.front.currentData()
    choose(box, "scope", "import")
    assert box.go.text() == "Turn 3 shapes"
    qtbot.mouseClick(box.go, LEFT)
    (job,) = lying.jobs
    assert isinstance(job, TurnJob) and (job.up, job.front) == axes and job.items == tuple(item(i).id for i in range(3))
    assert not box.go.isEnabled() and "being turned" in box.hint.text()
    task = Task(job, state="failed")
    monkeypatch.setattr(lying.opened.queue, "task", lambda run: task)
    lying.opened.queue.ended.emit(job.run)
    assert box.go.isEnabled() and box.inside.isVisible(), "it can be tried again"
    qtbot.mouseClick(box.go, LEFT)
    task = Task(lying.jobs[-1], state="finished")
    lying.opened.queue.ended.emit(lying.jobs[-1].run)
    assert not box.inside.isVisible()


def test_one_does_not_paint_on_what_is_tipped(lying: Lying, qtbot: QtBot) -> None:
    """Painting ends where turning begins, and the other way round."""
    turn, paint = lying.opened.model(Turn), lying.opened.model(Paint)
    chair = next(row for row in lying.opened.model(Train).bring.items if row.id == CHAIR)
    found = []
    for begin in (turn.begin, lambda: paint.begin(chair, "chair"), turn.begin, lambda: paint.begin(chair, "chair")):
        begin()
        found.append((turn.item, paint.item))
    assert found == [(CHAIR, ""), ("", CHAIR)] * 2
    paint.ready = True
    lying.opened.queue.waiting.append(Task(TurnJob(run="t", items=(CHAIR,), up="+z", front="-y")))
    assert "being turned" in paint.obstacle
    lying.opened.queue.waiting.clear()
    assert "being turned" not in paint.obstacle


def test_looking_at_something_else_leaves_it_as_it_is(lying: Lying, qtbot: QtBot) -> None:
    qtbot.mouseClick(lying.box.begin, LEFT)
    lying.opened.current.show("")
    assert not lying.box.inside.isVisible() and not lying.jobs
