"""Bringing shapes in: verdicts, samples, parts, and the jobs that are made of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine.datasets.parts import is_named as engine_is_named
from engine.datasets.procedural import CATEGORIES
from engine.datasets.summary import WORDS
from engine.jobs import ImportJob, PartsJob, RenameJob, SamplesJob
from engine.methods import preset
from engine.project import Project
from engine.rows import MADE
from studio.models.bring import FOR_CLOUDS, SAMPLES, VERDICTS, Bring, is_named
from studio.models.task import Task
from studio.models.train import Train
from tests.studio.conftest import settle
from tests.studio.train_project import Written, item


@pytest.fixture
def written(tmp_path: Path, qtbot: QtBot) -> Iterator[Written]:
    with Project.create(tmp_path / "p") as project:
        project.catalogue.add_items(
            [
                *(item(i) for i in range(3)),
                item(3, split=MADE),
                item(4, parts=("solid 1", "solid 2"), verdict="open", reason="It has holes."),
                item(5, usable=False, verdict="refused", reason="There is no surface.", parts=()),
                item(6, parts=("seat", "arm"), category="table"),
            ]
        )
    found = Written(tmp_path / "p")
    bring = found.opened.model(Bring)
    settle(qtbot, lambda: bring.ready, 30)
    yield found
    found.close()


def test_words_of_the_window_are_those_of_the_engine() -> None:
    assert SAMPLES == CATEGORIES
    assert set(VERDICTS) == set(WORDS) - {"network", "model"}
    for parts in ((), ("solid 3",), ("solid 1", "wing"), ("part 2",)):
        assert is_named(item(0, parts=parts)) == engine_is_named(item(0, parts=parts)), parts


def test_what_there_is(written: Written) -> None:
    bring = written.opened.model(Bring)
    assert len(bring.usable) == 5 and bring.words == "5 of 7 can be fitted"
    assert [one.id for one in bring.nameless] == [item(4).id]
    assert bring.parts["seat"] == 4 and list(bring.parts)[0] == "seat"
    refused = bring.verdicts[-1]
    assert (refused.mood, refused.count, refused.reasons) == ("bad", 1, (("chair 5", "There is no surface."),))
    assert sum(one.count for one in bring.verdicts) == len(bring.items)


def test_what_has_no_inside_is_for_clouds_alone(tmp_path: Path, qtbot: QtBot) -> None:
    assert getattr(preset("tiny3d", "tiny"), "without_inside", ()) == FOR_CLOUDS
    with Project.create(tmp_path / "p") as project:
        verdicts = ("points", "sheet", "refused")
        project.catalogue.add_items([item(i, verdict=one, usable=False) for i, one in enumerate(verdicts)])
        project.catalogue.add_items([item(3), item(4, name="chair 3", verdict="points", usable=False)])
    found = Written(tmp_path / "p")
    train = found.opened.model(Train)
    settle(qtbot, lambda: train.bring.ready, 30)
    assert train.bring.words == "1 of 5 can be fitted, 2 more as clouds", "labels of a mesh are no cloud"
    assert (train.to_fit, train.fit_obstacle) == (1, "")
    train.choose_method("tiny3d")
    assert (train.to_fit, train.fit_obstacle, train.categories) == (3, "", {"chair": 3})
    train.bring.items = tuple(one for one in train.bring.items if not one.usable)
    assert train.to_fit == 3 and not train.fit_obstacle
    train.choose_method("basis")
    assert train.to_fit == 0 and "choose the method “Clouds from words”" in train.fit_obstacle
    found.close()


def test_jobs_say_what_was_asked(written: Written, tmp_path: Path) -> None:
    bring = written.opened.model(Bring)
    bring.form.put("category", "chair")
    bring.form.put("thickness", 0.02)
    assert bring.bring_in([tmp_path / "a", tmp_path / "b.zip"])
    assert bring.find_parts() and bring.rename("seat", "  a   bench ")
    brought, parts, renamed = written.jobs
    assert isinstance(brought, ImportJob) and (brought.category, brought.thickness) == ("chair", 0.02)
    assert brought.paths == (str(tmp_path / "a"), str(tmp_path / "b.zip"))
    assert isinstance(parts, PartsJob) and not parts.items
    assert isinstance(renamed, RenameJob) and (renamed.old, renamed.new, renamed.merge) == ("seat", "a bench", False)
    assert bring.have_both("seat", "leg") == 4 and bring.have_both("seat", "bench") == 0


def test_items_with_other_parts_are_looked_at_anew(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, seen, forgotten = written.opened, list[str](), list[str]()
    opened.model(Bring)
    opened.current.show(item(4).id)
    opened.current.shape_changed.connect(seen.append)
    monkeypatch.setattr(opened.thumbnails, "forget", forgotten.append)
    for job, items in (
        (PartsJob(run="p"), [{"id": item(4).id, "parts": ["part 1"]}, {"id": item(5).id, "parts": []}]),
        (RenameJob(run="r", old="seat", new="bench"), [item(0).id]),
        (SamplesJob(run="s", category="chair", count=1), []),
    ):
        task = Task(job, result={"items": items})
        monkeypatch.setattr(opened.queue, "task", lambda run, task=task: task)
        opened.queue.ended.emit(job.run)
    assert seen == [item(4).id] and sorted(forgotten) == [item(0).id, item(4).id, item(5).id]


def test_nothing_is_brought_in_with_a_setting_that_is_wrong(written: Written, tmp_path: Path) -> None:
    bring = written.opened.model(Bring)
    bring.form.put("thickness", 7)
    assert not bring.bring_in([tmp_path / "a"]) and not written.jobs and written.told


def test_more_samples_are_other_ones(written: Written) -> None:
    bring = written.opened.model(Bring)
    assert bring.make_samples("chair", 5) and bring.make_samples("lamp", 5)
    chairs, lamps = written.jobs
    assert isinstance(chairs, SamplesJob) and isinstance(lamps, SamplesJob)
    assert chairs.seed == 1, "items of seed 0 are there already"
    assert lamps.seed == 0
