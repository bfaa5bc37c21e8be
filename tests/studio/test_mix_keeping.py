"""What is kept of a mix, by whom, and what is a draft."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine.card import ScaleMove
from engine.jobs import HealJob, MixJob, RerollJob
from engine.live_requests import Mixture
from engine.parts.settings import Blend
from engine.rows import ShapeRow
from studio.models.history import History
from studio.models.library import read_cards
from studio.models.mix import KEY, Mix
from studio.models.mix_state import MixState
from tests.studio.mix_bench import Bench
from tests.studio.test_mix_state import BASE_PARTS


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    with closing(Bench(tmp_path / "p")) as found:
        yield found


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
