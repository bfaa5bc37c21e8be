"""Mixing without a window: all edits can be undone, and what is shown is asked for; see also test_mix_state and _keeping."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine.live_requests import Decode, Joined, Joints
from studio.models.history import History
from studio.models.mix import KEY
from tests.studio.mix_bench import Bench


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    with closing(Bench(tmp_path / "p")) as found:
        yield found


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
