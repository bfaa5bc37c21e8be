"""Every workspace at the least size that it is made for: no words are cut off, all is explained, and keys reach it all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from engine.jobs import GenerateJob
from engine.project import Project
from engine.rows import ShapeRow
from studio.models.mix import Mix
from studio.models.timeline import Timeline
from studio.panel import WORKSPACES
from studio.tab_order import focusable, in_reading_order
from studio.views.make import MakeView
from studio.views.train import TrainView
from tests.studio.conftest import Desk, settle
from tests.studio.seen import clipped, unexplained
from tests.studio.train_project import add_fit, add_training, item

SIZE = 1280, 720
SHAPES = tuple(f"generate-0001/{i:04d}" for i in range(3))


@pytest.fixture
def full(folder: Path, make_desk: Callable[..., Desk], qtbot: QtBot) -> Desk:
    """A project in which every panel has something to show."""
    with Project(folder) as project:
        project.catalogue.add_items([item(i) for i in range(9)])
        fit = add_fit(project, {f"chair-0-{i:05d}": "IoU 0.5 is under 0.8" if i == 2 else "" for i in range(9)})
        add_training(project, fit)
        run = project.submit(GenerateJob(model="train-0001", count=3)).run
        rows = [
            ShapeRow(id=name, run=run, row=i, kind="generated", present=("seat", "arm"), parents=("train-0001",))
            for i, name in enumerate(SHAPES)
        ]
        project.catalogue.add_shapes(rows)
        project.catalogue.end_run(run, "finished")
    desk = make_desk()
    desk.window.resize(*SIZE)
    assert desk.projects.open(folder)
    settle(qtbot, lambda: len(desk.opened.library.cards) > 12)
    desk.opened.current.choose(SHAPES[:1])
    desk.opened.current.show(SHAPES[0])
    desk.opened.model(Mix).begin(SHAPES[0])
    desk.opened.model(Timeline).add(SHAPES)
    return desk


def go_to(desk: Desk, workspace: str, qtbot: QtBot) -> None:
    """Show a workspace, with all that it can unfold."""
    desk.opened.current.go_to(workspace)
    if workspace == "Make" and (make := desk.window.findChild(MakeView)) and not make.more.isChecked():
        make.more.click()
    if workspace == "Train" and (train := desk.window.findChild(TrainView)):
        for step in train.steps:
            step.unfold(True)
    qtbot.wait(50)


@pytest.fixture(params=[1.0, 1.3, 1.6], ids=["usual", "large", "largest"])
def font(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[float]:
    """As people set it in their system; with a large one the window may be larger, too."""
    before = qapp.font()
    larger = qapp.font()
    larger.setPointSizeF(request.param * before.pointSizeF())
    qapp.setFont(larger)
    yield request.param
    qapp.setFont(before)


def test_no_words_are_cut_off(font: float, full: Desk, qtbot: QtBot) -> None:
    for workspace in WORKSPACES:
        go_to(full, workspace, qtbot)
        size = full.window.width(), full.window.height()
        assert size == SIZE or font > 1, f"{workspace} needs more room"
        for _ in range(20):  # layouts follow a moment after what they show
            if clipped(full.window):
                qtbot.wait(50)
        assert clipped(full.window) == [], workspace


def test_every_control_explains_itself(full: Desk, qtbot: QtBot) -> None:
    found: dict[str, None] = {}
    for workspace in WORKSPACES:
        go_to(full, workspace, qtbot)
        found |= dict.fromkeys(unexplained(full.window))
    assert not found, "\n".join(found)


def test_tab_reaches_everything_as_one_reads_and_comes_back(full: Desk, qtbot: QtBot) -> None:
    for workspace in WORKSPACES:
        go_to(full, workspace, qtbot)
        wanted = set(focusable(full.window))
        assert [
            one for one in wanted if not (one.accessibleName() or one.toolTip() or getattr(one, "text", str)())
        ] == []
        full.window.tabs.setFocus()
        went: list[QWidget] = []
        for _ in range(len(wanted) + 1):
            now = QApplication.focusWidget()
            assert now is not None
            went.append(now)
            qtbot.keyClick(now, Qt.Key.Key_Tab)
        assert went[0] is went[-1] is full.window.tabs, f"{workspace}: keys are caught in {went[-1]}"
        assert set(went) == wanted, workspace
        for there in (went[0], went[-2]):
            now = QApplication.focusWidget()
            assert now is not None
            qtbot.keyClick(now, Qt.Key.Key_Backtab)
            assert QApplication.focusWidget() is there


def test_tab_reaches_the_tour(full: Desk, qtbot: QtBot) -> None:
    full.window.ways_in.take_tour()
    bubble = full.window.bubble
    settle(qtbot, bubble.isVisible)
    inside = focusable(bubble)
    full.window.tabs.setFocus()
    qtbot.keyClick(full.window.tabs, Qt.Key.Key_Backtab)
    assert inside and QApplication.focusWidget() in inside


def test_the_focus_is_seen(full: Desk, qtbot: QtBot) -> None:
    seen: set[QWidget] = set()
    hidden: dict[str, None] = {}
    for workspace in WORKSPACES:
        go_to(full, workspace, qtbot)
        for widget in [one for one in focusable(full.window) if one not in seen]:
            seen.add(widget)
            widget.clearFocus()
            before = widget.grab().toImage()
            widget.setFocus(Qt.FocusReason.TabFocusReason)
            if widget.grab().toImage() == before:
                hidden[f"{type(widget).__name__} {widget.accessibleName() or widget.toolTip()}"] = None
    assert not hidden, "\n".join(hidden)


def test_reading_order(qtbot: QtBot) -> None:
    """Rows count by their middles, so that a tall list is not torn apart from the small things beside it."""
    ground = QWidget()
    qtbot.addWidget(ground)
    places = {"right": (100, 4, 20, 10), "left": (0, 0, 50, 20), "below": (0, 30, 20, 10), "tall": (60, 28, 20, 60)}
    widgets = {name: QWidget(ground) for name in places}
    for name, place in places.items():
        widgets[name].setGeometry(*place)
    order = [
        next(name for name, one in widgets.items() if one is found) for found in in_reading_order(widgets.values())
    ]
    assert order == ["left", "right", "below", "tall"]


def test_what_is_cut_off_is_noticed(qtbot: QtBot) -> None:
    from studio.widgets.words import button, label

    ground = QScrollArea()
    qtbot.addWidget(ground)
    ground.resize(300, 200)
    for i, one in enumerate((label("Words that need more room"), button("So do these words", print))):
        one.setParent(ground)
        one.setGeometry(0, 40 * i, 60, 30)
    ground.show()
    assert len(clipped(ground)) == 2 and len(unexplained(ground)) == 1


def test_the_first_page_needs_no_room_once_a_project_is_open(full: Desk) -> None:
    assert full.window.stack.minimumSizeHint().width() < full.window.welcome.minimumSizeHint().width()
    assert (full.window.width(), full.window.height()) == SIZE


def test_a_window_opens_as_large_as_it_was_meant_and_stays_so(
    shipped_chairs: Path, make_desk: Callable[..., Desk], qtbot: QtBot
) -> None:
    """Whatever it shows: nothing of it needs more room, also with trouble told, jobs on their way and the queue open."""
    desk = make_desk()
    sizes = {"Welcome": (desk.window.width(), desk.window.height())}
    assert desk.projects.open(shipped_chairs)
    desk.opened.queue.hold(True)
    desk.opened.submit(GenerateJob(model="train-0001", count=3, category="chair"))
    desk.opened.troubles.tell("this did not work, for a reason that takes many words to tell; " * 4)
    for workspace in WORKSPACES:
        go_to(desk, workspace, qtbot)
        desk.window.toggle_queue()
        qtbot.wait(50)
        sizes[workspace] = desk.window.width(), desk.window.height()
    assert sizes == dict.fromkeys(sizes, (1280, 800))
