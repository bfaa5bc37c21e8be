"""The part-swap panel by clicks, keys and drops."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.jobs import GenerateJob, Job, MixJob, RerollJob
from engine.live_requests import Joined, Joint
from engine.project import Project
from engine.rows import ShapeRow
from studio.models.cards import MIME
from studio.models.library import read_cards
from studio.models.opened import OpenProject
from studio.models.troubles import Troubles
from studio.views.mix import MixView
from studio.views.mix_slot import FINE
from tests.studio.mix_bench import ScriptedLive

PARTS = ("body", "wing", "tail")


class Panel:
    """The panel with a shape in its slots, and what it asked for."""

    def __init__(self, folder: Path) -> None:
        with Project.create(folder) as project:
            project.submit(GenerateJob(run="g", model="train-9", count=4))
            project.catalogue.add_shapes(
                [ShapeRow(id=f"g/{i:04d}", run="g", row=i, kind="generated", present=PARTS) for i in range(4)]
            )
        self.opened = OpenProject(folder, Troubles())
        self.opened.library._take(read_cards(folder))
        self.jobs: list[Job] = []
        self.live = ScriptedLive()
        self.opened.live.close()
        self.opened.live = self.live  # type: ignore[assignment]
        self.opened.queue.submit = self._submit  # type: ignore[method-assign]
        self.view = MixView(self.opened)
        self.mix = self.view.mix

    def _submit(self, job: Job, first: bool = False) -> str:
        self.jobs.append(self.opened.project.submit(job))
        return self.jobs[-1].run

    def close(self) -> None:
        self.opened.session.close()
        self.opened.background.close()
        self.opened.project.close()


@pytest.fixture
def panel(tmp_path: Path, qtbot: QtBot) -> Iterator[Panel]:
    found = Panel(tmp_path / "p")
    qtbot.addWidget(found.view)
    found.view.resize(380, 900)
    found.view.show()
    found.view.activateWindow()
    qtbot.waitActive(found.view)
    found.opened.current.show("g/0000")
    qtbot.mouseClick(found.view.begin, Qt.MouseButton.LeftButton)
    yield found
    found.close()


def drop(view: MixView, name: str, *shapes: str, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Cards onto a slot, as the shelf's and the library's lists let go of them."""
    data = QMimeData()
    data.setData(MIME, "\n".join(shapes).encode())
    action, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    row = view.rows[name]
    enter = QDragEnterEvent(QPoint(50, 20), action, data, button, keys)
    QApplication.sendEvent(row, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(row, QDropEvent(QPointF(50, 20), action, data, button, keys))


def test_a_drop_takes_ctrl_blends_and_the_fader_moves(panel: Panel, qtbot: QtBot) -> None:
    view, mix = panel.view, panel.mix
    assert list(view.rows) == list(PARTS) and not view.rows["wing"].fader.isVisible()
    drop(view, "wing", "g/0001")
    assert mix.state and mix.state.mixture.parts == {"wing": "g/0001"}
    fader = view.rows["wing"].fader
    assert fader.isVisible() and fader.value() == FINE and mix.selected == "wing"
    fader.setFocus()
    qtbot.keyClick(fader, Qt.Key.Key_Left)
    qtbot.keyClick(fader, Qt.Key.Key_Left)
    assert mix.state.mixture.blends["wing"].alpha == pytest.approx(0.96)
    panel.opened.history.undo()
    assert mix.state.mixture.parts == {"wing": "g/0001"}, "steps of one hand are one edit"
    drop(view, "wing", "g/0002", keys=Qt.KeyboardModifier.ControlModifier)
    assert mix.state.mixture.blends["wing"].shapes == ("g/0000", "g/0001", "g/0002")
    drop(view, "tail", "g/0001", "g/0003")
    assert mix.state.mixture.blends["tail"].shapes == ("g/0000", "g/0001", "g/0003")


def test_dragging_the_fader_shows_and_letting_go_decides(panel: Panel, qtbot: QtBot) -> None:
    drop(panel.view, "wing", "g/0001")
    fader, edits = panel.view.rows["wing"].fader, len(panel.opened.history.entries)
    fader.setSliderDown(True)
    for value in (900, 700, 500):
        fader.setValue(value)
    assert len(panel.opened.history.entries) == edits
    asked = [one for one, channel, _ in panel.live.asked if channel == "mix"][-1]
    assert asked.of.blends["wing"].alpha == 0.5  # type: ignore[union-attr]
    fader.setSliderDown(False)
    fader.sliderReleased.emit()
    assert panel.opened.history.undo_text == "Undo blend wing" and len(panel.opened.history.entries) == edits + 1


def test_keys_choose_reroll_and_remove(panel: Panel, qtbot: QtBot) -> None:
    view, mix = panel.view, panel.mix
    qtbot.waitUntil(view.rows["body"].hasFocus)
    qtbot.keyClick(view.rows["body"], Qt.Key.Key_3)
    assert mix.selected == "tail" and view.rows["tail"].hasFocus()
    qtbot.keyClick(view.rows["tail"], Qt.Key.Key_Up)
    assert mix.selected == "wing"
    qtbot.keyClick(view.rows["wing"], Qt.Key.Key_R)
    (job,) = panel.jobs
    assert isinstance(job, RerollJob) and job.parts == ("wing",)
    assert "Drawing" in view._told.text() and not view.rows["body"].reroll.isEnabled()
    mix.ended(job.run, ("g/0002", "g/0003"))
    assert view.tray.isVisible() and view.rows["body"].reroll.isEnabled()
    qtbot.mouseClick(
        view.tray.viewport(), Qt.MouseButton.LeftButton, pos=view.tray.rectForIndex(mix.tray.index(1)).center()
    )
    assert mix.state and mix.state.mixture.parts == {"wing": "g/0003"}
    view.rows["wing"].setFocus()
    qtbot.keyClick(view.rows["wing"], Qt.Key.Key_Delete)
    assert mix.state.mixture.removed == ("wing",) and "removed" in view.rows["wing"]._words.text()


def test_a_variant_is_of_the_part_that_was_drawn(panel: Panel, qtbot: QtBot) -> None:
    view, mix = panel.view, panel.mix
    qtbot.mouseClick(view.rows["wing"].reroll, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(view.rows["tail"], Qt.MouseButton.LeftButton)  # looks elsewhere meanwhile
    mix.ended(panel.jobs[-1].run, ("g/0002", "g/0003"))
    assert view._told.text() == "Variants of wing"
    place = view.tray.rectForIndex(mix.tray.index(0)).center()
    qtbot.mouseClick(view.tray.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert mix.state and mix.state.mixture.parts == {"wing": "g/0002"}


def test_starting_over_is_one_edit(panel: Panel, qtbot: QtBot) -> None:
    view, mix = panel.view, panel.mix
    assert not view.over.isVisible()
    drop(view, "wing", "g/0001")
    drop(view, "tail", "g/0002")
    qtbot.mouseClick(view.over, Qt.MouseButton.LeftButton)
    assert not mix.is_changed and not view.over.isVisible()
    panel.opened.history.undo()
    assert mix.state and mix.state.mixture.parts == {"wing": "g/0001", "tail": "g/0002"}


def test_shelf_lock_menu_keep_and_command(panel: Panel, qtbot: QtBot) -> None:
    view, mix = panel.view, panel.mix
    assert not view.keep.isEnabled()
    qtbot.mouseClick(view.rows["tail"], Qt.MouseButton.LeftButton)
    assert view._of.text() == "Donors of tail" and mix.donors.rowCount() == 3
    view.shelf.choose("g/0002")
    qtbot.keyClick(view.shelf, Qt.Key.Key_Return)
    qtbot.mouseClick(view.rows["body"].lock, Qt.MouseButton.LeftButton)
    view.rows["tail"]._actions["duplicate"].trigger()
    assert list(view.rows) == [*PARTS, "tail.2"]
    qtbot.mouseClick(view.copy, Qt.MouseButton.LeftButton)
    assert "--part tail=g/0002 --duplicate tail=tail.2" in QGuiApplication.clipboard().text()
    qtbot.mouseClick(view.keep, Qt.MouseButton.LeftButton)
    (job,) = panel.jobs
    assert isinstance(job, MixJob) and job.parts == {"tail": "g/0002"} and job.held == ("body",)
    view.rows["tail"]._actions["reset"].trigger()
    assert mix.state and not mix.state.mixture.parts


def test_how_parts_meet_is_told_in_words(panel: Panel, qtbot: QtBot) -> None:
    panel.live.give(Joined(score=0.0, words="all parts meet as usual", joints=()), "mix joints")
    assert panel.view._joints.text() == "All parts meet as usual" and panel.view._joints.property("role") == "good"
    drop(panel.view, "wing", "g/0001")
    assert "Looking" in panel.view._joints.text()


def test_numbers_of_a_gap_are_unfolded(panel: Panel, qtbot: QtBot) -> None:
    view = panel.view
    apart = Joint(parts=("body", "wing"), gap=0.16, overlap=0.0, excess=(0.15, 0.0), judged=True)
    panel.live.give(Joined(score=0.15, words="body and wing 0.150 too far apart", joints=(apart,)), "mix joints")
    assert view._joints.text() == "The wing floats 16 % of the shape’s length from the body"
    assert view._joints.property("role") == "warn" and not view._numbers.isVisible()
    qtbot.mouseClick(view.details, Qt.MouseButton.LeftButton)
    assert view._numbers.isVisible() and "0.160" in view._numbers.text()
    drop(view, "wing", "g/0001")
    assert not view.details.isVisible() and not view._numbers.isVisible(), "of another mixture, not known yet"


def test_healing_is_said_where_it_was_asked_for(panel: Panel, qtbot: QtBot) -> None:
    view = panel.view
    drop(view, "wing", "g/0001")
    qtbot.mouseClick(view.heal, Qt.MouseButton.LeftButton)
    assert view._joints.text() == "Healing …" and not view._tray.isVisible() and not view.heal.isEnabled()
    panel.mix.ended(panel.jobs[-1].run, ())
    assert "Healing" not in view._joints.text() and view.heal.isEnabled()


def test_the_shelf_gets_what_the_slots_do_not_need(panel: Panel, qtbot: QtBot) -> None:
    view = panel.view
    qtbot.waitUntil(lambda: view._scroll.height() == view._scroll._inside.sizeHint().height())
    below = view._scroll.mapTo(view, view._scroll.rect().bottomLeft()).y()
    assert view.shelf.height() > 250 and view._of.mapTo(view, QPoint()).y() - below < 30, "right below the slots"
    view.resize(300, 520)
    bar = view.shelf.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() >= 40)
    bar.setValue(40)
    qtbot.mouseClick(view.rows["tail"], Qt.MouseButton.LeftButton)
    assert bar.value() == 0, "another part's donors from the first on"


def test_nothing_is_clipped_in_a_narrow_panel(panel: Panel, each_button: Callable[[MixView], list[str]]) -> None:
    panel.view.resize(300, 700)
    drop(panel.view, "wing", "g/0001")
    QApplication.processEvents()
    assert each_button(panel.view) == []


@pytest.fixture
def each_button() -> Callable[[MixView], list[str]]:
    """Names of buttons that stand outside of the panel."""

    def outside(view: MixView) -> list[str]:
        rows = [button for row in view.rows.values() for button in (row.lock, row.reroll, row.more)]
        shown = [one for one in (*rows, view.keep, view.heal, view.copy) if one.isVisible()]
        return [one.toolTip() for one in shown if one.mapTo(view, one.rect().topRight()).x() > view.width()]

    return outside
