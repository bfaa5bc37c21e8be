"""Morphs as values: every sequence comes to its shapes in time and has its command; frames, and the room that they take."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.commands.healing import interpolate as interpolate_command
from engine.jobs import InterpolateJob
from engine.parts.interpolate import alphas
from studio.models import timeline_state
from studio.models.scene import PartMesh
from studio.models.timeline_command import command_of
from studio.models.timeline_frames import FrameCache
from studio.models.timeline_playhead import Loop, place_at
from studio.models.timeline_state import (
    MOST,
    WHOLE,
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
