"""The frame and its first panels, by clicks and keys, with engines that answer at once."""

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QDockWidget, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from engine import shipped
from engine.jobs import GenerateJob, SamplesJob
from studio.models.looking import Looking
from studio.models.make import Make
from studio.views.gallery import GalleryView
from studio.views.library import LibraryView
from studio.views.make import MakeView
from studio.views.queue_list import QueueList
from tests.studio.conftest import Desk, settle
from tests.studio.fakes import FAIL, SLOW, WORDS

LEFT = Qt.MouseButton.LeftButton


def view(desk: Desk) -> MakeView:
    found = desk.window.findChild(MakeView)
    assert isinstance(found, MakeView)
    return found


def test_generate_shows_shapes_in_gallery_and_library(desk: Desk, qtbot: QtBot) -> None:
    make = view(desk)
    make.count.setValue(5)
    before = make.seed.value()
    qtbot.mouseClick(make.go, LEFT)
    gallery, library = desk.window.findChild(GalleryView), desk.window.findChild(LibraryView)
    assert gallery is not None and library is not None
    settle(qtbot, lambda: gallery.list.model().rowCount() == 5 and library.cards.rowCount() == 5)
    settle(qtbot, lambda: bool(desk.opened.queue.done))
    task = desk.opened.queue.done[0]
    assert isinstance(task.job, GenerateJob) and task.job.seed == before and task.warnings
    assert task.job.whole and "2 drawn again" in gallery.words.text() and "crooked" in gallery.words.toolTip()
    assert make.seed.value() != before, "without the lock every generation gets another seed"
    place = gallery.list.visualRect(gallery.list.model().index(0, 0)).center()
    qtbot.mouseClick(gallery.list.viewport(), LEFT, pos=place)
    shape = desk.opened.current.shape
    assert shape == f"{task.run}/0000" and library.list.names == (shape,), "what is chosen is chosen everywhere"
    settle(qtbot, lambda: bool(desk.opened.model(Looking).scene.shapes))
    assert desk.opened.model(Looking).scene.shapes[0].part("seat") is not None
    settle(qtbot, lambda: desk.opened.thumbnails.image(shape) is not None)


def test_what_the_form_shows_is_what_is_asked(desk: Desk, qtbot: QtBot) -> None:
    make, model = view(desk), desk.opened.model(Make)
    desk.opened.queue.hold(True)
    qtbot.mouseClick(make.lock, LEFT)
    make.seed.setValue(7)
    arm = make._questions["part:arm"]
    arm.setCurrentIndex(arm.findData("absent"))
    arm.activated.emit(arm.currentIndex())
    qtbot.mouseClick(make.more, LEFT)
    assert make.steps.isVisible()
    make.steps.setValue(11)
    qtbot.mouseClick(make.whole, LEFT, pos=QPoint(8, make.whole.height() // 2))
    qtbot.keyClick(desk.window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(
        desk.window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    first, second = desk.opened.queue.waiting
    assert (first.run, second.run) == ("generate-0002", "generate-0001"), "the second went in front"
    for task in (first, second):
        job = task.job
        assert isinstance(job, GenerateJob)
        assert (job.seed, job.without, job.with_parts, job.changes) == (7, ("arm",), (), ("steps=11",))
        assert not job.whole
    assert model.seed == 7


def test_a_failed_job_says_so_in_one_sentence_with_details(desk: Desk, qtbot: QtBot) -> None:
    make = view(desk)
    make.seed.setValue(FAIL)
    qtbot.mouseClick(make.go, LEFT)
    banner = desk.window.banner
    settle(qtbot, banner.isVisible)
    assert WORDS in banner.words.text() and "\n" not in banner.words.text()
    assert not banner.text.isVisible()
    qtbot.mouseClick(banner.details, LEFT)
    assert banner.text.isVisible() and "InputError" in banner.text.toPlainText()
    qtbot.mouseClick(banner.copy, LEFT)
    assert WORDS in QApplication.clipboard().text()
    qtbot.mouseClick(banner.away, LEFT)
    assert not banner.isVisible()


def test_pause_go_on_and_cancel_by_the_strip(desk: Desk, qtbot: QtBot) -> None:
    make, strip, queue = view(desk), desk.window.strip, desk.opened.queue
    make.seed.setValue(SLOW)
    make.count.setValue(200)
    qtbot.mouseClick(make.go, LEFT)
    settle(qtbot, lambda: queue.running is not None and queue.running.done > 0)
    assert strip.progress.isVisible() and "Generate 200" in strip.words.text()
    qtbot.mouseClick(strip.pause, LEFT)
    settle(qtbot, lambda: queue.running is not None and queue.running.state == "paused")
    assert strip.pause.toolTip() == "Go on"
    qtbot.mouseClick(strip.pause, LEFT)
    settle(qtbot, lambda: queue.running is not None and queue.running.state == "running")
    qtbot.mouseClick(strip.cancel, LEFT)
    settle(qtbot, lambda: queue.running is None)
    assert [task.state for task in queue.done] == ["cancelled"] and not strip.progress.isVisible()


def test_the_queue_list_opens_with_q_and_moves_jobs(desk: Desk, qtbot: QtBot) -> None:
    dock = desk.window.findChild(QDockWidget, "queue")
    assert dock is not None and not dock.isVisible()
    qtbot.keyClick(desk.window, Qt.Key.Key_Q)
    assert dock.isVisible()
    desk.opened.queue.hold(True)
    runs = [desk.opened.submit(GenerateJob(model="train-0001", count=1)) for _ in range(3)]
    found = desk.window.findChild(QueueList)
    assert found is not None
    rows = found.rows
    assert [row.task.run for row in rows] == runs
    qtbot.mouseClick(
        next(b for b in rows[0].findChildren(type(desk.window.strip.pause)) if b.toolTip() == "Later"), LEFT
    )
    assert [task.run for task in desk.opened.queue.waiting] == [runs[1], runs[0], runs[2]]


def test_typing_in_a_field_is_no_shortcut(desk: Desk, qtbot: QtBot) -> None:
    library = desk.window.findChild(LibraryView)
    assert library is not None
    library.search.setFocus()
    qtbot.keyClicks(library.search, "quick")
    assert library.search.text() == "quick"
    dock = desk.window.findChild(QDockWidget, "queue")
    assert dock is not None and not dock.isVisible()


def test_stars_can_be_undone_by_the_menu(desk: Desk, qtbot: QtBot) -> None:
    library = desk.opened.library
    name = next(card.name for card in library.cards if card.kind == "model")
    desk.opened.current.choose((name,))
    qtbot.keyClick(desk.window, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    assert library.stars == {name}
    assert desk.window._undo.text() == "Undo star"
    qtbot.keyClick(desk.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert library.stars == set() and desk.window.strip.words.text() == "Undone: star"
    desk.window._redo.trigger()
    assert library.stars == {name} and desk.window.strip.words.text() == "Done again: star"
    desk.window.strip._old.timeout.emit()
    assert desk.window.strip.words.text() == "", "news go by themselves"


def test_welcome_makes_a_project_and_remembers_it(
    make_desk: Callable[..., Desk], folder: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    desk = make_desk()
    buttons = {b.text(): b for b in desk.window.welcome.findChildren(QPushButton)}
    assert "Generate" not in buttons, "no model came along"
    qtbot.mouseClick(buttons["Chairs"], LEFT)
    job = desk.opened.queue.tasks[0].job
    assert isinstance(job, SamplesJob) and job.category == "chair"
    desk.projects.close()
    assert desk.projects.create_somewhere("My shapes")
    made = desk.opened.folder
    assert made == tmp_path / "Documents" / "Shape Studio" / "My shapes"
    desk.projects.close()
    row = desk.window.welcome.recent[0]
    assert isinstance(row, QPushButton) and row.isVisible() and row.text() == made.name
    qtbot.mouseClick(row, LEFT)
    assert desk.opened.folder == made


def test_one_click_on_welcome_makes_the_first_shapes(
    shipped_chairs: Path, make_desk: Callable[..., Desk], qtbot: QtBot
) -> None:
    desk = make_desk()
    desk.preferences.save(workspace="Mix")
    start = next(b for b in desk.window.welcome.findChildren(QPushButton) if b.text() == "Generate")
    qtbot.mouseClick(start, LEFT)
    gallery = desk.window.findChild(GalleryView)
    assert gallery is not None
    settle(qtbot, lambda: gallery.list.model().rowCount() > 3 and gallery.isVisible())
    job = desk.opened.queue.tasks[0].job
    assert isinstance(job, GenerateJob) and job.model == "shipped:chair"
    assert desk.window.tabs.tabText(desk.window.tabs.currentIndex()) == "Make"


def test_each_model_that_came_along_has_a_button(
    shipped_chairs: Path, make_desk: Callable[..., Desk], qtbot: QtBot
) -> None:
    place = Path(os.environ[shipped.ELSEWHERE])
    for end in ("safetensors", "json"):
        text = (place / f"chair.{end}").read_bytes()
        (place / f"stool.{end}").write_bytes(text if end == "safetensors" else text.replace(b"Chairs", b"Stool"))
    desk = make_desk()
    buttons = {b.text(): b for b in desk.window.welcome.findChildren(QPushButton)}
    assert {"Chairs", "Stools", "Show me how"} <= set(buttons)
    qtbot.mouseClick(buttons["Stools"], LEFT)
    job = desk.opened.queue.tasks[0].job
    assert isinstance(job, GenerateJob) and job.model == "shipped:stool"


def test_make_remembers_what_was_chosen_in_a_project(shipped_chairs: Path, make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    assert desk.projects.open(shipped_chairs)
    make = desk.opened.model(Make)
    assert make.source is not None and make.source.name == "train-0001"
    make.choose("shipped:chair")
    make.set_category("")
    make.set_count(7)
    desk.projects.close()
    assert desk.projects.open(shipped_chairs)
    make = desk.opened.model(Make)
    assert make.source is not None and (make.source.name, make.category, make.count) == ("shipped:chair", "", 7)
    desk.projects.close()
    (shipped_chairs / "make.json").write_text('{"model": "gone", "category": "boat", "count": 5}')
    assert desk.projects.open(shipped_chairs)
    make = desk.opened.model(Make)
    assert make.source is not None and (make.source.name, make.category, make.count) == ("train-0001", "chair", 5)


def test_a_model_of_the_project_comes_before_those_that_came_along(
    shipped_chairs: Path, make_desk: Callable[..., Desk]
) -> None:
    desk = make_desk()
    assert desk.projects.open(shipped_chairs)
    assert [source.name for source in desk.opened.model(Make).sources] == ["train-0001", "shipped:chair"]


def test_layout_and_theme_are_remembered(make_desk: Callable[..., Desk], folder: Path, qtbot: QtBot) -> None:
    desk = make_desk()
    desk.projects.open(folder)
    settle(qtbot, lambda: bool(desk.opened.library.cards))
    qtbot.keyClick(desk.window, Qt.Key.Key_Q)
    desk.window._choose_theme("light")
    desk.window.close()
    again = make_desk()
    again.projects.open(folder)
    dock = again.window.findChild(QDockWidget, "queue")
    assert dock is not None
    settle(qtbot, dock.isVisible, 10)
    assert again.window.theme.choice == "light"


def test_each_workspace_shows_its_own_panels_and_keys(desk: Desk, qtbot: QtBot) -> None:
    tabs = desk.window.tabs
    assert [tabs.tabText(i) for i in range(2)] == ["Make", "Mix"]
    docks = {name: desk.window.findChild(QDockWidget, name) for name in ("library", "make", "mix")}
    generate = next(action for action in desk.window.menus["Model"].actions() if action.text() == "Generate")
    assert [name for name, dock in docks.items() if dock and dock.isVisible()] == ["library", "make"]
    assert generate.isVisible()
    qtbot.mouseClick(tabs, LEFT, pos=tabs.tabRect(1).center())
    assert [name for name, dock in docks.items() if dock and dock.isVisible()] == ["library", "mix"]
    assert not generate.isVisible(), "its key must not act where its panel is not"
    qtbot.mouseClick(tabs, LEFT, pos=tabs.tabRect(0).center())
    assert [name for name, dock in docks.items() if dock and dock.isVisible()] == ["library", "make"]


def test_a_second_window_is_refused_the_same_project(desk: Desk, make_desk: Callable[..., Desk], folder: Path) -> None:
    other = make_desk()
    assert not other.projects.open(folder)
    assert "another window" in other.told[-1].text


def test_every_control_has_a_name_or_words(desk: Desk) -> None:
    """For screen readers, and for people who hover."""
    from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox

    for widget in desk.window.findChildren(QAbstractButton):
        named = widget.text() or widget.accessibleName() or widget.toolTip()
        assert named or widget.objectName().startswith("qt_") or isinstance(widget.parent(), QLineEdit), widget
    fields = [*desk.window.findChildren(QComboBox), *desk.window.findChildren(QAbstractSpinBox)]
    assert len(fields) > 6
    assert [field for field in fields if not (field.accessibleName() or field.toolTip())] == []


def test_the_status_bar_says_what_computes(desk: Desk, qtbot: QtBot) -> None:
    settle(qtbot, lambda: desk.window.memory.text().startswith("Abacus 3000"))
    assert " GB" in desk.window.memory.text() and desk.window.offline.text() == "offline"
