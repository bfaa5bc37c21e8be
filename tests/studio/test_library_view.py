"""The library dock: what is kept, what is not, what waits, and that the cards fill it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QTreeWidget
from pytestqt.qtbot import QtBot

from engine.jobs import GenerateJob, ImportJob
from engine.project import Project
from engine.rows import ShapeRow
from engine.storage import write_json
from studio.models.lineage import Lineage
from studio.models.offers import Offer, offers
from studio.views.library import LibraryView
from studio.views.lineage import LineageView
from studio.widgets.card_list import CardList
from studio.widgets.waits import Waits
from tests.studio.conftest import Desk, activate, settle
from tests.studio.fakes import SLOW

LEFT = Qt.MouseButton.LeftButton
COUNT = 4


@pytest.fixture
def shelf(make_desk: Callable[..., Desk], folder: Path, qtbot: QtBot) -> Desk:
    """A window with a few generated shapes of one run, and two of another that came along the way."""
    with Project(folder) as project:
        for run, count in (("generate-0001", COUNT), ("heal-0001", 2)):
            project.catalogue.new_run(run.partition("-")[0], "", run)
            project.catalogue.end_run(run, "finished")
            write_json(project.run_folder(run) / "job.json", GenerateJob(run=run, model="m", count=count))
            rows = [ShapeRow(id=f"{run}/{i:04d}", run=run, row=i, kind="generated") for i in range(count)]
            project.catalogue.add_shapes(rows)
    desk = make_desk()
    assert desk.projects.open(folder)
    desk.opened.library.draft("heal-0001")
    settle(qtbot, lambda: len(desk.opened.library.drafts) == 2)
    return desk


def view(desk: Desk) -> LibraryView:
    found = desk.window.findChild(LibraryView)
    assert found is not None
    return found


def names(library: LibraryView) -> list[str]:
    return [library.cards.card(row).name for row in range(library.cards.rowCount())]


def offer(desk: Desk, shapes: list[str], words: str) -> Offer:
    return next(one for group in offers(desk.opened, shapes) for one in group if one.text == words)


def test_what_nobody_kept_has_a_place_of_its_own_that_can_be_cleaned(shelf: Desk, qtbot: QtBot) -> None:
    library, history = view(shelf), shelf.opened.history
    assert names(library) == [f"generate-0001/{i:04d}" for i in range(COUNT)] and library.count.text() == "4 shapes"
    unkept = library.places["drafts"]
    assert unkept.isVisible() and unkept.text() == "2 unkept" and not library.places["removed"].isVisible()
    qtbot.mouseClick(unkept, LEFT)
    assert names(library) == ["heal-0001/0000", "heal-0001/0001"] and library.parent_chip.text() == "Unkept shapes"
    keep = offer(shelf, ["heal-0001/0001"], "Keep")
    assert keep.work is not None
    keep.work()
    assert names(library) == ["heal-0001/0000"]
    qtbot.mouseClick(library.clean, LEFT)
    assert len(names(library)) == COUNT + 1, "there is nothing left there, so all that is kept is shown"
    assert not unkept.isVisible() and library.places["removed"].text() == "1 removed"
    qtbot.mouseClick(library.places["removed"], LEFT)
    library.list.choose("heal-0001/0000")
    qtbot.keyClick(library.list, Qt.Key.Key_Delete)
    assert "only shapes that are in the library" in shelf.told[-1].text.lower(), (
        "there is nothing that undo brings back"
    )
    history.undo()
    assert unkept.text() == "1 unkept"


def test_delete_removes_and_undo_brings_back(shelf: Desk, qtbot: QtBot) -> None:
    library = view(shelf)
    library.list.choose("generate-0001/0002")
    library.list.setFocus()
    qtbot.keyClick(library.list, Qt.Key.Key_Delete)
    assert "generate-0001/0002" not in names(library) and "Ctrl+Z brings it back" in shelf.told[-1].text
    assert shelf.opened.current.shape == library.list.names[0] == "generate-0001/0003", "the next one is looked at"
    assert shelf.opened.history.undo_text.startswith("Undo remove")
    activate(qtbot, shelf.window)
    qtbot.keyClick(shelf.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(names(library)) == COUNT
    with Project(shelf.opened.folder) as project:
        assert len(project.catalogue.shapes()) == COUNT + 2, "its files stay in any case"


def test_an_import_that_waits_says_so_in_the_library(shelf: Desk, qtbot: QtBot) -> None:
    library, queue = view(shelf), shelf.opened.queue
    waits = library.findChild(Waits)
    assert waits is not None and not waits.isVisible()
    queue.submit(GenerateJob(model="m", count=200, seed=SLOW))
    settle(qtbot, lambda: queue.running is not None and queue.running.done > 0)
    queue.submit(ImportJob(paths=("/nowhere/chair.obj",)))
    assert waits.isVisible() and waits.words.text().startswith("Import chair.obj waits behind Generate 200 shapes")
    qtbot.mouseClick(waits.first, LEFT)
    settle(qtbot, lambda: bool(queue.done))
    assert isinstance(queue.done[0].job, ImportJob) and not waits.isVisible()


def test_cards_fill_the_width(shelf: Desk, qtbot: QtBot) -> None:
    """Whatever it is, no room is left at the right in which there is none for another card."""
    cards = CardList(view(shelf).cards, side=60)
    qtbot.addWidget(cards)
    cards.show()
    seen = set()
    for width in range(150, 420, 18):
        cards.resize(QSize(width, 500))
        qtbot.wait(20)
        cards.doItemsLayout()
        places = [cards.visualRect(cards.model().index(row, 0)) for row in range(COUNT)]
        row = [place for place in places if place.top() == places[0].top()]
        seen.add(len(row))
        if len(row) < COUNT:  # more than one row
            free = cards.viewport().width() - row[-1].right()
            assert free <= len(row) + 1, f"{free} pixels are left at {width}"
    assert len(seen) > 1


def test_escape_closes_a_page_also_from_its_tree(shelf: Desk, qtbot: QtBot) -> None:
    shelf.opened.model(Lineage).ask("generate-0001/0000")
    settle(qtbot, lambda: shelf.window.findChild(LineageView) is not None)
    page = shelf.window.findChild(LineageView)
    assert page is not None
    tree = page.findChild(QTreeWidget)
    assert tree is not None
    settle(qtbot, lambda: tree.topLevelItemCount() == 1)
    activate(qtbot, page)
    tree.setFocus()
    gone: list[bool] = []
    page.destroyed.connect(lambda: gone.append(True))
    qtbot.keyClick(tree, Qt.Key.Key_Escape)
    settle(qtbot, lambda: bool(gone), 20)


def test_a_chosen_card_is_looked_at_again_by_a_click(shelf: Desk, qtbot: QtBot) -> None:
    library, current = view(shelf), shelf.opened.current
    place = library.list.visualRect(library.list.model().index(1, 0)).center()
    qtbot.mouseClick(library.list.viewport(), LEFT, pos=place)
    name = current.shape
    current.show("something else")
    qtbot.mouseClick(library.list.viewport(), LEFT, pos=place)
    assert current.shape == name == names(library)[1]
