"""Mixing without a window: edits are values, all of them can be undone, what is shown is asked for, what is kept are jobs."""

import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from engine.card import Move, ScaleMove, ShiftMove, TurnMove
from engine.commands.parts import mix as mix_command
from engine.jobs import GenerateJob, HealJob, Job, MixJob, RerollJob
from engine.live_client import Answer
from engine.live_protocol import Ask, Priority
from engine.live_requests import Decode, Joined, Joints, Meshes, Mixture, Piece, Request, job_to_keep
from engine.parts.settings import Blend
from engine.project import Project
from engine.rows import ShapeRow
from studio.models import mix_state
from studio.models.background import Background
from studio.models.history import History
from studio.models.library import Library, read_cards
from studio.models.live import Live
from studio.models.mix import KEY, Mix
from studio.models.mix_command import command_of
from studio.models.mix_state import MixState, slots_of
from studio.models.scene import Scene
from studio.models.thumbnails import Thumbnails
from studio.models.troubles import Trouble, Troubles

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


# with a project, and an engine that answers when it is told to -------------------------------------------------------
class ScriptedLive:
    """Remembers what was asked; the test answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, str, Callable[[Answer], None] | None]] = []

    def ask(
        self,
        request: Request,
        channel: str = "",
        priority: Priority = "now",
        then: Callable[[Answer], None] | None = None,
    ) -> int:
        self.asked.append((request, channel, then))
        return len(self.asked)

    def last(self, channel: str) -> Request:
        return [request for request, own, _ in self.asked if own == channel][-1]

    def give(self, content: object, channel: str, arrays: dict[str, np.ndarray] | None = None, text: str = "") -> None:
        request, _, then = [one for one in self.asked if one[1] == channel][-1]
        assert then is not None
        ask = Ask(id=1, channel=channel, request=request)
        state = "failed" if text else "done"
        then(Answer(ask, state, content, arrays or {}, text))  # type: ignore[arg-type]

    def show(self, **keys: str) -> None:
        """Answer with a triangle for each name whose key the asker does not have."""
        request = self.last("mix")
        assert isinstance(request, Decode)
        arrays: dict[str, np.ndarray] = {}
        for name, key in keys.items():
            if request.have.get(name) != key:
                arrays[f"vertices/{name}"] = np.eye(3, dtype=np.float32)
                arrays[f"faces/{name}"] = np.array([[0, 1, 2]], np.int32)
        pieces = tuple(Piece(name=name, part=name, key=key, colour=(0.1, 0.2, 0.3)) for name, key in keys.items())
        self.give(Meshes(resolution=64, pieces=pieces), "mix", arrays)


class Bench:
    """A mix of a project with two generations of one model and one of another."""

    def __init__(self, folder: Path) -> None:
        self.project = Project.create(folder)
        for run, model, parts in (
            ("g1", "train-9", BASE_PARTS),
            ("g2", "train-9", VOCABULARY),
            ("h", "other", ("body",)),
        ):
            self.project.submit(GenerateJob(run=run, model=model, count=2))
            self.project.catalogue.add_shapes(
                [ShapeRow(id=f"{run}/{i:04d}", run=run, row=i, kind="generated", present=parts) for i in range(2)]
            )
        self.live, self.scene, self.troubles = ScriptedLive(), Scene(), Troubles()
        self.told: list[Trouble] = []
        self.jobs: list[Job] = []
        self.troubles.told.connect(self.told.append)
        self.background = Background()
        self.history = History(self.project.catalogue)
        self.library = Library(self.project, self.background, self.history, self.troubles)
        self.mix = self.make()

    def make(self, history: History | None = None) -> Mix:
        """The model, as at the start of a window."""
        thumbnails = Thumbnails(self.background, lambda name: None)
        live: Live = self.live  # type: ignore[assignment]
        history = history or self.history
        found = Mix(self.project, self.library, thumbnails, history, live, self._submit, self.scene, self.troubles)
        found.wake(True)
        return found

    def _submit(self, job: Job) -> str:
        self.jobs.append(self.project.submit(job))
        return self.jobs[-1].run

    def close(self) -> None:
        self.background.close()
        self.project.close()


@pytest.fixture
def bench(tmp_path: Path, qtbot: object) -> Iterator[Bench]:
    found = Bench(tmp_path / "p")
    found.library._take(read_cards(tmp_path / "p"))
    yield found
    found.close()


def test_a_swap_asks_for_what_changed_and_touches_that_part_alone(bench: Bench) -> None:
    mix = bench.mix
    mix.begin("g1/0000")
    bench.live.show(body="b0", wing="w0", tail="t0")
    before = {part.name: part for part in bench.scene.shape(KEY).parts}
    assert [slot.origin for slot in mix.slots] == ["base", "base", "base", "absent"]
    mix.select_number(2)
    offered = {mix.donors.card(row).name for row in range(mix.donors.rowCount())}
    assert mix.selected == "wing"
    assert offered == {"g1/0001", "g2/0000", "g2/0001"}, "neither shapes of the other model nor the base's own part"
    mix.take("wing", "g2/0001")
    request = bench.live.last("mix")
    assert isinstance(request, Decode) and request.of.parts == {"wing": "g2/0001"}
    assert request.have == {"body": "b0", "wing": "w0", "tail": "t0"}
    bench.live.show(body="b0", wing="w1", tail="t0")
    after = {part.name: part for part in bench.scene.shape(KEY).parts}
    assert after["body"] is before["body"] and after["tail"] is before["tail"] and after["wing"] is not before["wing"]
    mix.remove("tail")
    bench.live.show(body="b0", wing="w1")
    assert {part.name for part in bench.scene.shape(KEY).parts} == {"body", "wing"}


def test_undo_goes_all_the_way_and_the_mix_outlives_the_window(bench: Bench) -> None:
    mix = bench.mix
    mix.begin("g1/0000")
    mix.take("wing", "g2/0000")
    assert bench.history.undo_text == f"Undo use the wing of {mix.title('g2/0000')}", (
        "“take back of” would be another verb"
    )
    mix.begin_gesture()
    for alpha in (0.9, 0.6, 0.3):
        mix.fade("wing", alpha)
    mix.lock("body", True)
    final = mix.state
    assert bench.history.undo_text == "Undo hold body"
    again = bench.make(History(bench.project.catalogue))
    assert again.state == final
    bench.history.undo()
    assert bench.history.undo_text == "Undo blend wing"
    bench.history.undo()
    slot = mix.slot("wing")
    assert slot and (slot.origin, slot.donors, slot.alpha) == ("taken", ("g1/0000", "g2/0000"), 1.0)
    bench.history.go_to(0)
    assert mix.state is None and not mix.slots
    bench.history.go_to(bench.history.entries[-1].seq)
    assert mix.state == final and bench.make(History(bench.project.catalogue)).state == final


def test_keep_makes_what_is_shown(bench: Bench) -> None:
    mix = bench.mix
    mix.begin("g1/0000")
    assert not mix.is_changed
    mix.take("wing", "g2/0000")
    mix.take("tail", "g2/0001")
    mix.fade("wing", 0.25)
    bench.scene.moved.emit(KEY, ScaleMove(part="tail", factors=(1.5, 1.5, 1.5)))
    mix.lock("tail", False)
    mix.keep()
    (kept,) = bench.jobs
    assert isinstance(kept, MixJob) and kept.parts == {"tail": "g2/0001"}
    assert kept.blends == {"wing": Blend(shapes=("g1/0000", "g2/0000"), alpha=0.25)}
    assert kept.moves == (ScaleMove(part="tail", factors=(1.5, 1.5, 1.5)),) and kept.free == ("tail",)
    assert "--blend wing=0.25:g1/0000,g2/0000" in mix.command


def test_what_was_kept_is_told_of_once_the_library_has_it(bench: Bench, qtbot: QtBot) -> None:
    mix, told = bench.mix, list[tuple[str, bool]]()
    mix.made.connect(lambda *what: told.append(what))
    mix.begin("g1/0000")
    mix.export()
    assert told == [("g1/0000", True)] and not bench.jobs, "the base itself is a shape already"
    mix.take("wing", "g2/0000")
    mix.export()
    shape = f"{bench.jobs[-1].run}/0000"
    mix.ended(bench.jobs[-1].run, (shape,))
    assert len(told) == 1
    row = ShapeRow(id=shape, run=bench.jobs[-1].run, row=0, kind="mixed", present=BASE_PARTS)
    bench.project.catalogue.add_shapes([row])
    bench.library._take(read_cards(bench.project.folder))
    assert told[1:] == [(shape, True)]
    bench.library._take(read_cards(bench.project.folder))
    assert len(told) == 2
    count = len(bench.jobs)
    able = [mix.can_keep]
    mix.export()
    assert told[2:] == [(shape, True)] and len(bench.jobs) == count, "what is kept already is not made twice"
    mix.take("tail", "g2/0000")
    able.append(mix.can_keep)
    mix.keep()
    mix.ended(bench.jobs[-1].run, ())
    assert [*able, mix.can_keep] == [False, True, True], "what could not be made can be tried again"


def test_reroll_and_heal_work_on_what_is_kept(bench: Bench) -> None:
    mix = bench.mix
    mix.begin("g1/0000")
    mix.select("wing")
    mix.reroll()
    (job,) = bench.jobs
    assert isinstance(job, RerollJob) and (job.shape, job.parts) == ("g1/0000", ("wing",)), "nothing had to be kept"
    mix.reroll()
    assert len(bench.jobs) == 1, "one at a time"
    mix.ended(job.run, ("g2/0000", "g2/0001"))
    assert not mix.waiting and mix.tray.rowCount() == 2
    mix.take("wing", "g2/0001")
    mix.heal()
    _, kept, heal = bench.jobs
    assert isinstance(heal, HealJob) and heal.shape == f"{kept.run}/0000"
    mix.ended(heal.run, ("g2/0000",))
    assert mix.state == MixState(mixture=Mixture(base="g2/0000")) and bench.history.undo_text == "Undo heal"
    mix.reroll("engine")
    mix.ended(bench.jobs[-1].run, ())
    assert not mix.waiting, "a job that failed leaves the panel free"


def made(bench: Bench, run: str) -> str:
    """A run of the mix has made its shape, and the library knows."""
    shape = f"{run}/0000"
    row = ShapeRow(id=shape, run=run, row=0, kind="mixed", present=BASE_PARTS)
    bench.project.catalogue.add_shapes([row])
    bench.project.finish(run, {"shapes": [shape]})
    bench.library._take(read_cards(bench.project.folder))
    bench.mix.ended(run, (shape,))
    return shape


def test_what_nobody_kept_is_a_draft(bench: Bench) -> None:
    """Healing makes a shape of the mixture and one of its own: neither stands in the library until somebody keeps it."""
    mix, library = bench.mix, bench.library

    def kept() -> set[str]:
        return {card.name for card in library.cards if card.kind == "shape"}

    before = kept()
    mix.begin("g1/0000")
    mix.take("wing", "g2/0000")
    mix.heal()
    shapes = [made(bench, job.run) for job in bench.jobs]
    assert kept() == before
    assert {card.name for card in library.drafts} == set(shapes)
    assert mix.base and mix.base.name == shapes[1]
    able = [mix.can_keep]
    mix.keep()
    able.append(mix.can_keep)
    assert len(bench.jobs) == 2 and able == [True, False], "it is there, and is only kept"
    assert kept() == {*before, shapes[1]}
    bench.history.undo()
    able.append(mix.can_keep)
    assert able[-1] and library.place(shapes[1]) == "drafts"
    bench.history.undo()
    assert [mix.base.name, mix.can_keep] == ["g1/0000", True], "nor was what was healed"
    mix.keep()
    able.append(mix.can_keep)
    library.remove(shapes[:1])
    able.append(mix.can_keep)
    assert able[-2:] == [False, True], "what was removed can be kept again"
    mix.keep()
    assert len(bench.jobs) == 2 and {*before, *shapes[:1]} == kept()


def test_healing_does_not_take_the_place_of_what_is_mixed_meanwhile(bench: Bench) -> None:
    mix = bench.mix
    mix.begin("g1/0000")
    mix.take("wing", "g2/0000")
    mix.heal()
    mix.begin("g2/0000")
    shapes = [made(bench, job.run) for job in bench.jobs]
    assert mix.base and mix.base.name == "g2/0000" and not mix.waiting
    assert "went on mixing" in bench.told[-1].text and shapes[1] in {card.name for card in bench.library.drafts}


def test_what_was_kept_is_not_kept_again_by_a_later_window(bench: Bench) -> None:
    """Also where it still stood in the queue when the window was closed; what failed can be kept again."""
    bench.mix.begin("g1/0000")
    bench.mix.take("wing", "g2/0000")
    bench.mix.keep()
    (job,) = bench.jobs

    def later(state: str) -> Mix:
        found = bench.make(History(bench.project.catalogue))
        found.resume({job.run: state}.get)  # type: ignore[arg-type]
        return found

    again = later("waiting")
    assert again.state == bench.mix.state and not again.can_keep
    again.keep()
    assert len(bench.jobs) == 1
    assert later("failed").can_keep
    made(bench, job.run)
    assert not later("finished").can_keep


def test_a_later_window_waits_for_what_was_healed_or_drawn(bench: Bench) -> None:
    bench.mix.begin("g1/0000")
    bench.mix.heal()
    (heal,) = bench.jobs

    def later(state: str) -> Mix:
        found = bench.make(History(bench.project.catalogue))
        found.resume({heal.run: state}.get if state else lambda run: "")  # type: ignore[arg-type]
        return found

    assert not later("").waiting, "a run that the queue does not have is not waited for"
    again = later("waiting")
    assert again.waiting == heal.run and not again.can_work
    again.heal()
    assert len(bench.jobs) == 1, "one at a time"
    again.ended(heal.run, ("g2/0000",))
    assert again.state == MixState(mixture=Mixture(base="g2/0000")) and not again.waiting
    assert not later("finished").waiting and later("waiting").can_work, "what has come is not waited for again"
    again.reroll("wing")
    heal = bench.jobs[-1]
    drawn = later("running")
    drawn.ended(heal.run, ("g2/0000", "g2/0001"))
    assert drawn.tray.rowCount() == 2
    again._work._jobs._wait(heal.run)
    assert later("failed").can_work


def test_the_view_says_what_is_prepared(bench: Bench, qtbot: QtBot) -> None:
    words = bench.scene.words
    bench.mix.begin("g1/0000")
    title = bench.mix.title("g1/0000")
    assert words.text(True) == "", "what comes soon needs no words"
    qtbot.waitUntil(lambda: words.text(True) == f"Preparing Mix of {title} …")
    bench.live.show(body="b0")
    assert not words.text(True)
    bench.mix.take("wing", "g2/0000")
    qtbot.wait(350)
    assert not words.text(False), "an edit of what is shown"


def test_what_does_not_fit_is_refused_with_a_sentence(bench: Bench) -> None:
    mix = bench.mix
    mix.begin("g1/0000")
    state = mix.state
    mix.take("body", "h/0000")
    assert "another model" in bench.told[-1].text and mix.state == state
    mix.take("engine", "g1/0001")
    assert "has no engine" in bench.told[-1].text and mix.state == state
    mix.reroll("engine")
    assert "no engine" in bench.told[-1].text and not bench.jobs
    bench.live.give(None, "mix", text="nothing would be left of the shape")
    assert bench.told[-1].text.startswith("Nothing would be left")
    mix.heal()
    mix.keep()
    assert not bench.jobs and not mix.can_work, "what cannot be made is not tried"
    mix.take("wing", "g2/0000")
    assert mix.can_work


def test_joints_are_told_and_asked_for_after_each_edit(bench: Bench) -> None:
    mix = bench.mix
    mix.begin("g1/0000")
    bench.live.give(Joined(score=0.2, words="wing and body gape", joints=()), "mix joints")
    assert (mix.score, mix.words) == (0.2, "wing and body gape")
    mix.take("wing", "g2/0000")
    assert mix.score == -1 and not mix.words, "not known any more"
    request = bench.live.last("mix joints")
    assert isinstance(request, Joints) and request.of.parts == {"wing": "g2/0000"}


def test_the_view_and_the_panel_choose_together(bench: Bench) -> None:
    mix = bench.mix
    mix.begin("g1/0000")
    bench.live.show(body="b0", wing="w0", tail="t0")
    bench.scene.select((KEY, "tail"))
    assert mix.selected == "tail"
    mix.select("wing")
    assert bench.scene.selected == (KEY, "wing")
    mix.duplicate("wing")
    assert mix.selected == "wing.2" and [slot.name for slot in mix.slots][-1] == "wing.2"


def test_faders_are_tried_without_leaving_a_trace(bench: Bench) -> None:
    mix = bench.mix
    mix.begin("g1/0000")
    mix.take("wing", "g2/0000")
    edits = len(bench.history.entries)
    mix.try_fade("wing", 0.5)
    request = bench.live.last("mix")
    assert isinstance(request, Decode) and request.of.blends["wing"].alpha == 0.5
    assert len(bench.history.entries) == edits and mix.state and not mix.state.mixture.blends


def test_a_large_library_costs_little_per_edit(bench: Bench) -> None:
    card = bench.library.card("g1/0000")
    assert card is not None
    bench.library._take([*bench.library.cards, *(replace(card, name=f"g1/{i:04d}", row=i) for i in range(2, 5000))])
    mix = bench.mix
    mix.begin("g1/0000")
    mix.select("wing")
    assert mix.donors.rowCount() == 5001
    start = time.process_time()
    for i in range(10):
        mix.take("wing", f"g1/{i + 10:04d}")
    assert (time.process_time() - start) / 10 < 0.05, "seconds of one edit, with the log"
