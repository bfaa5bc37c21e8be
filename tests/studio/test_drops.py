"""What is dropped anywhere on the window comes in, and what is dragged out of it are files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QMouseEvent, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from engine.card import Card
from engine.jobs import GenerateJob, ImportJob, kind_of
from engine.project import Project
from engine.rows import ShapeRow
from studio.models.cards import MIME
from studio.models.incoming import paths_in, sort_out
from studio.models.live import Live
from studio.models.outgoing import Outgoing
from studio.views.library import LibraryView
from studio.views.make import MakeView
from studio.views.view3d import View3D
from tests.studio.conftest import Desk, settle
from tests.studio.journeys.person import Person


@pytest.fixture
def person(desk: Desk, tmp_path: Path) -> Person:
    desk.opened.queue.hold(True)
    return Person(desk.window, tmp_path / "pictures", "drops")


def test_files_are_taken_wherever_they_are_let_go_of(desk: Desk, person: Person, tmp_path: Path) -> None:
    library = person.sees(LibraryView)
    places = (library, library.kinds, library.search, person.sees(View3D), person.sees(MakeView), desk.window.strip)
    for number, place in enumerate(places):
        library.kinds.setCurrentIndex(0)
        seen: list[str] = []

        def look() -> None:
            cover = desk.window.cover
            assert cover.isVisible() and cover.size() == desk.window.size()
            seen.append(f"{cover.words}, {cover.more}")  # noqa: B023

        assert person.drop_files(place, [tmp_path / f"chair{number}.obj", tmp_path / "more"], look), place
        assert seen == ["Bring in 2 files and folders, into Chairs; let go anywhere in the window"]
        assert not desk.window.cover.isVisible() and library.kinds.currentIndex() == 1
        job = desk.opened.queue.waiting[-1].job
        assert isinstance(job, ImportJob) and job.paths == (
            str(tmp_path / f"chair{number}.obj"),
            str(tmp_path / "more"),
        )


def test_words_and_addresses_elsewhere_are_left_alone(desk: Desk, person: Person) -> None:
    data = QMimeData()
    data.setUrls([QUrl("https://example.org/a.obj")])
    assert paths_in(data, None) == []
    assert not person.drop_files(desk.window, [], lambda: None) and not desk.window.cover.isVisible()


def test_a_project_is_opened_and_files_without_one_make_one(
    make_desk: Callable[..., Desk], folder: Path, tmp_path: Path
) -> None:
    desk = make_desk()
    person = Person(desk.window, tmp_path / "pictures", "drops")
    assert person.drop_files(desk.window, [folder / "project.json"]) and desk.opened.folder == folder
    desk.projects.close()
    (tmp_path / "Mugs").mkdir()
    assert person.drop_files(desk.window, [tmp_path / "Mugs"])
    assert desk.opened.name == "Mugs" and kind_of(desk.opened.queue.tasks[0].job) == "import"
    assert desk.window.tabs.tabText(desk.window.tabs.currentIndex()) == "Train", "where verdicts are"


def test_cards_of_shapes(desk: Desk, person: Person, tmp_path: Path) -> None:
    """One that the project has is shown; one of a model that came along is made again; of another it is said what helps."""
    job = GenerateJob(run="", model="shipped:chair", count=3, seed=5)
    card = Card(shape="generate-0009/0001", operation="generated", job=msgspec.to_builtins(job))
    path = tmp_path / "card.json"
    path.write_bytes(msgspec.json.encode(card))
    assert [one.shape for one in sort_out([path]).cards] == [card.shape]
    assert person.drop_files(desk.window, [path])
    again = desk.opened.queue.waiting[-1].job
    assert isinstance(again, GenerateJob) and (again.model, again.seed, again.count) == ("shipped:chair", 5, 3)

    kept = desk.opened.project.job(again.run)
    with Project(desk.opened.folder) as project:
        project.catalogue.add_shapes([ShapeRow(id=f"{again.run}/0001", run=again.run, row=1, kind="generated")])
    desk.opened.library.refresh()
    person.wait(lambda: desk.opened.library.card(f"{again.run}/0001") is not None)
    own = msgspec.structs.replace(card, shape=f"{again.run}/0001", job=msgspec.to_builtins(kept))
    path.write_bytes(msgspec.json.encode(own))
    count = len(desk.opened.queue.waiting)
    assert person.drop_files(desk.window, [path])
    assert desk.opened.current.shape == own.shape and len(desk.opened.queue.waiting) == count

    path.write_bytes(msgspec.json.encode(Card(shape="mix-0001/0000")))
    assert person.drop_files(desk.window, [path])
    assert "drop the GLB" in desk.told[-1].text
    path.write_text(json.dumps({"version": 1}))
    (tmp_path / "folder.json").mkdir()
    for other in (path, tmp_path / "folder.json", tmp_path / "gone.json"):
        assert sort_out([other]).files == (other,), "all else is left to the import, which says what it is"


def test_dragged_cards_are_files_elsewhere(desk: Desk, person: Person, qtbot: QtBot) -> None:
    person.press("Generate")
    desk.opened.queue.hold(False)
    library = person.sees(LibraryView)
    settle(qtbot, lambda: library.list.model().rowCount() > 2)
    data = library.list.model().mimeData([library.list.model().index(row, 0) for row in range(2)])
    assert data.hasUrls() and data.hasFormat(MIME)
    assert paths_in(data, desk.opened.folder) == [], "its own cards are no files to bring in"
    names = bytes(data.data(MIME).data()).decode().split("\n")
    found = paths_in(data, Path("/another/project"))
    assert [path.name for path in found] == [f"{name.replace('/', '-')}.glb" for name in names]
    assert all(path.read_bytes() for path in found)


class Hand:
    """Takes the place of Qt's drag, which waits for a real hand."""

    held: ClassVar[list[QMimeData]] = []

    def __init__(self, source: QWidget) -> None:
        assert isinstance(source, View3D)

    def setMimeData(self, data: QMimeData) -> None:
        self.held.append(data)

    def setPixmap(self, picture: QPixmap) -> None:
        assert not picture.isNull()

    def exec(self, action: Qt.DropAction) -> None:
        assert action == Qt.DropAction.CopyAction


def test_a_shape_is_dragged_out_of_the_view(
    desk: Desk, person: Person, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.panels.QDrag", Hand)
    person.press("Generate")
    desk.opened.queue.hold(False)
    library, view = person.sees(LibraryView), person.sees(View3D)
    settle(qtbot, lambda: library.list.model().rowCount() > 2)
    with qtbot.waitSignal(view.settled, timeout=60_000):
        person.click_card(library.list, 1)
    name = desk.opened.current.shape
    x, y = view.cameras.of(name).project(np.array([[0.5, 0, 0]]), (view.width(), view.height()))[0]
    spot = QPoint(round(x), round(y))  # on the side that the box shows
    handle, place = person.reach(view, spot)
    QTest.mouseMove(handle, place - QPoint(3, 3))
    QTest.mouseMove(handle, place)
    settle(qtbot, lambda: view.scene.hovered == (name, "seat"), 60)
    QTest.mousePress(handle, Qt.MouseButton.LeftButton, pos=place)
    for step in range(1, 4):
        at = QPointF(spot + QPoint(4 * step, 0))
        moved = QMouseEvent(
            QEvent.Type.MouseMove,
            at,
            view.mapToGlobal(at),
            Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(view, moved)
    QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=place)
    (data,) = Hand.held
    assert bytes(data.data(MIME).data()).decode() == name and data.hasUrls()


def test_a_file_that_cannot_be_made_is_left_out(tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.models.outgoing.PATIENCE_S", 0.2)
    live = Live(tmp_path)
    monkeypatch.setattr(live, "ask", lambda *_, **__: 0)
    data = Outgoing(tmp_path, live).data(["a/1"])
    assert data.hasUrls() and data.urls() == []
