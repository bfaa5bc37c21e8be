"""The timeline without a window: frames are asked for coarse to fine and kept, what is kept are jobs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from engine.card import ShiftMove
from engine.jobs import FilmJob, GenerateJob, InterpolateJob, Job
from engine.live_client import Answer
from engine.live_protocol import Ask, Priority
from engine.live_requests import Frames, Meshes, Nothing, Piece, Plausibility, Plausible, Request, Tween
from engine.project import Project
from engine.rows import ShapeRow
from studio.models import timeline_state
from studio.models.history import History
from studio.models.library import read_cards
from studio.models.opened import OpenProject
from studio.models.scene import PartMesh
from studio.models.timeline import FILL, JUDGE, KEY, NOW, Timeline
from studio.models.timeline_frames import FrameCache
from studio.models.timeline_state import WHOLE, Key, alone, marks_of
from studio.models.troubles import Trouble, Troubles
from tests.studio.test_timeline_state import PARTS

Arrays = dict[str, NDArray[np.float32] | NDArray[np.int32]]


class ScriptedLive:
    """Remembers what was asked; ``give`` answers: a body that stays the same, a wing that is another in each frame."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, str, Callable[[Answer], None]]] = []
        self.withdrawn: list[str] = []

    def ask(self, request: Request, channel: str, priority: Priority, then: Callable[[Answer], None]) -> int:
        self.asked.append((request, channel, then))
        return len(self.asked)

    def withdraw(self, channel: str) -> None:
        self.withdrawn.append(channel)

    def last(self, channel: str) -> Request:
        return [request for request, own, _ in self.asked if own == channel][-1]

    def count(self, channel: str) -> int:
        return sum(own == channel for _, own, _ in self.asked)

    def give(self, channel: str, most: int | None = None) -> None:
        """All that was asked for last in a channel, or its first frames alone."""
        request, _, then = [one for one in self.asked if one[1] == channel][-1]
        ask = Ask(id=1, channel=channel, request=request)
        if isinstance(request, Plausibility):
            assert isinstance(request.of, Tween)
            losses = [0.1 + 0.1 * (frame == 3) for frame in range(request.of.frames)]
            then(Answer(ask, "done", Plausible(losses=tuple(losses), model="m")))
            return
        assert isinstance(request, Frames)
        for frame in request.which[:most]:
            mark = marks_of(request.of, PARTS)[frame]
            pieces = (piece_of("body", "b"), piece_of("wing", str(mark)))
            arrays: Arrays = {
                "vertices/body": np.eye(3, dtype=np.float32),
                "faces/body": np.array([[0, 1, 2]], np.int32),
            }
            arrays |= {f"{what}/wing": arrays[f"{what}/body"] for what in ("vertices", "faces")}
            then(Answer(ask, "going", Meshes(resolution=64, pieces=pieces, frame=frame), arrays))
        if most is None:
            then(Answer(ask, "done", Nothing()))

    def fail(self, channel: str, text: str) -> None:
        request, _, then = [one for one in self.asked if one[1] == channel][-1]
        then(Answer(Ask(id=1, channel=channel, request=request), "failed", text=text))


def piece_of(name: str, key: str) -> Piece:
    return Piece(name=name, part=name, key=key, colour=(0.1, 0.2, 0.3))


class Bench:
    """A timeline of a project with shapes of one model, one of another, and an item."""

    def __init__(self, folder: Path) -> None:
        with Project.create(folder) as project:
            for run, model, count in (("g", "train-9", 4), ("h", "other", 1)):
                project.submit(GenerateJob(run=run, model=model, count=count))
                project.catalogue.add_shapes(
                    [
                        ShapeRow(id=f"{run}/{i:04d}", run=run, row=i, kind="generated", present=PARTS)
                        for i in range(count)
                    ]
                )
        self.troubles, self.told = Troubles(), list[Trouble]()
        self.troubles.told.connect(self.told.append)
        self.opened = OpenProject(folder, self.troubles)
        self.opened.library._take(read_cards(folder))
        self.live = ScriptedLive()
        self.opened.live.close()
        self.opened.live = self.live  # type: ignore[assignment]
        self.timeline = self.opened.model(Timeline)
        self.timeline.wake(True)

    @property
    def scene(self) -> dict[str, PartMesh]:
        """What is shown of the morph, by part."""
        return {part.name: part for part in self.timeline.scene.shape(KEY).parts}

    @property
    def jobs(self) -> list[Job]:
        return [task.job for task in self.opened.queue.waiting]

    def fill(self, qtbot: QtBot) -> None:
        """Let all frames come."""
        asked = self.live.count(FILL)
        qtbot.waitUntil(lambda: self.live.count(FILL) > asked)
        self.live.give(FILL)

    def close(self) -> None:
        self.timeline.close()
        self.opened.session.close()
        self.opened.background.close()
        self.opened.project.close()
        self.opened._lock.unlock()


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    found = Bench(tmp_path / "p")
    yield found
    found.close()


def test_frames_come_coarse_to_fine_and_scrubbing_asks_for_nothing_twice(bench: Bench, qtbot: QtBot) -> None:
    timeline = bench.timeline
    timeline.add(("g/0000", "g/0001"))
    request = bench.live.last(NOW)
    assert isinstance(request, Frames) and request.which == (0,), "what is looked at comes first"
    bench.live.give(NOW)
    assert set(bench.scene) == {"body", "wing"} and timeline.is_there(0)
    qtbot.waitUntil(lambda: bench.live.count(FILL) == 1)
    filling = bench.live.last(FILL)
    assert isinstance(filling, Frames) and filling.which[:3] == (24, 16, 8) and len(set(filling.which)) == 24
    bench.live.give(FILL, most=3)
    timeline.seek(15)
    assert bench.live.last(NOW).which == (15,), "the nearest is shown, the right one is asked for"  # type: ignore[union-attr]
    near = bench.scene["wing"]
    bench.live.give(FILL)
    assert bench.scene["wing"] is not near and all(timeline.is_there(frame) for frame in range(25))
    body, asked = bench.scene["body"], len(bench.live.asked)
    seen = set()
    for frame in range(25):
        timeline.seek(frame)
        seen.add(id(bench.scene["wing"]))
        assert bench.scene["body"] is body, "what stays is not touched"
    assert len(seen) == 25 and len(bench.live.asked) == asked
    assert bench.live.count(JUDGE) == 1
    bench.live.give(JUDGE)
    assert len(timeline.losses) == 25 and timeline.losses[3] > timeline.losses[4]


def test_an_edit_of_one_part_keeps_the_frames_that_stay_the_same(bench: Bench, qtbot: QtBot) -> None:
    timeline = bench.timeline
    timeline.add(("g/0000", "g/0001", "g/0002"))
    bench.fill(qtbot)
    assert timeline.state
    timeline.edit("x", timeline_state.shift(timeline.state, 1, 30, "wing"))
    assert timeline.is_there(0) and timeline.is_there(48) and not timeline.is_there(20)
    bench.fill(qtbot)
    bench.opened.history.undo()
    assert all(timeline.is_there(frame) for frame in range(49)), "what was there before is there again"


def test_undo_goes_all_the_way_and_the_morph_outlives_the_window(bench: Bench) -> None:
    timeline = bench.timeline
    timeline.add(("g/0000", "g/0001"))
    timeline.add(("g/0002",), 12)
    assert timeline.state and [key.at for key in timeline.state.keys] == [0, 12, 24]
    timeline.attempt(timeline_state.shift(timeline.state, 1, 18))
    assert timeline.state.keys[1].at == 18
    timeline.settle("move")
    final = timeline.state
    assert bench.opened.history.undo_text == "Undo move"
    again = History(bench.opened.project.catalogue).last("timeline")
    assert again is not None and again["timeline"]["keys"][1] == {"shape": "g/0002", "at": 18}
    bench.opened.history.undo()
    assert timeline.state.keys[1] == Key("g/0002", 12)
    bench.opened.history.go_to(0)
    assert not timeline.can_play and not timeline.frames and not timeline.parts
    bench.opened.history.go_to(bench.opened.history.entries[-1].seq)
    assert timeline.state == final


def test_playing_goes_by_the_clock_from_what_is_there(bench: Bench, qtbot: QtBot) -> None:
    timeline = bench.timeline
    timeline.add(("g/0000", "g/0001"))
    bench.fill(qtbot)
    timeline.loop = "once"
    frames: list[int] = []
    timeline.moved.connect(lambda: frames.append(timeline.frame))
    asked, plays = bench.live.count(NOW), lambda: timeline.playing
    timeline.toggle()
    assert plays()
    qtbot.waitUntil(lambda: not plays(), timeout=20_000)
    assert frames[-1] == 24 and frames == sorted(frames) and bench.live.count(NOW) == asked
    timeline.toggle()
    assert plays() and timeline.frame == 24, "from the start again, at the next tick"
    timeline.seek(7)
    assert not plays() and timeline.frame == 7
    timeline.toggle()
    timeline.wake(False)
    assert not plays() and {NOW, FILL, JUDGE} <= set(bench.live.withdrawn)


def test_playing_holds_until_the_first_frames_are_there(bench: Bench, qtbot: QtBot) -> None:
    timeline = bench.timeline
    timeline.add(("g/0000", "g/0001"))
    timeline.toggle()
    words = timeline.scene.words
    qtbot.waitUntil(lambda: words.text(True) == "Preparing the morph …")
    qtbot.waitUntil(lambda: bench.live.count(FILL) == 1)
    bench.live.give(NOW)
    qtbot.wait(150)
    assert timeline.playing and timeline.frame == 0, "one frame is no motion"
    assert not words.text(False)
    bench.live.give(FILL, most=2)
    qtbot.wait(150)
    assert timeline.frame == 0
    bench.live.give(FILL, most=4)
    qtbot.waitUntil(lambda: timeline.frame > 0)
    assert timeline.frame < 12, "by the clock since then"


def test_what_does_not_fit_is_refused_with_a_sentence(bench: Bench) -> None:
    timeline = bench.timeline
    timeline.add(("g/0000", "h/0000"))
    assert "of another model" in bench.told[-1].text and timeline.state and len(timeline.state.keys) == 1
    assert not timeline.can_play and not timeline.export(Path("x.gif")) and not bench.jobs


def test_a_sequence_that_cannot_be_made_is_told_once(bench: Bench, qtbot: QtBot) -> None:
    timeline = bench.timeline
    timeline.add(("g/0000", "g/0001"))
    bench.live.fail(NOW, "two of the shapes are exactly opposite; choose linear")
    assert "choose linear" in bench.told[-1].text and timeline.fault and not timeline.can_play
    timeline.seek(3)
    assert len(bench.told) == 1 and bench.live.count(NOW) == 1
    assert timeline.state
    timeline.edit("x", timeline_state.with_ease(timeline.state, WHOLE, "linear"))
    assert not timeline.fault and bench.live.count(NOW) == 2


def test_a_long_morph_stops_asking_when_there_is_no_room(bench: Bench, qtbot: QtBot) -> None:
    timeline = bench.timeline
    timeline.reel.cache = FrameCache(room=48 * 8)
    timeline.add(("g/0000", "g/0001"))
    qtbot.waitUntil(lambda: bench.live.count(FILL) == 1)
    bench.live.withdrawn.clear()
    bench.live.give(FILL, most=12)
    assert FILL in bench.live.withdrawn and bench.live.count(JUDGE) >= 1 and timeline.reel.cache.size <= 48 * 8
    timeline.seek(13)
    bench.live.give(NOW)
    assert timeline.is_there(13), "what is looked at comes all the same"


def test_export_makes_what_is_shown_and_no_frame_twice(bench: Bench) -> None:
    timeline = bench.timeline
    timeline.add(("g/0000", "g/0001", "g/0002"))
    assert timeline.state
    timeline.edit("x", alone(timeline.state, "wing", PARTS))
    timeline.loop = "bounce"
    assert timeline.export(Path("/x/morph.gif"))
    frames, film = bench.jobs
    assert isinstance(frames, InterpolateJob) and isinstance(film, FilmJob)
    shown = bench.live.last(NOW)
    assert isinstance(shown, Frames)
    assert (frames.shapes, frames.frames, frames.curves) == (shown.of.shapes, shown.of.frames, shown.of.curves)
    assert set(frames.curves) == {"wing"} and film.shapes == (frames.run,) and film.bounce and film.fps == 30
    timeline.export(Path("/x/frames"), "obj")
    assert [type(job) for job in bench.jobs] == [InterpolateJob, FilmJob, FilmJob]
    timeline.stretch(80)
    timeline.export(Path("/x/morph.glb"))
    assert [type(job) for job in bench.jobs[3:]] == [InterpolateJob, FilmJob]


def test_the_view_and_the_tracks_choose_the_same_part(bench: Bench) -> None:
    timeline = bench.timeline
    timeline.add(("g/0000", "g/0001"))
    bench.live.give(NOW)
    timeline.scene.select((KEY, "wing"))
    assert timeline.selected == "wing"
    timeline.select("body")
    assert timeline.scene.selected == (KEY, "body")
    timeline.select(WHOLE)
    timeline.scene.try_motion(KEY, ShiftMove(part="wing", by=(0.1, 0, 0)))
    timeline.scene.settle_motion()
    assert not timeline.scene.is_moved(KEY), "parts of a morph stand where its shapes have them"
