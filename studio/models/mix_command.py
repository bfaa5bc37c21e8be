"""The command that makes a mixture, to be pasted into a terminal."""

import shlex
import sys
from pathlib import Path

from engine.card import MirrorMove, Move, ScaleMove, ShiftMove, TurnMove
from studio.models.mix_state import MixState

ORDER = (ScaleMove, TurnMove, MirrorMove, ShiftMove)  # in which `mix` carries out the motions that it is given


def command_of(state: MixState, project: Path) -> str:
    """The command; "" where none does it: motions in an order of their own, names with commas in them."""
    mix = state.mixture
    kinds: dict[str, list[int]] = {}
    for move in mix.moves:
        kinds.setdefault(move.part, []).append(ORDER.index(type(move)))
    commas = any("," in shape for blend in mix.blends.values() for shape in blend.shapes)
    if not mix.changed or commas or any(own != sorted(own) for own in kinds.values()):
        return ""
    words = [sys.executable or "python", "-m", "engine", "mix", "--base", mix.base]
    words += _options("--part", [f"{part}={shape}" for part, shape in mix.parts.items()])
    for part, blend in mix.blends.items():
        option = "--blend" if blend.way == "linear" else "--arc"
        words += [option, f"{part}={blend.alpha!r}:{','.join(blend.shapes)}"]
    words += _options("--remove", list(mix.removed))
    words += _options("--duplicate", [f"{part}={name}" for name, part in mix.copies.items()])
    for move in mix.moves:
        words += _motion(move)
    words += _options("--hold", list(state.held)) + _options("--free", list(state.free))
    return shlex.join([*words, "--project", str(project)])


def _options(option: str, values: list[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _motion(move: Move) -> list[str]:
    match move:
        case ScaleMove():
            return ["--scale", f"{move.part}={_three(move.factors)}"]
        case TurnMove():
            return ["--turn", f"{move.part}={move.axis}:{move.degrees!r}"]
        case MirrorMove():
            return ["--mirror", f"{move.part}={move.axis}{':middle' if move.middle else ''}"]
        case ShiftMove():
            return ["--move", f"{move.part}={_three(move.by)}"]


def _three(values: tuple[float, float, float]) -> str:
    return ",".join(repr(value) for value in values)
