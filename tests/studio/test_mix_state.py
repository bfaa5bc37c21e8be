"""Mixtures as values: whatever is done to them is what the engine takes, can be taken back, and has its command."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.card import Move, ShiftMove, TurnMove
from engine.commands.parts import mix as mix_command
from engine.jobs import Job, MixJob
from engine.live_requests import Mixture, job_to_keep
from studio.models import mix_state
from studio.models.mix_command import command_of
from studio.models.mix_state import MixState, slots_of

BASE_PARTS, VOCABULARY = ("body", "wing", "tail"), ("body", "wing", "tail", "engine")
PARTS = st.sampled_from(VOCABULARY)
SHAPES = st.sampled_from(["r/0", "r/1", "r/2"])


@st.composite
def states(draw: st.DrawFn) -> MixState:
    """A state after some edits; each edit is one that the panel offers then."""
    state = MixState(mixture=Mixture(base="r/0"))
    for _ in range(draw(st.integers(0, 8))):
        names = {slot.name: slot for slot in slots_of(state, BASE_PARTS, VOCABULARY)}
        name = draw(st.sampled_from(sorted(names)))
        slot = names[name]
        there = slot.origin not in ("absent", "removed")
        verb = draw(st.sampled_from(["take", "add", "fade", "remove", "reset", "duplicate", "mirror", "move", "lock"]))
        shape = draw(SHAPES)
        if slot.part not in BASE_PARTS and shape == "r/0":
            continue
        match verb:
            case "take":
                state = mix_state.take(state, slot.part, shape)
            case "add":
                state = mix_state.add_donor(state, slot.part, shape, BASE_PARTS)
            case "fade" if len(slot.donors) > 1:
                state = mix_state.fade(state, name, slot.donors, draw(st.sampled_from([0.0, 0.25, 0.5, 1.0])))
            case "remove" if there:
                state = mix_state.remove(state, name, BASE_PARTS)
            case "reset":
                state = mix_state.reset(state, name)
            case "duplicate" if there:
                state, _ = mix_state.duplicate(state, name)
            case "mirror" if there:
                state = mix_state.mirror(state, name)
            case "move" if there:
                state = mix_state.move(state, ShiftMove(part=name, by=(0.1, 0, 0)))
            case "lock":
                state = mix_state.lock(state, slot.part, draw(st.booleans()))
    return state


@settings(max_examples=60, deadline=None)
@given(states())
def test_every_state_is_one_that_the_engine_takes(state: MixState) -> None:
    """What `engine.mixing` refuses never comes about."""
    mix = state.mixture
    assert not set(mix.parts) & set(mix.blends) and not set(mix.removed) & (set(mix.parts) | set(mix.blends))
    assert set(mix.removed) <= set(BASE_PARTS) and not set(state.held) & set(state.free)
    slots = {slot.name: slot for slot in slots_of(state, BASE_PARTS, VOCABULARY)}
    gone = {name for name, slot in slots.items() if slot.origin in ("absent", "removed")}
    assert not gone & {move.part for move in mix.moves} and not gone & set(mix.copies.values())
    assert {move.part for move in mix.moves} <= set(slots)
    assert all(blend.shapes[0] != blend.shapes[-1] for blend in mix.blends.values())
    assert all(shape != mix.base for shape in mix.parts.values())


@settings(max_examples=30, deadline=None)
@given(states(), PARTS)
def test_reset_and_mirror_take_back(state: MixState, part: str) -> None:
    slot = next(one for one in slots_of(mix_state.reset(state, part), BASE_PARTS, VOCABULARY) if one.name == part)
    assert slot.origin == ("base" if part in BASE_PARTS else "absent") or part not in BASE_PARTS
    assert not slot.moved and not slot.alpha
    assert mix_state.mirror(mix_state.mirror(state, part), part) == state


@settings(max_examples=30, deadline=None)
@given(states())
def test_the_command_makes_the_same_job(state: MixState) -> None:
    """Where there is a command, the command line reads the very job from it that Keep submits."""
    text = command_of(state, Path("p"))
    if not text:
        return
    words = shlex.split(text)[4:]
    found: list[Job] = []
    kept = job_to_keep(state.mixture, state.held, state.free)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.commands.parts.run_job", lambda options, job: found.append(job))
        result = CliRunner().invoke(mix_command, words)
    assert result.exit_code == 0, result.output
    (typed,) = found
    assert isinstance(typed, MixJob)
    by_part: Callable[[tuple[Move, ...]], dict[str, list[Move]]] = lambda moves: {  # noqa: E731
        move.part: [one for one in moves if one.part == move.part] for move in moves
    }
    assert (typed.base, typed.parts, typed.removed, typed.copies) == (
        kept.base,
        kept.parts,
        kept.removed,
        kept.copies,
    )
    assert by_part(typed.moves) == by_part(kept.moves) and (typed.held, typed.free) == (kept.held, kept.free)


def test_orders_of_motions_that_no_command_has() -> None:
    state = MixState(mixture=Mixture(base="r/0"))
    shift, turn = ShiftMove(part="wing", by=(0.1, 0.2, 0.3)), TurnMove(part="wing", axis="y", degrees=15.0)
    assert not command_of(mix_state.move(mix_state.move(state, shift), turn), Path("p"))
    both = mix_state.move(mix_state.move(state, turn), shift)
    assert "--turn wing=y:15.0 --move wing=0.1,0.2,0.3" in command_of(both, Path("p"))
    assert mix_state.move(both, shift).mixture.moves[-1] == ShiftMove(part="wing", by=(0.2, 0.4, 0.6))
    assert not command_of(state, Path("p")), "nothing to make"
