"""What a morph is, as a value: shapes at frames, and for each part when and how it goes from one to the next. No Qt.

Frames are whole numbers from 0, played `FPS` a second. A part goes with all the others unless its track says otherwise.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from msgspec.structs import replace

from engine.live_requests import Tween
from engine.parts.settings import Curve, Ease, Way, eased

FPS = 30
SPACING = 24  # frames between a shape and the next one when nobody says where it is to stand
MOST = 9_999  # the last frame there can be
WHOLE = ""  # the track of all parts
STILL = ((0.0, 0.0), (1.0, 0.0))

Mark = tuple[object, ...]  # what a frame shows: two frames with the same mark look the same


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shape that the morph comes to at a frame."""

    shape: str
    at: int


class Track(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a part has of its own.

    times : frames at which it comes to the shapes, () = with all; ease, way : None = as all
    still : it stays as the first shape has it
    """

    times: tuple[int, ...] = ()
    ease: Ease | None = None
    way: Way | None = None
    still: bool = False


class TimelineState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shapes by time, one or more; how it goes between each two of them; what parts do of their own."""

    keys: tuple[Key, ...]
    ease: Ease = "in-out"
    way: Way = "linear"
    tracks: dict[str, Track] = {}


# reading --------------------------------------------------------------------------------------------------------------
def times_of(state: TimelineState, part: str = WHOLE) -> tuple[int, ...]:
    """Frames at which a part, or all, come to the shapes; they rise."""
    return track_of(state, part).times or tuple(key.at for key in state.keys)


def ease_of(state: TimelineState, part: str = WHOLE) -> Ease:
    """How a part starts and stops."""
    return track_of(state, part).ease or state.ease


def way_of(state: TimelineState, part: str = WHOLE) -> Way:
    """Along a straight line or an arc."""
    return track_of(state, part).way or state.way


def track_of(state: TimelineState, part: str) -> Track:
    """What the part has of its own."""
    return state.tracks.get(part, Track())


def frames_of(state: TimelineState) -> int:
    """How many frames there are: to the last shape of the last part, 2 at least."""
    return max(2, 1 + max(max(times_of(state, part)) for part in (WHOLE, *state.tracks)))


def curve_of(state: TimelineState, part: str = WHOLE) -> Curve:
    """How alpha runs for a part: i / (M - 1) at the time of shape i of M, eased between each two."""
    times, way = times_of(state, part), way_of(state, part)
    last, steps = frames_of(state) - 1, len(times) - 1
    if track_of(state, part).still or not steps:
        return Curve(STILL, way)
    shape = eased(ease_of(state, part)).knots
    knots = [(times[0] / last, 0.0)]
    for i, (start, end) in enumerate(zip(times, times[1:], strict=False)):
        knots += [((start + time * (end - start)) / last, (i + alpha) / steps) for time, alpha in shape[1:]]
    before = [(0.0, 0.0)] if times[0] > 0 else []
    after = [(1.0, 1.0)] if times[-1] < last else []
    return Curve((*before, *knots, *after), way)


def tween_of(state: TimelineState, parts: Sequence[str]) -> Tween:
    """The sequence, as the live engine shows it and an InterpolateJob keeps it. ``parts`` : all that the shapes have.

    What belongs to no part goes with all of them, and stays the first shape's as soon as one part stays.
    """
    shapes = tuple(key.shape for key in state.keys)
    moving = [part for part in parts if not track_of(state, part).still]
    if len(moving) == len(parts):
        own = {part: curve_of(state, part) for part in parts if part in state.tracks}
        curves = {WHOLE: curve_of(state), **own}
    else:
        curves = {part: curve_of(state, part) for part in moving} or {WHOLE: Curve(STILL)}
    return Tween(shapes=shapes if len(shapes) > 1 else 2 * shapes, frames=frames_of(state), curves=curves)


def alphas(curve: Curve, frames: int) -> np.ndarray:
    """(F,) float64, alpha of each frame, as the engine has it but for rounding."""
    times, values = np.array(curve.knots).T
    return np.interp(np.linspace(0, 1, frames), times, values)


def marks_of(tween: Tween, parts: Sequence[str] = ()) -> tuple[Mark, ...]:
    """What each frame shows: where each of the ``parts`` and the rest are, however the curves tell it."""
    names = (WHOLE, *sorted({*parts, *tween.curves} - {WHOLE}))
    curves = [tween.curves.get(name, tween.curves.get(WHOLE, Curve(STILL))) for name in names]
    rows = np.stack([alphas(curve, tween.frames) for curve in curves], 1).round(9)
    ways = tuple(curve.way for curve in curves)
    return tuple((tween.shapes, names, ways, *row) for row in rows.tolist())


def coarse_to_fine(frames: int) -> Iterator[int]:
    """Every frame once: the ends, the middle, the middles of the halves, ... so that all of the way is soon seen a little."""
    step = 1
    while step < frames - 1:
        step *= 2
    seen = {0, frames - 1}
    yield from sorted(seen)
    while step > 1:
        step //= 2
        for frame in range(step, frames, step):
            if frame not in seen:
                seen.add(frame)
                yield frame


# edits ----------------------------------------------------------------------------------------------------------------
def add(state: TimelineState | None, shape: str, at: int | None = None) -> TimelineState:
    """One more shape, at a frame (the next free one) or behind all others."""
    if state is None:
        return TimelineState((Key(shape, 0),))
    taken = {key.at for key in state.keys}
    frame = max(taken) + SPACING if at is None else max(0, at)
    while frame in taken:
        frame += 1
    if frame > MOST:
        return state
    keys = tuple(sorted((*state.keys, Key(shape, frame)), key=lambda key: key.at))
    place = [key.at for key in keys].index(frame)
    tracks = {part: _insert(track, place, frame) for part, track in state.tracks.items()}
    return _tidy(replace(state, keys=keys, tracks=tracks))


def remove(state: TimelineState, number: int) -> TimelineState | None:
    """Without a shape; None without the last one. The first shape that is left stands where the first one stood."""
    keys = state.keys[:number] + state.keys[number + 1 :]
    if not keys:
        return None
    tracks = {
        part: replace(track, times=track.times[:number] + track.times[number + 1 :])
        for part, track in state.tracks.items()
    }
    return _tidy(replace(state, keys=keys, tracks=tracks))


def shift(state: TimelineState, number: int, at: int, part: str = WHOLE) -> TimelineState:
    """A shape at another frame, between its neighbours; for one part alone, or for all that have no times of their own."""
    times = list(times_of(state, part))
    low = times[number - 1] + 1 if number else 0
    high = times[number + 1] - 1 if number + 1 < len(times) else MOST
    times[number] = min(max(at, low), high)
    if part == WHOLE:
        keys = tuple(Key(key.shape, time) for key, time in zip(state.keys, times, strict=True))
        return _tidy(replace(state, keys=keys))
    return with_track(state, part, replace(track_of(state, part), times=tuple(times)))


def stretch(state: TimelineState, frames: int) -> TimelineState:
    """The same in so many frames; as many as there are shapes at least."""
    old = frames_of(state) - 1
    frames = min(max(frames, 2, len(state.keys)), MOST + 1)

    def stretched(times: Sequence[int]) -> tuple[int, ...]:
        found = [round(time * (frames - 1) / old) for time in times]
        for i in range(1, len(found)):
            found[i] = max(found[i], found[i - 1] + 1)
        for i in range(len(found) - 1, -1, -1):
            found[i] = min(found[i], frames - len(found) + i)
        return tuple(found)

    keys = tuple(Key(key.shape, at) for key, at in zip(state.keys, stretched(times_of(state)), strict=True))
    tracks = {
        part: replace(track, times=stretched(track.times) if track.times else ())
        for part, track in state.tracks.items()
    }
    return _tidy(replace(state, keys=keys, tracks=tracks))


def with_ease(state: TimelineState, part: str, ease: Ease) -> TimelineState:
    """Another ease of a part, or of all."""
    if part == WHOLE:
        return _tidy(replace(state, ease=ease))
    return with_track(state, part, replace(track_of(state, part), ease=ease))


def with_way(state: TimelineState, part: str, way: Way) -> TimelineState:
    """Another way of a part, or of all."""
    if part == WHOLE:
        return _tidy(replace(state, way=way))
    return with_track(state, part, replace(track_of(state, part), way=way))


def with_still(state: TimelineState, part: str, still: bool) -> TimelineState:
    """Let a part stay as the first shape has it, or move."""
    return with_track(state, part, replace(track_of(state, part), still=still))


def alone(state: TimelineState, part: str, parts: Sequence[str]) -> TimelineState:
    """Let this part alone move."""
    for other in parts:
        state = with_still(state, other, other != part)
    return state


def with_track(state: TimelineState, part: str, track: Track) -> TimelineState:
    """A part with this track; Track() = as all the others."""
    return _tidy(replace(state, tracks={**state.tracks, part: track}))


def _insert(track: Track, place: int, frame: int) -> Track:
    """Room for one more shape in the times of a part: at its frame, where that lies between its neighbours."""
    if not track.times:
        return track
    times = (*track.times[:place], frame, *track.times[place:])
    rising = all(a < b for a, b in zip(times, times[1:], strict=False))
    return replace(track, times=times if rising else ())


def _tidy(state: TimelineState) -> TimelineState:
    """Without what says nothing, so that states that are the same are equal."""
    tracks = {}
    for part, track in state.tracks.items():
        own = replace(
            track,
            times=() if track.times == times_of(state) else track.times,
            ease=None if track.ease == state.ease else track.ease,
            way=None if track.way == state.way else track.way,
        )
        if own != Track():
            tracks[part] = own
    return replace(state, tracks=tracks)
