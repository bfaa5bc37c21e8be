"""Painting parts by the mouse: strokes on a shape in the 3D view, what becomes of them, undo, and the job."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from engine.datasets.axes import Stated, state
from engine.datasets.marks import Mark, Painting
from engine.datasets.procedural import make
from engine.geometry.file import save_geometry
from engine.geometry.regions import Regions
from engine.jobs import PartsJob, TurnJob
from engine.live_client import Answer
from engine.live_painting import Canvases
from engine.live_protocol import Ask
from engine.live_requests import Paint as Asked
from engine.live_requests import Request
from engine.project import Project
from engine.storage import write_json
from studio.models.history import History
from studio.models.live import Then
from studio.models.looking import Looking, read_item
from studio.models.queue import Task
from studio.models.train import Train
from studio.models.train_paint import Paint
from studio.views.form import FormView
from studio.views.train import TrainView
from studio.views.view3d import View3D
from studio.views.view3d_brush import BrushTool
from tests.studio.conftest import settle
from tests.studio.train_project import Written, item

LEFT = Qt.MouseButton.LeftButton
CHAIR = item(0).id


class Studio(Written):
    """A chair in a project, the view and the panel, and a live engine that answers at once, in this process."""

    def __init__(self, folder: Path, qtbot: QtBot) -> None:
        super().__init__(folder)
        self.canvases = Canvases(self.opened.project)
        self.opened.live.ask = self._ask  # type: ignore[method-assign]
        self.model = self.opened.model(Train)
        self.scene = self.opened.model(Looking).scene
        self.panel, self.view = TrainView(self.opened, FormView), View3D(self.scene)
        self.tool = BrushTool(self.view)
        for widget, size in ((self.panel, (360, 900)), (self.view, (600, 500))):
            qtbot.addWidget(widget)
            widget.resize(*size)
            widget.show()
        settle(qtbot, lambda: self.model.ready and self.model.bring.ready, 30)
        self.box = self.panel.paint
        self.paint = self.box._paint

    def _ask(self, request: Request, channel: str = "", priority: str = "now", then: Then | None = None) -> int:
        if isinstance(request, Asked) and then is not None:
            told, arrays = self.canvases.paint(request)
            then(Answer(Ask(id=1, channel=channel, request=request), "done", told, arrays))
        return 1

    def names(self) -> tuple[str, ...]:
        """Parts that have marks."""
        return self.paint.painting.names

    def pieces(self) -> set[str]:
        """What stands in the view."""
        return {part.name for part in self.scene.shapes[0].parts}

    def begin(self, qtbot: QtBot) -> None:
        """As a person does."""
        self.panel.bring.unfold(True)
        qtbot.mouseClick(self.box.begin, LEFT)
        settle(qtbot, lambda: bool(self.scene.shapes), 20)

    def stroke(self, qtbot: QtBot, start: QPoint, end: QPoint) -> None:
        """With the left button down from here to there."""
        qtbot.mousePress(self.view, LEFT, pos=start)
        for step in range(1, 5):
            qtbot.mouseMove(self.view, start + (end - start) * step / 4)
        qtbot.mouseRelease(self.view, LEFT, pos=end)


@pytest.fixture
def studio(tmp_path: Path, qtbot: QtBot) -> Iterator[Studio]:
    with Project.create(tmp_path / "p") as project:
        project.catalogue.add_items([item(0), item(1)])
        path = project.geometry_path(CHAIR)
        path.parent.mkdir(parents=True)
        save_geometry(path, make("chair", 4).geometry)
    found = Studio(tmp_path / "p", qtbot)
    yield found
    found.view.close()
    found.canvases.clear()
    found.close()


def test_strokes_become_marks_that_spread_and_can_be_undone(studio: Studio, qtbot: QtBot) -> None:
    studio.begin(qtbot)
    paint, view = studio.paint, studio.view
    assert paint.item == CHAIR and studio.scene.brush == paint.radius and studio.box.inside.isVisible()
    assert studio.pieces() == {"no part"} and paint.names == ("seat", "leg")
    assert not studio.box.go.isEnabled()
    middle = view.rect().center()
    studio.stroke(qtbot, middle, middle + QPoint(30, 0))
    (mark,) = paint.painting.marks
    assert mark.part == "seat" and mark.radius == paint.radius and len(mark.points) > 1
    assert studio.pieces() == {"seat", "seat, painted"}, "one mark spreads over all"
    qtbot.keyClick(studio.box.parts, Qt.Key.Key_Down)
    assert paint.part == "leg"
    studio.stroke(qtbot, middle + QPoint(-10, -60), middle + QPoint(-10, -70))
    assert studio.names() == ("seat", "leg")
    assert studio.pieces() == {"seat", "seat, painted", "leg", "leg, painted"}
    assert studio.opened.history.undo_text == "Undo paint leg"
    studio.opened.history.undo()
    assert studio.names() == ("seat",) and len(studio.pieces()) == 2
    studio.opened.history.redo()
    assert studio.scene.selected is None, "the brush does not select"
    qtbot.mouseClick(studio.box.go, LEFT)
    (job,) = studio.jobs
    assert isinstance(job, PartsJob) and job.painted == (paint.painting,) and len(job.painted[0].marks) == 2
    assert not studio.box.go.isEnabled()
    qtbot.mouseClick(studio.box.done, LEFT)
    assert not paint.item and not studio.scene.brush and not studio.box.inside.isVisible()
    studio.begin(qtbot)
    assert len(paint.painting.marks) == 2, "the marks stay"


def test_names_wiping_mirror_and_size(studio: Studio, qtbot: QtBot) -> None:
    studio.begin(qtbot)
    paint, box, middle = studio.paint, studio.box, studio.view.rect().center()
    qtbot.keyClicks(box.name, "arm  rest")
    qtbot.keyClick(box.name, Qt.Key.Key_Return)
    assert paint.names == ("seat", "leg", "arm rest") and paint.part == "arm rest"
    box.radius.setValue(50)
    studio.stroke(qtbot, middle, middle + QPoint(0, 10))
    assert paint.painting.marks[0].radius == 0.05
    row = box.parts.topLevelItem(0)
    assert row is not None and row.text(0) == "arm rest" and row.text(1) == "1"
    row.setText(0, "elbow")
    settle(qtbot, lambda: studio.names() == ("elbow",), 10)
    assert "elbow" in paint.names and "arm rest" not in paint.names
    assert box.mirror.isEnabled() and not box.mirror.isChecked()
    qtbot.mouseClick(box.mirror, LEFT, pos=QPoint(8, box.mirror.height() // 2))
    assert box.mirror.isChecked() and studio.paint.painting.mirror
    studio.opened.history.undo()
    assert [studio.paint.painting.mirror, box.mirror.isChecked()] == [False, False]
    paint.choose("")
    studio.stroke(qtbot, middle, middle + QPoint(0, 10))
    assert paint.painting.marks[-1].part == ""
    assert studio.pieces() == {"no part"}
    qtbot.mouseClick(box.clear, LEFT)
    assert not paint.painting.marks


def test_looking_at_something_else_puts_the_brush_away(studio: Studio, qtbot: QtBot) -> None:
    studio.begin(qtbot)
    turned = studio.view.cameras.of(CHAIR).azimuth
    middle = studio.view.rect().center()
    qtbot.mousePress(studio.view, Qt.MouseButton.MiddleButton, pos=middle)
    qtbot.mouseMove(studio.view, middle + QPoint(40, 0))
    qtbot.mouseRelease(studio.view, Qt.MouseButton.MiddleButton, pos=middle + QPoint(40, 0))
    assert studio.view.cameras.of(CHAIR).azimuth != turned, "cameras turn as ever"
    assert not studio.paint.painting.marks
    studio.opened.current.show("")
    assert not studio.paint.item and not studio.scene.brush


def test_marks_that_an_item_has_its_parts_from_come_back(studio: Studio, qtbot: QtBot) -> None:
    """Painted by another program: what that left is gone on with."""
    painting = Painting(CHAIR, (Mark("top", ((0.0, 0.4, 0.0),), 0.03), Mark("foot", ((0.0, -0.4, 0.0),), 0.03)))
    write_json(studio.opened.project.geometry_path(CHAIR).with_name("painting.json"), painting)
    studio.begin(qtbot)
    assert studio.paint.painting == painting == studio.paint.applied
    assert studio.box.hint.text() == "All is applied." and not studio.box.go.isEnabled()
    qtbot.mouseClick(studio.box.clear, LEFT)
    assert studio.box.go.isEnabled() and studio.box.go.text() == "Restore its parts"


def test_parts_that_labels_tell_are_seen_in_their_colours(tmp_path: Path) -> None:
    """As a painted item has them: each face stands in the part of the labelled point nearest to it, and in one only."""
    chair = make("chair", 4).geometry
    points = np.array([[0, 0.4, 0], [0, -0.4, 0]], np.float32)
    labelled = Regions(points, np.array([0, 1], np.int16), ("top", "foot"))
    save_geometry(tmp_path / "geometry.safetensors", replace(chair, parts={}, regions=labelled))
    top, foot = read_item(tmp_path / "geometry.safetensors", "a", "A").parts
    assert (top.name, foot.name) == ("top", "foot") and top.colour != foot.colour
    assert len(top.faces) + len(foot.faces) == len(chair.surface.faces)
    assert top.vertices[top.faces].mean(1)[:, 1].min() >= -1e-5 >= foot.vertices[foot.faces].mean(1)[:, 1].max() - 2e-5


def test_names_follow_what_is_undone(studio: Studio, qtbot: QtBot) -> None:
    """A part that was renamed has its old name again, in the list and for the brush, and no empty one is left behind."""
    studio.begin(qtbot)
    paint, middle, history = studio.paint, studio.view.rect().center(), studio.opened.history
    studio.stroke(qtbot, middle, middle + QPoint(30, 0))
    paint.rename("seat", "bench")
    assert (paint.part, paint.names) == ("bench", ("bench", "leg"))
    history.undo()
    assert (paint.part, paint.names) == ("seat", ("seat", "leg"))
    history.redo()
    assert (paint.part, paint.names) == ("bench", ("bench", "leg"))
    rows = [studio.box.parts.topLevelItem(i) for i in range(studio.box.parts.topLevelItemCount())]
    assert [(row.text(0), row.text(1)) for row in rows if row] == [("bench", "1"), ("leg", ""), ("Wipe off", "")]
    history.go_to(0)
    assert not paint.painting.marks and "bench" not in [name for name in paint.names if paint.count(name)]


def test_what_is_applied_is_what_the_job_has_done(
    studio: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.begin(qtbot)
    paint, middle = studio.paint, studio.view.rect().center()
    studio.stroke(qtbot, middle, middle + QPoint(30, 0))
    paint.choose("leg")
    studio.stroke(qtbot, middle + QPoint(-10, -60), middle + QPoint(-10, -70))
    assert paint.apply() and paint.obstacle == "All is applied."
    monkeypatch.setattr(studio.opened.queue, "task", lambda run: Task(studio.jobs[-1]))
    studio.opened.queue.ended.emit(studio.jobs[-1].run)  # it was cancelled: nothing was written
    assert not paint.obstacle and studio.box.go.isEnabled()


def test_strokes_of_an_earlier_session_are_undone_in_order(studio: Studio, qtbot: QtBot) -> None:
    studio.begin(qtbot)
    middle, history = studio.view.rect().center(), studio.opened.history
    studio.stroke(qtbot, middle, middle + QPoint(30, 0))
    later = History(studio.opened.project.catalogue)
    assert not later.can_undo and later.kinds == (f"paint {CHAIR}",)
    studio.opened.history = later
    Paint.of(studio.opened)
    assert later.undo_text == "Undo paint seat", "also before anybody paints"
    later.undo()
    history.reload()
    assert history.last(f"paint {CHAIR}") == {"painting": {"item": CHAIR, "marks": [], "mirror": False}}


def test_marks_do_not_outlast_turning(studio: Studio, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.begin(qtbot)
    middle = studio.view.rect().center()
    studio.stroke(qtbot, middle, middle + QPoint(30, 0))
    state(studio.opened.project.geometry_path(CHAIR).parent, Stated("+z", "-y"))
    job = TurnJob(run="t", items=(CHAIR,), up="+z", front="-y")
    monkeypatch.setattr(studio.opened.queue, "task", lambda run: Task(job))
    studio.opened.queue.ended.emit("t")
    assert not studio.paint.item, "the brush is put away"
    studio.begin(qtbot)
    assert not studio.paint.painting.marks
    studio.opened.history.undo()
    assert not studio.paint.painting.marks, "what is undone is of how it stood before"
