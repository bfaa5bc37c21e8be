"""The timeline without a window: morphs are values, frames are asked for coarse to fine and kept, what is kept are jobs."""

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from engine.card import ShiftMove
from engine.commands.healing import interpolate as interpolate_command
from engine.jobs import FilmJob, GenerateJob, InterpolateJob, Job
from engine.live_client import Answer
from engine.live_protocol import Ask, Priority
from engine.live_requests import Frames, Meshes, Nothing, Piece, Plausibility, Plausible, Request, Tween
from engine.parts.interpolate import alphas
from engine.project import Project
from engine.rows import ShapeRow
from studio.models import timeline_state
from studio.models.history import History
from studio.models.library import read_cards
from studio.models.opened import OpenProject
from studio.models.scene import PartMesh
from studio.models.timeline import FILL, JUDGE, KEY, NOW, Timeline
from studio.models.timeline_command import command_of
from studio.models.timeline_frames import FrameCache
from studio.models.timeline_playhead import Loop, place_at
from studio.models.timeline_state import (
    MOST,
    WHOLE,
    Key,
    TimelineState,
    alone,
    coarse_to_fine,
    curve_of,
    frames_of,
    marks_of,
    times_of,
    track_of,
    tween_of,
)
from studio.models.troubles import Trouble, Troubles

PARTS = ("body", "wing", "tail")


@st.composite
def states(draw: st.DrawFn) -> TimelineState:
    """A state after some edits; each edit is one that the panel offers then."""
    state = timeline_state.add(timeline_state.add(None, "r/0"), "r/1")
    for _ in range(draw(st.integers(0, 8))):
        part = draw(st.sampled_from(PARTS))
        track = draw(st.sampled_from([WHOLE, *PARTS]))
        number = draw(st.integers(0, len(state.keys) - 1))
        at = draw(st.integers(-3, 80))
        match draw(st.sampled_from(["add", "remove", "shift", "stretch", "ease", "way", "still", "alone"])):
            case "add":
                state = timeline_state.add(state, "r/2", draw(st.sampled_from([None, at])))
            case "remove" if len(state.keys) > 1:
                found = timeline_state.remove(state, number)
                assert found is not None
                state = found
            case "shift":
                state = timeline_state.shift(state, number, at, track)
            case "stretch":
                state = timeline_state.stretch(state, at)
            case "ease":
                state = timeline_state.with_ease(state, track, draw(st.sampled_from(["linear", "in", "out", "in-out"])))
            case "way":
                state = timeline_state.with_way(state, track, draw(st.sampled_from(["linear", "spherical"])))
            case "still":
                state = timeline_state.with_still(state, part, draw(st.booleans()))
            case "alone":
                state = alone(state, part, PARTS)
    return state


@settings(max_examples=80, deadline=None)
@given(states())
def test_every_state_is_a_sequence_that_comes_to_its_shapes_in_time(state: TimelineState) -> None:
    """By the engine's own reading of the curves: shape i of M is there, at alpha i / (M - 1), at its frame."""
    tween, steps = tween_of(state, PARTS), max(len(state.keys) - 1, 1)
    assert tween.frames == frames_of(state) <= MOST + 1 and len(tween.shapes) >= 2
    for part in (WHOLE, *PARTS):
        times = times_of(state, part)
        assert len(times) == len(state.keys) and all(a < b for a, b in zip(times, times[1:], strict=False))
        found = alphas(tween.frames, curve_of(state, part))
        if track_of(state, part).still or len(state.keys) == 1:
            assert not found.any()
            continue
        assert torch.allclose(found[list(times)], torch.arange(len(times)).double() / steps, atol=1e-12)
        assert bool((found.diff() >= -1e-12).all()), "a part never goes back"
        assert np.allclose(timeline_state.alphas(curve_of(state, part), tween.frames), found, atol=1e-12)
    named = set(tween.curves) - {WHOLE}
    assert named <= set(PARTS) and (WHOLE in tween.curves or named)
    still = {part for part in PARTS if track_of(state, part).still}
    assert not still & set(tween.curves) and (not still or set(tween.curves) - {WHOLE} == set(PARTS) - still)


@settings(max_examples=60, deadline=None)
@given(states(), st.integers(2, 90))
def test_stretching_keeps_the_order_and_the_ends(state: TimelineState, frames: int) -> None:
    found = timeline_state.stretch(state, frames)
    assert frames_of(found) == max(frames, len(state.keys), 2) or len(state.keys) == 1
    assert [key.shape for key in found.keys] == [key.shape for key in state.keys]


@settings(max_examples=60, deadline=None)
@given(states())
def test_marks_tell_frames_apart_as_the_engine_does(state: TimelineState) -> None:
    tween = tween_of(state, PARTS)
    rows = torch.stack([alphas(tween.frames, curve) for curve in tween.curves.values()], 1)
    marks = marks_of(tween, PARTS)
    for one in range(0, tween.frames, 5):
        for other in range(one, tween.frames, 7):
            assert (marks[one] == marks[other]) == bool(torch.allclose(rows[one], rows[other], atol=1e-10))


@given(st.integers(2, 200))
def test_coarse_to_fine_is_every_frame_once_and_always_evenly_spread(frames: int) -> None:
    order = list(coarse_to_fine(frames))
    assert sorted(order) == list(range(frames)) and set(order[:2]) == {0, frames - 1}
    for count in (3, 9, 33):
        if count <= frames:
            gaps = np.diff(sorted(order[:count]))
            assert gaps.max() <= 4 * (frames - 1) / (count - 1) + 2


@settings(max_examples=60, deadline=None)
@given(states())
def test_the_command_makes_the_same_job(state: TimelineState) -> None:
    """Where there is a command, the command line reads a job from it that makes the very frames that are shown."""
    text, tween = command_of(state, PARTS, Path("p")), tween_of(state, PARTS)
    if not text:
        return
    found: list[InterpolateJob] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.commands.healing.run_job", lambda options, job: found.append(job))
        result = CliRunner().invoke(interpolate_command, shlex.split(text)[4:])
    assert result.exit_code == 0, result.output
    (job,) = found
    assert (job.shapes, job.frames, set(job.curves)) == (tween.shapes, tween.frames, set(tween.curves))
    for part, curve in job.curves.items():
        assert curve.way == tween.curves[part].way
        assert torch.allclose(alphas(job.frames, curve), alphas(tween.frames, tween.curves[part]), atol=1e-12)


def test_there_is_a_command_for_what_it_can_say() -> None:
    state = timeline_state.add(timeline_state.add(None, "r/0"), "r/1")
    assert "--frames 25 --curve linear --ease in-out" in command_of(state, PARTS, Path("p"))
    assert "--part wing=in-out" in command_of(alone(state, "wing", PARTS), PARTS, Path("p"))
    assert not command_of(timeline_state.add(state, "r/2"), PARTS, Path("p")), "it would not stop at the second shape"
    even = timeline_state.with_ease(timeline_state.add(state, "r/2"), WHOLE, "linear")
    assert command_of(even, PARTS, Path("p"))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=60))
def test_the_cache_never_takes_more_than_its_room_and_counts_a_surface_once(puts: list[tuple[int, int]]) -> None:
    cache = FrameCache(room=1000)
    for frame, body in puts:
        meshes = [(f"b{body}", mesh_of("body", 20)), (f"w{frame}", mesh_of("wing", 10))]
        cache.put((frame, body), meshes, {(0, 0), (1, 0)})
        kept = {id(mesh): mesh for mark in list(cache._frames) for mesh in cache.get(mark) or ()}
        assert cache.size == sum(mesh.vertices.nbytes + mesh.faces.nbytes for mesh in kept.values()) <= cache.room
        assert (frame, body) in cache, "what was used last is there"
    cache.clear()
    assert not cache.size and not len(cache)


def mesh_of(name: str, faces: int) -> PartMesh:
    """12 bytes a face, and 36."""
    return PartMesh(name, np.eye(3, dtype=np.float32), np.tile(np.array([[0, 1, 2]], np.int32), (faces, 1)))


@pytest.mark.parametrize(
    ("loop", "steps"),
    [("once", [0, 1, 2, 3, 3, 3]), ("loop", [0, 1, 2, 3, 0, 1]), ("bounce", [0, 1, 2, 3, 2, 1, 0, 1])],
)
def test_what_comes_after_the_last_frame(loop: Loop, steps: list[int]) -> None:
    assert [place_at(step, 4, loop)[0] for step in range(len(steps))] == steps
    assert [place_at(step, 4, loop)[1] for step in (2, 3)] == [False, loop == "once"]


# with a project, and an engine that answers when it is told to -------------------------------------------------------
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
