"""The timeline by clicks, keys, drops; with the real live engine; and no button outside of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from engine.jobs import FilmJob, InterpolateJob
from engine.project import Project
from studio.models.cards import MIME
from studio.models.library import read_cards
from studio.models.opened import OpenProject
from studio.models.timeline import KEY, NOW, Timeline
from studio.models.timeline_state import WHOLE, times_of, track_of
from studio.models.troubles import Trouble, Troubles
from studio.views.timeline import TimelineView
from studio.views.timeline_export import free_folder_in
from tests.parts.projects import keep_fit
from tests.studio.test_timeline import Bench

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Panel(Bench):
    """The panel with two shapes in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.timeline.wake(False)
        self.view = TimelineView(self.opened)


@pytest.fixture
def panel(tmp_path: Path, qtbot: QtBot) -> Iterator[Panel]:
    found = Panel(tmp_path / "p")
    qtbot.addWidget(found.view)
    found.view.resize(1280, 300)
    found.view.show()
    found.view.activateWindow()
    qtbot.waitActive(found.view)
    assert not found.view.begin.isEnabled()
    found.opened.current.choose(("g/0000", "g/0001"))
    qtbot.mouseClick(found.view.begin, LEFT)
    found.live.give(NOW)
    yield found
    found.close()


def drop(view: TimelineView, x: float, *shapes: str) -> None:
    """Cards onto the panel, as the library's list lets go of them."""
    data = QMimeData()
    data.setData(MIME, "\n".join(shapes).encode())
    action = Qt.DropAction.CopyAction
    enter = QDragEnterEvent(QPoint(int(x), 80), action, data, LEFT, NONE)
    QApplication.sendEvent(view, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(view, QDropEvent(QPointF(x, 80), action, data, LEFT, NONE))


def drag(qtbot: QtBot, widget: QWidget, start: QPointF, end: QPointF) -> None:
    """Press, move and let go."""
    qtbot.mousePress(widget, LEFT, pos=start.toPoint())
    qtbot.mouseMove(widget, ((start + end) / 2).toPoint())
    qtbot.mouseMove(widget, end.toPoint())
    qtbot.mouseRelease(widget, LEFT, pos=end.toPoint())


def test_drops_scrubbing_and_dragging_a_shape(panel: Panel, qtbot: QtBot) -> None:
    view, timeline, ruler = panel.view, panel.timeline, panel.view.ruler
    drop(view, ruler.scale.x(12), "g/0002")
    assert timeline.state and [(key.shape, key.at) for key in timeline.state.keys][1] == ("g/0002", 12)
    drop(view, 20, "g/0003")
    assert timeline.state.keys[-1].at == 48, "on the names: behind all others"
    qtbot.mouseClick(ruler, LEFT, pos=QPoint(round(ruler.scale.x(20)), 8))
    assert timeline.frame == 20 and panel.live.last(NOW).which == (20,)  # type: ignore[union-attr]
    edits, scale = len(panel.opened.history.entries), ruler.scale
    drag(qtbot, ruler, ruler.box(3).center(), ruler.box(3).center() + QPointF(scale.x(4) - scale.x(0), 0))
    assert timeline.state.keys[3].at == 52 and len(panel.opened.history.entries) == edits + 1
    ruler.setFocus()
    qtbot.keyClick(ruler, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    qtbot.keyClick(ruler, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert timeline.state.keys[3].at == 50
    panel.opened.history.undo()
    assert timeline.state.keys[3].at == 52, "nudges of one shape are one edit"
    qtbot.keyClick(ruler, Qt.Key.Key_Home)
    qtbot.keyClick(ruler, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert timeline.frame == 12 and ruler.chosen == 1
    qtbot.keyClick(ruler, Qt.Key.Key_Delete)
    assert [key.shape for key in timeline.state.keys] == ["g/0000", "g/0001", "g/0003"]


def test_the_playhead_moves_over_tracks_that_stay(panel: Panel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on the screen is what a painting of everything gives, though only the playhead was painted."""
    tracks, timeline = panel.view.tracks, panel.timeline
    qtbot.wait(100)
    painted: list[bool] = []
    whole = tracks._painted
    monkeypatch.setattr(tracks, "_painted", lambda: (whole(), painted.append(True))[0])  # type: ignore[func-returns-value]
    for frame in (3, 9, 17):
        timeline.seek(frame)
        qtbot.wait(50)
    room = QRect(tracks.mapTo(panel.view, QPoint(0, 0)), tracks.size()) & QRect(
        0, 0, 700, 300
    )  # what any display shows
    x, y, width, height = room.x(), room.y(), room.width(), room.height()
    looked: list[bool] = []

    def same() -> bool:
        """But for the few colours that a display may have."""
        looked.append(True)
        seen = panel.view.screen().grabWindow(panel.view.winId(), x, y, width, height).toImage()
        return bool(np.abs(pixels(seen) - pixels(panel.view.grab(room).toImage())).max() <= 24)

    qtbot.waitUntil(same)
    assert len(painted) == len(looked), "everything was painted for the comparison alone"


def pixels(image: QImage) -> NDArray[np.int16]:
    """(height, width, 4) colours."""
    plain = image.convertToFormat(QImage.Format.Format_RGB32)
    return np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.width(), 4).astype(np.int16)


def test_tracks_choose_hold_drag_and_ease(panel: Panel, qtbot: QtBot) -> None:
    view, timeline, tracks = panel.view, panel.timeline, panel.view.tracks
    assert tracks.rows == (WHOLE, "body", "wing", "tail")
    assert timeline.state
    start = tracks.spot("wing", 1)
    drag(qtbot, tracks, start, start - QPointF(tracks.scale.x(8) - tracks.scale.x(0), 0))
    assert timeline.selected == "wing" and times_of(timeline.state, "wing") == (0, 16)
    assert times_of(timeline.state) == times_of(timeline.state, "body") == (0, 24)
    qtbot.mouseClick(tracks, LEFT, pos=tracks.lock_box("tail").center())
    assert track_of(timeline.state, "tail").still and timeline.selected == "tail"
    tracks.setFocus()
    qtbot.keyClick(tracks, Qt.Key.Key_Up)
    qtbot.keyClick(tracks, Qt.Key.Key_Up)
    assert timeline.selected == "body" and timeline.scene.selected == (KEY, "body")
    choose(view.ease, "linear")
    assert track_of(timeline.state, "body").ease == "linear" and timeline.state.ease == "in-out"
    alone = next(action for action in tracks.menu().actions() if "alone" in action.text())
    alone.trigger()
    assert [track_of(timeline.state, part).still for part in timeline.parts] == [False, True, True]
    qtbot.keyClick(tracks, Qt.Key.Key_Delete)
    assert not track_of(timeline.state, "body").ease


def choose(box: QComboBox, value: str) -> None:
    """As a person does in its list."""
    box.setCurrentIndex(box.findData(value))
    box.activated.emit(box.currentIndex())


def test_space_plays_and_buttons_can_still_be_pressed_by_it(panel: Panel, qtbot: QtBot) -> None:
    view, timeline = panel.view, panel.timeline
    plays = lambda: timeline.playing  # noqa: E731
    view.ruler.setFocus()
    qtbot.keyClick(view.ruler, Qt.Key.Key_Space)
    assert plays() and "Stop" in view.play.toolTip()
    qtbot.keyClick(view.ruler, Qt.Key.Key_Space)
    assert not plays()
    panel.opened.current.choose(("g/0003",))
    view.add.setFocus()
    qtbot.keyClick(view.add, Qt.Key.Key_Space)
    assert not plays() and timeline.state and timeline.state.keys[-1].shape == "g/0003"
    qtbot.keyClick(view.ruler, Qt.Key.Key_I)
    assert len(timeline.state.keys) == 4
    view.hide()
    assert not plays()


def test_export_and_command(panel: Panel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    view = panel.view
    qtbot.mouseClick(view.copy, LEFT)
    assert "interpolate g/0000 g/0001 --frames 25" in QGuiApplication.clipboard().text()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "a"), ""))
    next(action for action in view._exports.actions() if "GIF" in action.text()).trigger()
    frames, film = panel.jobs
    assert isinstance(frames, InterpolateJob) and isinstance(film, FilmJob)
    assert film.out == str(tmp_path / "a.gif") and not film.overwrite, "nobody was asked about this name"
    (tmp_path / "morph").mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    next(action for action in view._exports.actions() if "PNG" in action.text()).trigger()
    assert panel.jobs[-1].out == str(tmp_path / "morph 2")  # type: ignore[union-attr]
    assert free_folder_in(tmp_path / "new") == tmp_path / "new" / "morph"


def test_plausibility_is_told_beside_the_shapes(panel: Panel, qtbot: QtBot) -> None:
    strip = panel.view.strip
    assert not strip.words(3) and "judged" in strip._why()
    panel.fill(qtbot)
    panel.live.give("timeline plausible")
    assert "2.0 times as unusual" in strip.words(3) and "as plausible as the shapes" in strip.words(0)


@pytest.mark.parametrize("width", [880, 1280])
def test_nothing_is_clipped(panel: Panel, width: int) -> None:
    panel.view.resize(width, 260)
    QApplication.processEvents()
    view = panel.view
    boxes = [(one, one.rect().translated(one.mapTo(view, QPoint()))) for one in view.findChildren(QAbstractButton)]
    boxes += [(one, one.rect().translated(one.mapTo(view, QPoint()))) for one in view.findChildren(QComboBox)]  # type: ignore[misc]
    seen = [(one, box) for one, box in boxes if one.isVisible()]
    assert len(seen) >= 7 and all(view.rect().contains(box) for _, box in seen)
    assert all(one.width() >= one.sizeHint().width() for one, _ in seen), "words are not cut off"


def test_with_the_real_engine(tmp_path: Path, qtbot: QtBot) -> None:
    """Two aeroplanes: the frames come, each with another wing, and that no model can judge them is told in the panel."""
    with Project.create(tmp_path / "p") as project:
        keep_fit(project, "fit")
    troubles, told = Troubles(), list[Trouble]()
    troubles.told.connect(told.append)
    opened = OpenProject(tmp_path / "p", troubles)
    opened.library._take(read_cards(tmp_path / "p"))
    timeline = opened.model(Timeline)
    try:
        opened.live.start()
        timeline.wake(True)
        timeline.add(("fit/fit-a", "fit/fit-b"))
        assert timeline.state
        timeline.stretch(5)
        qtbot.waitUntil(lambda: all(timeline.is_there(frame) for frame in range(5)), timeout=200_000)
        parts = {part.name: part for part in timeline.scene.shape(KEY).parts}
        assert set(timeline.parts) == set(parts) and len(parts["wing"].faces) > 100
        qtbot.waitUntil(lambda: bool(timeline.judgement), timeout=200_000)
        assert "train one" in timeline.judgement and not told
        seen = []
        for frame in range(5):
            timeline.seek(frame)
            seen.append(timeline.scene.shape(KEY).part("wing"))
        assert len(set(map(id, seen))) == 5 and timeline.colour("wing") == parts["wing"].colour
    finally:
        timeline.close()
        opened.live.stop()
        opened.live.close()
        opened.session.close()
        opened.background.close()
        opened.project.close()
        opened._lock.unlock()
