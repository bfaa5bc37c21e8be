"""The prompt of the Make panel: typed, mended, asked for by Enter, remembered, queued as a list, seen forming in the view."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QMimeData, Qt
from pytestqt.qtbot import QtBot
from safetensors.numpy import save_file

from engine.jobs import GenerateJob, SplitJob
from engine.mailbox import Preview
from engine.methods import preset
from engine.project import Project
from engine.storage import write_json
from engine.text.asking import prompt_of
from engine.text.captions import vocabulary_of_captions
from studio.models.forming import KIND
from studio.models.gallery import Gallery
from studio.models.looking import Looking
from studio.models.make import Make
from studio.models.mix_kin import Kin
from studio.models.offers import offers
from studio.models.titles import command_of
from studio.models.watching import Watching, watched
from studio.views.gallery import GalleryView
from studio.views.make import MakeView
from studio.views.make_prompt import PromptLine
from studio.views.timeline import TimelineView
from tests.studio.conftest import FAKES, Desk, activate, settle

LEFT = Qt.MouseButton.LeftButton
Key = Qt.Key


@pytest.fixture
def asked(make_desk: Callable[..., Desk], folder: Path, qtbot: QtBot) -> tuple[Desk, MakeView, PromptLine]:
    """A window whose newest model reads words, as far as the window can see."""
    with Project(folder) as project:
        run = project.catalogue.new_run("train", "tiny3d")
        project.catalogue.end_run(run, "finished")
        keep_reader(project.run_folder(run) / "model.safetensors")
    desk = make_desk(FAKES)
    assert desk.projects.open(folder)
    desk.opened.current.go_to("Make")
    settle(qtbot, lambda: bool(desk.opened.library.cards))
    view = desk.window.findChild(MakeView)
    assert view is not None
    desk.opened.model(Make).choose(run)
    activate(qtbot, desk.window)
    view.prompt.line.setFocus()
    return desk, view, view.prompt.line


def keep_reader(path: Path) -> None:
    about = {"settings": msgspec.to_builtins(preset("tiny3d", "smoke")), "categories": ["chair", "table"]}
    text = msgspec.json.encode({"type": "model", "about": about}).decode()
    words = msgspec.json.encode(vocabulary_of_captions(("chair", "table")).words)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"representation.words": np.frombuffer(words, np.uint8)}, path, metadata={"shape_studio": text})


def jobs(desk: Desk) -> list[GenerateJob]:
    """All generations that were asked for, in their order."""
    tasks = sorted(desk.opened.queue.tasks, key=lambda task: task.run)
    return [task.job for task in tasks if isinstance(task.job, GenerateJob)]


def test_candidates_are_asked_for_where_they_can_be_ranked(
    asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot
) -> None:
    desk, view, line = asked
    make = desk.opened.model(Make)
    assert not view.candidates.isVisible() and make.source is not None
    make.source = dataclasses.replace(make.source, ranks=True)
    make.changed.emit()
    assert view.candidates.isVisible()
    view.candidates.setValue(4)
    qtbot.keyClicks(line, "a round table")
    qtbot.keyClick(line, Key.Key_Return)
    (job,) = jobs(desk)
    assert job.candidates == 4 and "--candidates 4" in command_of(job, desk.opened.folder)
    make.prompting.candidates = 1
    assert make.recall(job) and view.candidates.value() == 4


def test_enter_asks_for_what_was_typed(asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot) -> None:
    desk, view, line = asked
    assert view.prompt.isVisible() and not view.category.isVisible()
    view.points.setValue(512)
    qtbot.keyClicks(line, "a chair without arms")
    assert view.prompt.nearest.text()
    qtbot.keyClick(line, Key.Key_Return)
    (job,) = jobs(desk)
    assert prompt_of(job.changes) == "a chair without arms" and job.category == "" and job.points == 512
    qtbot.keyClicks(line, " or wheels")
    qtbot.keyClick(line, Key.Key_Up)
    assert line.toPlainText() == "a chair without arms"
    qtbot.keyClick(line, Key.Key_Down)
    assert line.toPlainText() == "a chair without arms or wheels", "what was typed is not lost"


@pytest.mark.parametrize("typed", ["", "  ", "?!"])
def test_without_words_nothing_is_asked_for(typed: str, asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot) -> None:
    desk, view, line = asked
    qtbot.keyClicks(line, typed)
    qtbot.keyClick(line, Key.Key_Return)
    assert not jobs(desk) and desk.told[-1].note
    view.seed.setFocus()
    qtbot.mouseClick(view.go, LEFT)
    settle(qtbot, line.hasFocus)
    assert not jobs(desk) and ("no word" in view.prompt.warning.text()) == (typed == "?!")


def test_slips_are_marked_and_mended(asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot) -> None:
    _, view, line = asked
    qtbot.keyClicks(line, "a chiar with xylophones")
    assert "chiar is read as chair" in view.prompt.warning.text() and "xylophones" in view.prompt.warning.text()
    assert {mark.cursor.selectedText() for mark in line.extraSelections()} == {"chiar", "xylophones"}
    qtbot.mouseClick(view.prompt.mend, LEFT)
    assert line.toPlainText() == "a chair with xylophones"
    line.undo()
    assert line.toPlainText() == "a chiar with xylophones"
    line.redo()
    assert not view.prompt.mend.isVisible() and "read as" not in view.prompt.warning.text()


def test_a_list_is_queued_at_once(asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot) -> None:
    desk, view, line = asked
    data = QMimeData()
    data.setText("a chair\n# remarks do not count\n\na round table\na stool\n")
    line.insertFromMimeData(data)
    assert "3 prompts" in view.prompt.nearest.text()
    qtbot.mouseClick(view.go, LEFT)
    settle(qtbot, lambda: len(jobs(desk)) == 3)
    assert [prompt_of(job.changes) for job in jobs(desk)] == ["a chair", "a round table", "a stool"]
    assert len({job.seed for job in jobs(desk)}) == 1


def test_a_long_list_does_not_block_the_window_and_keeps_its_order(
    asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot, folder: Path
) -> None:
    """Each job is put into the queue by itself; what has not come when the project is closed is there all the same."""
    desk, _, line = asked
    queue, make = desk.opened.queue, desk.opened.model(Make)
    queue.hold(True)
    line.setPlainText("a stool")
    make.generate()
    prompts = [f"a chair with {number} legs" for number in range(8)]
    line.setPlainText("\n".join(prompts))
    run = make.generate(first=True)
    assert [task.run for task in queue.waiting][0] == run and len(queue.waiting) <= 3
    settle(qtbot, lambda: len(queue.waiting) == 9)
    assert waiting(desk) == [*prompts, "a stool"]
    queue.clear()
    make.generate()
    desk.projects.close()
    assert desk.projects.open(folder)
    assert waiting(desk) == [*prompts, "a stool", *prompts]


def waiting(desk: Desk) -> list[str]:
    return [prompt_of(task.job.changes) for task in desk.opened.queue.waiting if isinstance(task.job, GenerateJob)]


def test_a_cloud_that_goes_on_in_a_project_opened_again_is_followed(
    asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot, folder: Path
) -> None:
    desk, _, line = asked
    desk.opened.queue.hold(True)
    line.setPlainText("a chair")
    run = desk.opened.model(Make).generate()
    desk.projects.close()
    assert desk.projects.open(folder)
    settle(qtbot, lambda: bool(desk.opened.library.cards))
    gallery, watching = desk.opened.model(Gallery), desk.opened.model(Watching)
    desk.opened.queue.hold(False)
    settle(qtbot, lambda: gallery.run == run)
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (1, 30, 3)).astype(np.float16)
    state, pictures = np.array([1], np.uint8), np.zeros((1, 8, 8, 3), np.uint8)
    desk.opened.session.pictured.emit(run, Preview(KIND, {"points": points, "state": state, "pictures": pictures}))
    assert watching.name == f"{run}/0000"


def test_of_clouds_whose_training_shapes_are_not_here_none_is_offered(
    asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot
) -> None:
    desk, _, line = asked
    qtbot.keyClicks(line, "a chair")
    qtbot.keyClick(line, Key.Key_Return)
    run, view = jobs(desk)[0].run, desk.window.findChild(GalleryView)
    settle(qtbot, lambda: desk.opened.library.card(f"{run}/0000") is not None)
    assert view is not None and desk.opened.library.card(f"{run}/0000").cloud  # type: ignore[union-attr]
    for nearest in ("", "fit/chair"):
        desk.opened.current.show("")
        desk.opened.library.card(f"{run}/0000").nearest = nearest  # type: ignore[union-attr]
        desk.opened.current.show(f"{run}/0000")
        assert view.beside.isVisible() == bool(nearest)


def test_a_list_that_is_too_long_is_refused_at_once(asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot) -> None:
    desk, view, line = asked
    data = QMimeData()
    data.setText("\n".join(f"a chiar of {number} pieces" for number in range(1_000)))
    began = time.process_time()
    line.insertFromMimeData(data)
    assert time.process_time() - began < 1
    assert "1,000 prompts are more than" in view.prompt.warning.text()
    qtbot.mouseClick(view.go, LEFT)
    assert not jobs(desk)


def test_examples_are_made_by_a_click(asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot) -> None:
    desk, view, line = asked
    assert view.prompt.examples
    words = view.prompt.examples[0].accessibleName()
    qtbot.mouseClick(view.prompt.examples[0], LEFT)
    assert [prompt_of(job.changes) for job in jobs(desk)] == [words] and line.toPlainText() == words
    assert not any(one.isVisible() for one in view.prompt.examples), "there is something else to read now"


def test_words_are_kept_for_the_next_time(asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot) -> None:
    desk, _, line = asked
    qtbot.keyClicks(line, "a round table")
    qtbot.keyClick(line, Key.Key_Return)
    folder = desk.opened.folder
    desk.projects.close()
    assert desk.projects.open(folder)
    make = desk.opened.model(Make)
    assert make.reads and make.prompting.text == "a round table" and make.prompting.recent == ["a round table"]
    make.choose(make.sources[-1].name)
    job = desk.opened.model(Make).job
    assert job is not None and not job.changes, "others are not asked in words"


def test_a_cloud_is_watched_until_it_is_there(asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot) -> None:
    desk, _, line = asked
    qtbot.keyClicks(line, "a chair")
    qtbot.keyClick(line, Key.Key_Return)
    scene, watching = desk.opened.model(Looking).scene, desk.opened.model(Watching)
    run = jobs(desk)[0].run
    points = np.zeros((2, 30, 3), np.float16)
    points[1] = np.random.default_rng(0).uniform(-0.4, 0.4, (30, 3))
    state, pictures = np.array([0, 1], np.uint8), np.zeros((2, 8, 8, 3), np.uint8)
    seen = Preview(KIND, {"points": points, "state": state, "pictures": pictures})
    desk.opened.session.pictured.emit(run, seen)
    assert watching.name == f"{run}/0001" and [shape.is_cloud for shape in scene.shapes] == [True]
    red = np.tile(np.array([1, 0, 0], np.float16), (2, 30, 1))
    nearer = Preview(KIND, {"points": points / 2, "colours": red, "state": state, "pictures": pictures})
    desk.opened.session.pictured.emit(run, nearer)
    ((ball,),) = [shape.parts for shape in scene.shapes]
    assert ball.colours is not None and (ball.colours == (1, 0, 0)).all()
    settle(qtbot, lambda: desk.opened.current.shape == f"{run}/0001")
    assert not watching.name
    desk.opened.session.pictured.emit(run, seen)
    assert not watching.name, "what is over is not watched any more"


def test_clouds_know_their_words_and_what_becomes_of_them(
    asked: tuple[Desk, MakeView, PromptLine], qtbot: QtBot
) -> None:
    desk, _, line = asked
    qtbot.keyClicks(line, "a chair with wheels")
    qtbot.keyClick(line, Key.Key_Return)
    run = jobs(desk)[0].run
    settle(qtbot, lambda: desk.opened.library.card(f"{run}/0000") is not None)
    card = desk.opened.library.card(f"{run}/0000")
    assert card is not None and card.cloud and card.prompt == "a chair with wheels" and card.category == "chair"
    lines = [offer.text for group in offers(desk.opened, [card.name]) for offer in group]
    assert {"Make a mesh", "Split into parts"} <= set(lines) and "Find nearest training shapes" not in lines
    desk.opened.current.choose((card.name,))
    desk.opened.current.go_to("Morph")
    timeline = desk.window.findChild(TimelineView)
    assert timeline is not None and not timeline.begin.isEnabled() and "split" in timeline.begin.toolTip()
    timeline.timeline.add((card.name,))
    assert timeline.timeline.state is None and "split" in desk.told[-1].text


def test_the_same_cloud_is_watched_while_it_changes() -> None:
    nothing = np.zeros((3, 4, 3))
    first, both = nothing.copy(), nothing.copy()
    first[1] = both[1] = 1
    both[2] = 1
    assert watched(nothing, nothing, 0) is None
    assert watched(first, nothing, 0) == 1 and watched(both, first, 1) == 2
    assert watched(both + 0.5, both, 2) == 2 and watched(both, nothing[:, :2], 0) == 1
    assert watched(both, both, 1) is None, "what stands still stays in the view"


def test_shapes_whose_parts_were_found_mix_with_those_of_the_same_model(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        for run, job in (
            ("split-0001", SplitJob(shapes=("generate-0001/0000",))),
            ("generate-0002", GenerateJob(model="shipped:chair", count=1)),
            ("generate-0003", GenerateJob(model="shipped:chair@0123", count=1)),
        ):
            project.run_folder(run).mkdir(parents=True)
            write_json(project.run_folder(run) / "job.json", replace(job, run=run))
        told = project.run_folder("split-0001") / "model.json"
        write_json(told, {"model": "shipped:chair@0123", "hash": "0123"})
        assert Kin(project).root("split-0001") == Kin(project).root("generate-0002")
        assert Kin(project).root("generate-0002") == Kin(project).root("generate-0003") == "shipped:chair"
        told.unlink()
        assert Kin(project).root("split-0001") == "split-0001", "what is not known mixes with nothing"
