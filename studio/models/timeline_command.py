"""The command that makes the frames of a morph, to be pasted into a terminal."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.parts.settings import Ease
from studio.models.timeline_state import TimelineState, ease_of, frames_of, times_of, track_of, way_of


def command_of(state: TimelineState, parts: Sequence[str], project: Path) -> str:
    """The command; "" where none does it: shapes at times of their own, several ways, stops at shapes on the way."""
    moving = [part for part in parts if not track_of(state, part).still]
    plain = len(moving) == len(parts)
    if len(state.keys) < 2 or not (moving or plain) or (plain and state.tracks):
        return ""
    names = [""] if plain else moving
    eases, ways = [_ease(state, part) for part in names], {way_of(state, part) for part in names}
    if None in eases or len(ways) != 1:
        return ""
    words = [sys.executable or "python", "-m", "engine", "interpolate", *(key.shape for key in state.keys)]
    words += ["--frames", str(frames_of(state)), "--curve", ways.pop()]
    if plain:
        words += ["--ease", str(eases[0])]
    else:
        words += [word for part, ease in zip(names, eases, strict=True) for word in ("--part", f"{part}={ease}")]
    return shlex.join([*words, "--project", str(project)])


def _ease(state: TimelineState, part: str) -> Ease | None:
    """The ease from end to end; None where the part does not go evenly from the first frame to the last, or stops between."""
    times, last = times_of(state, part), frames_of(state) - 1
    ease = ease_of(state, part)
    even = all(time * (len(times) - 1) == i * last for i, time in enumerate(times))
    return ease if even and (len(times) == 2 or ease == "linear") else None
