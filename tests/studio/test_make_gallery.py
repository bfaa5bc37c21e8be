"""The gallery: shapes appear while they form, can be stopped early and kept, and stand beside what they are nearest to."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from engine.jobs import GenerateJob
from engine.live_requests import known_name
from studio.models.looking import Looking
from studio.models.make import Make
from studio.models.offers import offers
from studio.models.opened import ENGINES, Engines
from studio.views.gallery import GalleryView
from studio.views.make import MakeView
from studio.widgets.waits import Waits
from tests.studio.conftest import Desk, settle
from tests.studio.forming_fakes import COLOUR

LEFT = Qt.MouseButton.LeftButton
COUNT = 5
FIRM, WEAK = "one piece", "delicate"
THUMBNAIL = (90, 120, 150)  # of what the fake engine draws of a shape


@pytest.fixture
def forming(make_desk: Callable[..., Desk], folder: Path, qtbot: QtBot) -> Desk:
    found = make_desk(Engines("tests.studio.forming_fakes:run", "tests.studio.fakes:FakeAnswers"))
    assert found.projects.open(folder)
    qtbot.waitUntil(lambda: bool(found.opened.library.cards), timeout=20_000)
    return found


def views(desk: Desk) -> tuple[MakeView, GalleryView]:
    make, gallery = desk.window.findChild(MakeView), desk.window.findChild(GalleryView)
    assert make is not None and gallery is not None
    return make, gallery


def begin(desk: Desk, qtbot: QtBot) -> tuple[GalleryView, Callable[[int], None], str]:
    """Press Generate -> the gallery, how to let the engine go on, and the run."""
    make, gallery = views(desk)
    make.count.setValue(COUNT)
    qtbot.mouseClick(make.go, LEFT)
    settle(qtbot, lambda: desk.opened.queue.running is not None)
    assert desk.opened.queue.running is not None
    run = desk.opened.queue.running.run
    place = desk.opened.project.run_folder(run) / "go"
    return gallery, lambda step: void(place.write_text(str(step))), run


def void(_: object) -> None: ...


def notes(gallery: GalleryView) -> list[str]:
    model = gallery._gallery.cards
    return [model.card(row).note for row in range(model.rowCount())]


def pictured(gallery: GalleryView, row: int, wanted: tuple[int, int, int] = COLOUR) -> bool:
    image = gallery.list.model().index(row, 0).data(Qt.ItemDataRole.DecorationRole)
    if not isinstance(image, QImage):
        return False
    colour = image.pixelColor(3, 3)
    return (colour.red(), colour.green(), colour.blue()) == wanted


def test_shapes_are_seen_while_they_form_and_then_are_there(forming: Desk, qtbot: QtBot) -> None:
    gallery, go_to, run = begin(forming, qtbot)
    assert gallery.list.model().rowCount() == 0 and gallery.stop.isVisible() and gallery.stop.text() == "Stop"
    go_to(1)
    settle(qtbot, lambda: notes(gallery) == ["taking shape"] * COUNT)
    assert all(pictured(gallery, row) for row in range(COUNT))
    assert not gallery.list.isHidden() and gallery.list.isVisible()
    place = gallery.list.visualRect(gallery.list.model().index(0, 0)).center()
    qtbot.mouseClick(gallery.list.viewport(), LEFT, pos=place)
    assert not gallery.list.names and not forming.opened.current.shape, "what is not there yet cannot be opened"
    go_to(2)
    settle(qtbot, lambda: notes(gallery) == [FIRM, WEAK] + ["taking shape"] * 3)
    settle(qtbot, lambda: all(pictured(gallery, row, THUMBNAIL) for row in range(2)))
    assert all(pictured(gallery, row) for row in range(2, COUNT)), "the others are still rough"
    qtbot.mouseClick(gallery.list.viewport(), LEFT, pos=place)
    assert forming.opened.current.shape == f"{run}/0000", "what stays can be used at once"
    assert gallery.stop.text() == "Stop, keep 2" and "2 of 5 shapes are ready" in gallery.words.text()
    assert gallery.progress.value() == 100 * 2 // COUNT
    go_to(3)
    settle(qtbot, lambda: notes(gallery) == [f"new  ·  {one}" for one in (FIRM, WEAK, FIRM, FIRM, "flawed")])
    assert [gallery._gallery.cards.card(row).mood for row in range(3)] == ["good", "warn", "good"]
    assert "made with seed" in gallery.words.text()
    assert not gallery.stop.isVisible() and not gallery.go_on.isVisible()
    assert forming.opened.library.card(f"{run}/0004") is gallery._gallery.cards.card(4)


def test_stopped_early_what_is_finished_is_kept_and_the_rest_can_follow(forming: Desk, qtbot: QtBot) -> None:
    gallery, go_to, run = begin(forming, qtbot)
    go_to(2)
    settle(qtbot, lambda: gallery.stop.text() == "Stop, keep 2")
    qtbot.mouseClick(gallery.stop, LEFT)
    settle(qtbot, lambda: notes(gallery) == [f"new  ·  {one}" for one in (FIRM, WEAK)])
    assert "Stopped: 2 of 5 shapes kept" in gallery.words.text()
    assert [shape.id for shape in forming.opened.project.catalogue.shapes(run)] == [f"{run}/0000", f"{run}/0001"]
    qtbot.mouseClick(gallery.go_on, LEFT)
    go_to(3)
    settle(qtbot, lambda: len(notes(gallery)) == COUNT and "flawed" in notes(gallery)[-1])
    assert not gallery.go_on.isVisible()


def test_what_waits_says_so_where_it_was_asked_for_and_can_go_first(forming: Desk, qtbot: QtBot) -> None:
    gallery, go_to, first = begin(forming, qtbot)
    waits, queue = gallery.findChild(Waits), forming.opened.queue
    assert waits is not None and not waits.isVisible()
    qtbot.mouseClick(views(forming)[0].go, LEFT)
    settle(qtbot, waits.isVisible)
    assert "waits behind Generate 5" in waits.words.text()
    second = queue.waiting[0].run
    qtbot.mouseClick(waits.first, LEFT)
    settle(qtbot, lambda: queue.running is not None and queue.running.run == second)
    assert [task.run for task in queue.waiting] == [first] and not waits.isVisible()


def test_what_made_a_shape_can_be_asked_for_again(forming: Desk, qtbot: QtBot) -> None:
    make = forming.opened.model(Make)
    make.answer("attribute:legs", "star")
    make.answer("part:arm", "absent")
    make.set_drawing(int(make.steps) + 3, 1.5)
    _, go_to, run = begin(forming, qtbot)
    asked = forming.opened.project.job(run)
    go_to(3)
    settle(qtbot, lambda: forming.opened.library.card(f"{run}/0000") is not None)
    make.clear()
    make.set_count(2)
    make.choose(make.source.name if make.source else "")
    groups = offers(forming.opened, [f"{run}/0000"])
    again = next(one for group in groups for one in group if one.text == "Ask for the same again")
    assert again.work is not None and make.job != replace(asked, run="")
    again.work()
    assert make.job == replace(asked, run="") and not forming.told
    assert isinstance(asked, GenerateJob) and make.recall(replace(asked, changes=("sampler.eta=1",)))
    assert "all that was asked for then" in forming.told[-1].text


@pytest.mark.slow
def test_stopped_before_anything_is_there_nothing_stays(forming: Desk, qtbot: QtBot) -> None:
    gallery, go_to, _ = begin(forming, qtbot)
    go_to(1)
    settle(qtbot, lambda: len(notes(gallery)) == COUNT)
    qtbot.mouseClick(gallery.stop, LEFT)
    settle(qtbot, lambda: not notes(gallery))
    assert "no shape was finished" in gallery.words.text() and not forming.told


def test_the_nearest_training_shape_stands_beside_it(forming: Desk, qtbot: QtBot) -> None:
    gallery, go_to, run = begin(forming, qtbot)
    go_to(3)
    settle(qtbot, lambda: len(notes(gallery)) == COUNT and "new" in notes(gallery)[0])
    gallery.list.choose(f"{run}/0001")
    current, scene = forming.opened.current, forming.opened.model(Looking).scene
    assert (current.shape, current.beside) == (f"{run}/0001", "")
    assert "chair-1" in gallery.beside.toolTip()
    gallery.list.setFocus()
    qtbot.keyClick(gallery.list, Qt.Key.Key_N)
    assert current.beside == known_name(run, "chair-1") and gallery.beside.isChecked()
    settle(qtbot, lambda: len(scene.shapes) == 2)
    assert scene.shapes[1].title == "Training shape 1"
    gallery.list.choose(f"{run}/0002")
    assert current.beside == known_name(run, "chair-2"), "it stays on from shape to shape"
    qtbot.mouseClick(gallery.beside, LEFT)
    assert current.beside == "" and current.shape == f"{run}/0002"


def test_with_the_real_engine_and_a_model_that_comes_along(
    make_desk: Callable[..., Desk], qtbot: QtBot, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHAPESTUDIO_MODELS")
    desk = make_desk(ENGINES)
    assert desk.projects.create(tmp_path / "New")
    make, gallery = views(desk)
    desk.opened.model(Make).choose("shipped:airplane")
    make.count.setValue(2)
    seen: set[str] = set()
    gallery._gallery.changed.connect(lambda: seen.update(notes(gallery)))
    qtbot.mouseClick(make.go, LEFT)
    settle(qtbot, lambda: len(desk.opened.queue.done) == 1)
    assert desk.opened.queue.done[0].state == "finished", desk.opened.queue.done[0].text
    settle(qtbot, lambda: all(FIRM in note or WEAK in note for note in notes(gallery)) and len(notes(gallery)) == 2)
    assert "taking shape" in seen
    name = f"{desk.opened.queue.done[0].run}/0000"
    gallery.list.choose(name)
    qtbot.mouseClick(gallery.beside, LEFT)
    scene = desk.opened.model(Looking).scene
    settle(qtbot, lambda: len(scene.shapes) == 2)
    assert scene.shapes[1].title.startswith("Training shape ") and scene.shapes[1].parts
    assert not desk.told
