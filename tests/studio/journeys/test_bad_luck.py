"""A full disk, a lack of memory, files that are none: one sentence each in the window, and nothing is lost."""

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt

from engine.project import Project
from studio.models.opened import ENGINES
from studio.views.library import LibraryView
from studio.views.make import MakeView
from studio.views.queue_list import QueueList
from tests.studio.conftest import Desk
from tests.studio.fakes import SLOW
from tests.studio.journeys.person import CONTROL, Person
from tests.studio.journeys.soundness import check_project
from tests.studio.monkey_project import make_files
from tests.studio.test_journey import make_project


@contextmanager
def limited(pid: int, what: int, most: int) -> Iterator[None]:
    """Another process gets no more than ``most`` of something, as where the disk or the memory is full."""
    _, hard = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (most, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, what, (hard, hard))


@contextmanager
def full(database: sqlite3.Connection) -> Iterator[None]:
    """SQLite finds no room for one more page."""
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    before = database.execute("PRAGMA max_page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        database.execute(f"PRAGMA max_page_count = {before}")


def generate(me: Person, count: int, seed: int) -> None:
    """Type a count and a seed, and click Generate."""
    make = me.sees(MakeView)
    me.write(make.count, str(count))
    me.write(make.seed, str(seed))
    me.click(make.go)


def the_sentence(desk: Desk) -> str:
    """What the banner says, which is one sentence on one line, without a traceback."""
    words = desk.window.banner.words.text()
    assert desk.window.banner.isVisible() and "\n" not in words and "Traceback" not in words and len(words) < 300
    assert desk.window.banner.away.isEnabled()
    return words


def go_on(me: Person, desk: Desk) -> None:
    """Take the message away, and go on with the job that failed."""
    me.click(desk.window.banner.away)
    me.window.activateWindow()
    me.click(desk.window.strip.count)
    rows = me.sees(QueueList)
    me.press("Go on with it", within=rows)
    me.wait(lambda: desk.opened.queue.count == 0, 300, "the job to end")
    task = desk.opened.queue.done[0]
    assert task.state == "finished", task.text


def test_the_disk_of_the_engine_is_full(desk: Desk, folder: Path, tmp_path: Path) -> None:
    me = Person(desk.window, tmp_path / "pictures", "f")
    me.wait(lambda: desk.opened.session.pid is not None)
    generate(me, 20, SLOW)
    me.wait(lambda: desk.opened.queue.running is not None and desk.opened.queue.running.done > 2)
    pid = desk.opened.session.pid
    assert pid is not None
    with limited(pid, resource.RLIMIT_FSIZE, 0):
        me.wait(lambda: bool(desk.opened.queue.done), 60, "the job to fail")
        assert desk.opened.queue.done[0].state == "failed"
        assert "make room" in the_sentence(desk) or "make some" in the_sentence(desk)
        assert desk.opened.session.pid == pid, "no engine dies of its log"
        me.shoot("the disk of the engine is full")
    go_on(me, desk)
    me.wait(lambda: desk.opened.library.count("shape") == 20)
    check_project(folder, models=False, closed=False)


def test_the_disk_of_the_window_is_full(
    desk: Desk, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = Person(desk.window, tmp_path / "pictures", "f")
    generate(me, 2, 1)
    library = desk.opened.library
    me.wait(lambda: library.count("shape") == 2)
    shapes = me.sees(LibraryView).list
    me.click_card(shapes, 0)
    while True:  # the last page may have room for an edit or two
        stars = set(library.stars)
        with full(desk.opened.project.catalogue._db):
            me.keys(Qt.Key.Key_B, CONTROL)
        if desk.told:
            break
    assert "make room" in the_sentence(desk) and library.stars == stars, "what cannot be kept has not happened"
    me.click(desk.window.banner.away)

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device", str(folder / "queue.json"))

    with monkeypatch.context() as patched:
        patched.setattr("engine.storage.os.fsync", no_room)
        generate(me, 2, 2)
        assert "no room is left" in the_sentence(desk).lower()
        me.shoot("the disk of the window is full")
        before = len(desk.told)
        me.keys(Qt.Key.Key_Q)  # anything goes on
        desk.window.resize(1300, 820)
        desk.window.close()
        assert not desk.window.isVisible() and desk.projects.current is None, "a full disk keeps no window open"
        assert len(desk.told) > before
    assert desk.projects.open(folder)  # as another window would
    me.wait(lambda: desk.opened.library.count("shape") == 2)
    check_project(folder, models=False, closed=False)


def test_bad_projects_are_told(desk: Desk, tmp_path: Path) -> None:
    """A folder that is none, a catalogue that is damaged, a queue that is."""
    me = Person(desk.window, tmp_path / "pictures", "f")
    (tmp_path / "nothing").mkdir()
    Project.create(tmp_path / "damaged").close()
    (tmp_path / "damaged" / "catalogue.sqlite").write_bytes(b"cheese" * 1000)
    Project.create(tmp_path / "queue").close()
    (tmp_path / "queue" / "queue.json").write_text("{")
    for name, words in (("nothing", "is not a project"), ("damaged", "is damaged"), ("queue", "could not be read")):
        me.open(tmp_path / name)
        assert words in the_sentence(desk)
        me.shoot(f"a project, {name}")
        me.click(desk.window.banner.away)
    me.open(tmp_path / "Chairs")
    assert desk.opened.folder.name == "Chairs" and len(desk.told) == 3, "what could not be opened holds nothing"


@pytest.mark.slow
def test_the_memory_of_the_engine_is_full(make_desk: Callable[..., Desk], folder: Path, tmp_path: Path) -> None:
    make_project(tmp_path / "Real")
    desk = make_desk(ENGINES)
    me = Person(desk.window, tmp_path / "pictures", "f")
    me.open(tmp_path / "Real")
    generate(me, 1, 1)
    me.wait(lambda: bool(desk.opened.queue.done), 500, "the first shape")
    pid = desk.opened.session.pid
    assert pid is not None
    with limited(pid, resource.RLIMIT_AS, psutil.Process(pid).memory_info().vms + (1 << 20)):
        generate(me, 2, 2)
        me.wait(lambda: len(desk.opened.queue.done) == 2, 500, "the lack of memory")
        assert desk.opened.queue.done[0].state == "failed"
        assert "memory" in the_sentence(desk)
        me.shoot("out of memory")
    go_on(me, desk)
    check_project(tmp_path / "Real", closed=False)


@pytest.mark.slow
def test_files_that_are_none(make_desk: Callable[..., Desk], folder: Path, tmp_path: Path) -> None:
    make_files(tmp_path / "files")
    desk = make_desk(ENGINES)
    me = Person(desk.window, tmp_path / "pictures", "f")
    me.open(folder)
    queue, library = desk.opened.queue, desk.opened.library
    assert me.drop_files(me.window, [tmp_path / "files" / "broken.zip"])
    me.wait(lambda: len(queue.done) == 1, 500, "the broken archive")
    assert "cannot be unpacked" in the_sentence(desk)
    me.shoot("a broken archive")
    me.click(desk.window.banner.away)
    assert me.drop_files(me.window, [tmp_path / "files" / name for name in ("garbage.obj", "empty.stl", "box.obj")])
    me.wait(lambda: len(queue.done) == 2 and library.count("item") == 3, 500, "the bad ones and the good one")
    assert queue.done[0].state == "finished" and len(desk.told) == 1, [one.text for one in desk.told]
    items = desk.opened.project.catalogue.items()
    assert {item.name: item.verdict == "refused" for item in items} == {"garbage": True, "empty": True, "box": False}
    assert all(item.reason and "\n" not in item.reason for item in items if item.verdict == "refused")
    me.shoot("bad files and a good one")
    check_project(folder, models=False, closed=False)
