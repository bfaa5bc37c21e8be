"""Three shapes on the timeline, a track for the wings alone, play, a GIF and a GLB that moves: by clicks, with the engine."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from engine.project import Project
from studio.models.opened import ENGINES
from studio.models.timeline import Timeline
from studio.views.timeline import TimelineView
from studio.views.timeline_tracks import Tracks
from tests.geometry.test_morph_glb import Player
from tests.parts.projects import Solids, keep_fit
from tests.studio.conftest import Desk, settle
from tests.studio.journeys.clicks import (
    choose_cards,
    click,
    go_to,
    open_menu,
    pick,
    picture,
    soon,
)

FRAMES = 9
AIRPLANES: dict[str, Solids] = {
    "a": {"body": ((0, 0, 0), 0.2), "wing": ((0.15, 0, 0), 0.15), "tail": ((0, 0.2, 0), 0.1)},
    "b": {"body": ((0.0, 0.05, 0.0), 0.25), "wing": ((-0.1, 0, 0), 0.2), "tail": ((0.1, 0.3, 0), 0.08)},
    "c": {"body": ((0.05, 0.0, 0.1), 0.15), "wing": ((0.1, 0.1, 0), 0.1), "tail": ((0.0, -0.2, 0.0), 0.1)},
}


def export(view: TimelineView, patch: pytest.MonkeyPatch, words: str, path: Path) -> None:
    """The menu of the button; Qt's own dialogue, which is not ours to test, answers with the path."""
    patch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    soon(open_menu, lambda menu: pick(menu, words))
    click(view.export)


@pytest.mark.slow
def test_a_morph_of_the_wings(
    make_desk: Callable[..., Desk], folder: Path, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Project.create(tmp_path / "Morph") as project:
        keep_fit(project, "fit", AIRPLANES)
    desk = make_desk(ENGINES)
    assert desk.projects.open(tmp_path / "Morph")
    settle(qtbot, lambda: len(desk.opened.library.cards) > 3)
    go_to(desk, "Morph")
    view = desk.window.findChild(TimelineView)
    tracks = desk.window.findChild(Tracks)
    assert view is not None and tracks is not None
    choose_cards(qtbot, desk, "fit/fit-a", "fit/fit-b", "fit/fit-c")
    click(view.begin)
    view.length.selectAll()
    QTest.keyClicks(view.length, str(FRAMES))
    QTest.keyClick(view.length, Qt.Key.Key_Return)
    for part in ("body", "tail"):
        click(tracks, tracks.lock_box(part).center())
    timeline = desk.opened.model(Timeline)  # looked at, not touched
    assert timeline.state is not None and len(timeline.state.keys) == 3 and timeline.frames == FRAMES
    settle(qtbot, lambda: all(timeline.is_there(frame) for frame in range(FRAMES)), 600)
    view.ruler.setFocus()
    seen: set[int] = set()
    timeline.moved.connect(lambda: seen.add(timeline.frame))
    QTest.keyClick(view.ruler, Qt.Key.Key_Space)
    settle(qtbot, lambda: len(seen) > FRAMES // 2, 30)
    picture(desk, "morph, playing")
    QTest.keyClick(view.ruler, Qt.Key.Key_Space)
    assert not timeline.playing
    export(view, monkeypatch, "GIF", tmp_path / "morph.gif")
    settle(qtbot, lambda: len(desk.opened.queue.tasks) == 2, 300)
    export(view, monkeypatch, "GLB", tmp_path / "morph.glb")
    settle(qtbot, lambda: len(desk.opened.queue.done) == 3, 1800)
    assert {task.state for task in desk.opened.queue.done} == {"finished"}, [t.text for t in desk.opened.queue.done]
    picture(desk, "morph, exported")
    assert not [one.text for one in desk.told if not one.note]
    check_gif(tmp_path / "morph.gif")
    check_glb(tmp_path / "morph.glb")


def check_gif(path: Path) -> None:
    """As many pictures as frames, and they are not the same."""
    with Image.open(path) as film:
        pictures = []
        for number in range(getattr(film, "n_frames", 1)):
            film.seek(number)
            pictures.append(np.asarray(film.convert("RGB")).astype(int))
    assert len(pictures) == FRAMES
    moved = [float(np.abs(one - pictures[0]).mean()) for one in pictures]
    assert max(moved) > 0.5 and min(moved[1:]) > 0


def check_glb(path: Path) -> None:
    """The wing goes from that of the first shape to that of the last; body and tail stay."""
    player = Player(path.read_bytes())
    names = [node["name"] for node in player.tree["nodes"]]
    assert set(names) == {"body", "wing", "tail"}
    end = FRAMES / 30
    for part in ("body", "wing", "tail"):
        node = names.index(part)
        first, last = (
            player.shown(node, time) if player.tree["meshes"][node]["primitives"][0].get("targets") else None
            for time in (0.0, end)
        )
        if part == "wing":
            assert first is not None and last is not None and np.abs(first.mean(0) - last.mean(0)).max() > 0.03
        else:
            assert first is None or last is None or np.abs(first - last).max() < 0.5 / 128, "half a voxel"
