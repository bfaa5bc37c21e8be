"""Journey (c), a morph: three shapes on the timeline, a track for the wings alone, played, a GIF and a GLB that moves."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from engine.project import Project
from studio.models.opened import ENGINES
from studio.models.timeline import Timeline
from studio.views.library import LibraryView
from studio.views.timeline import TimelineView
from studio.views.timeline_tracks import Tracks
from tests.geometry.test_morph_glb import Player
from tests.parts.projects import Solids, keep_fit
from tests.studio.conftest import Desk
from tests.studio.journeys.person import Person

FRAMES = 9
AIRPLANES: dict[str, Solids] = {
    "a": {"body": ((0, 0, 0), 0.2), "wing": ((0.15, 0, 0), 0.15), "tail": ((0, 0.2, 0), 0.1)},
    "b": {"body": ((0.0, 0.05, 0.0), 0.25), "wing": ((-0.1, 0, 0), 0.2), "tail": ((0.1, 0.3, 0), 0.08)},
    "c": {"body": ((0.05, 0.0, 0.1), 0.15), "wing": ((0.1, 0.1, 0), 0.1), "tail": ((0.0, -0.2, 0.0), 0.1)},
}


@pytest.mark.slow
def test_a_morph_of_the_wings(
    make_desk: Callable[..., Desk], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Project.create(tmp_path / "Planes") as project:
        keep_fit(project, "fit", AIRPLANES)
    desk = make_desk(ENGINES)
    me = Person(desk.window, tmp_path / "pictures", "c")
    me.open(tmp_path / "Planes")
    library = me.sees(LibraryView).list
    me.wait(lambda: len(me.cards(library)) == 3, 60, "three aeroplanes")
    me.turn_to("Morph")
    view = me.sees(TimelineView)
    me.choose_cards(library, *(f"fit-{name}" for name in AIRPLANES))
    me.shoot("three are chosen")
    me.click(view.begin)
    me.write(view.length, str(FRAMES))
    tracks = me.sees(Tracks)
    for part in ("body", "tail"):
        me.click(tracks, tracks.lock_box(part).center())
    timeline = desk.opened.model(Timeline)  # looked at, not touched
    assert timeline.state is not None and len(timeline.state.keys) == 3 and timeline.frames == FRAMES
    me.wait(lambda: all(timeline.is_there(frame) for frame in range(FRAMES)), 100, "all frames")
    me.shoot("a track for the wings")
    me.click(view.ruler)
    seen: set[int] = set()
    timeline.moved.connect(lambda: seen.add(timeline.frame))
    me.keys(Qt.Key.Key_Space)
    me.wait(lambda: len(seen) > FRAMES // 2, 30, "motion")
    me.shoot("playing")
    me.keys(Qt.Key.Key_Space)
    assert not timeline.playing
    for number, (words, name) in enumerate((("Moving picture", "morph.gif"), ("One mesh", "morph.glb")), 2):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, name=name: (str(tmp_path / name), ""))
        me.pick_below(view.export, words)
        me.wait(lambda: len(desk.opened.queue.tasks) == number, 30, name)  # noqa: B023
    me.shoot("being exported")
    me.wait(lambda: len(desk.opened.queue.done) == 3, 300, "both files")
    assert {task.state for task in desk.opened.queue.done} == {"finished"}, [t.text for t in desk.opened.queue.done]
    me.shoot("exported")
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
