"""What can be done with a card: in both menus, in the view beside one another, in the library's filters."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QWidgetAction
from pytestqt.qtbot import QtBot

from engine.jobs import AnalyseJob, GenerateJob
from engine.project import Project
from engine.rows import ShapeRow
from engine.storage import write_json
from studio.models.looking import Looking
from studio.models.mix import Mix
from studio.models.offers import Offer, offers
from studio.views.gallery import GalleryView
from studio.views.library import LibraryView
from studio.views.lineage import LineageView
from studio.views.view_bar import ViewBar
from tests.studio.conftest import Desk, settle

FIT, NEW, MIXED = "fit-0001/0000", "generate-0001/0000", "mix-0001/0000"


@pytest.fixture
def filled(folder: Path, make_desk: Callable[..., Desk], qtbot: QtBot) -> Desk:
    """Two fitted chairs, three new ones of which an analysis says how new they are, and a mix of two."""
    with Project(folder) as project:
        for kind, job in (("fit", None), ("mix", None), ("generate", GenerateJob(model="train-0001", count=3))):
            run = project.submit(job).run if job else project.catalogue.new_run(kind, "")
            project.catalogue.end_run(run, "finished")
        rows = [
            ShapeRow(
                id=f"fit-0001/{i:04d}", run="fit-0001", row=i, kind="fitted", quality=q, verdict=v, present=("seat",)
            )
            for i, (q, v) in enumerate(((0.95, "accepted"), (0.3, "refused")))
        ]
        rows += [
            ShapeRow(
                id=f"generate-0001/{i:04d}",
                run="generate-0001",
                row=i,
                kind="generated",
                present=("seat", "arm"),
                parents=("train-0001",),
            )
            for i in range(3)
        ]
        rows += [ShapeRow(id=MIXED, run="mix-0001", row=0, kind="mixed", parents=(FIT, NEW), present=("seat",))]
        project.catalogue.add_shapes(rows)
        analysis = project.submit(AnalyseJob(of="generate-0001", kind="nearest")).run
        near = [
            {"shape": f"generate-0001/{i:04d}", "part": "", "nearest": FIT, "closer": closer}
            for i, closer in enumerate((0.0, 0.05, 0.5))
        ]
        write_json(project.run_folder(analysis) / "nearest.json", {"neighbours": near})
        project.catalogue.end_run(analysis, "finished")
    desk = make_desk()
    assert desk.projects.open(folder)
    settle(qtbot, lambda: len(desk.opened.library.cards) > 6)
    return desk


def offered(desk: Desk, name: str) -> dict[str, Offer]:
    return {offer.text: offer for group in offers(desk.opened, [name]) for offer in group}


def press(offer: Offer) -> None:
    assert offer.work is not None
    offer.work()


def test_cards_say_how_good_and_how_new(filled: Desk) -> None:
    library = filled.opened.library
    words = {card.name: card.note for card in library.cards if card.kind == "shape"}
    assert words[FIT].startswith("good fit") and words["fit-0001/0001"].startswith("poor fit")
    assert [words[f"generate-0001/{i:04d}"] for i in range(3)] == ["a copy", "close to one", "new"]
    card = library.card(NEW)
    assert card is not None and FIT in card.hint


def test_filters_by_quality_novelty_tag_and_parent(filled: Desk, qtbot: QtBot) -> None:
    view, library = filled.window.findChild(LibraryView), filled.opened.library
    assert view is not None

    def shown() -> list[str]:
        return [view.cards.card(i).name for i in range(view.cards.rowCount())]

    assert not view.tag.isVisible() and view.quality.isVisible() and view.novelty.isVisible()
    view.quality.setCurrentIndex(view.quality.findData("poor"))
    assert shown() == ["fit-0001/0001"]
    view.quality.setCurrentIndex(0)
    view.novelty.setCurrentIndex(view.novelty.findData("copy"))
    assert shown() == [NEW]
    view.novelty.setCurrentIndex(0)
    library.tag([NEW, FIT], "for  Ada", True)
    assert view.tag.isVisible()
    view.tag.setCurrentIndex(view.tag.findData("for Ada"))
    assert set(shown()) == {NEW, FIT}
    library.tag([FIT], "for Ada", False)
    assert shown() == [NEW]
    assert filled.window._undo.text() == "Undo take off the tag “for Ada”", "letters of names stay as they are"
    filled.opened.history.undo()
    assert set(shown()) == {NEW, FIT}
    filled.opened.history.undo()
    assert len(shown()) == 6, "a tag that nothing has filters nothing"
    view._show_made_from(FIT)
    assert shown() == [MIXED] and view.parent_chip.isVisible()
    qtbot.mouseClick(view.parent_chip, Qt.MouseButton.LeftButton)
    assert len(shown()) == 6 and not view.parent_chip.isVisible()


def test_tags_are_there_again_and_found_by_the_search(
    filled: Desk, folder: Path, make_desk: Callable[..., Desk]
) -> None:
    filled.opened.library.tag([NEW], "hero", True)
    filled.projects.close()
    again = make_desk()
    assert again.projects.open(folder)
    assert again.opened.library.tags == {NEW: ("hero",)}


def test_the_nearest_training_shape_stands_beside(filled: Desk, qtbot: QtBot) -> None:
    scene, bar = filled.opened.model(Looking).scene, filled.window.findChild(ViewBar)
    assert bar is not None
    filled.opened.current.show(NEW)
    settle(qtbot, lambda: [shape.key for shape in scene.shapes] == [NEW])
    assert not bar.arrangement.isVisible()
    press(offered(filled, NEW)["Nearest training shape beside it"])
    settle(qtbot, lambda: [shape.key for shape in scene.shapes] == [NEW, FIT])
    assert scene.look.arrangement == "side" and bar.arrangement.isVisible()
    filled.opened.current.show(FIT)
    settle(qtbot, lambda: [shape.key for shape in scene.shapes] == [FIT])


def test_mixing_begins_from_a_card_and_takes_parts_of_others(filled: Desk) -> None:
    mix, window = filled.opened.model(Mix), filled.window
    assert not [text for text in offered(filled, NEW) if text.startswith("Use a part")]
    press(offered(filled, MIXED)["Mix it"])
    assert mix.base is not None and mix.base.name == MIXED
    assert window.tabs.tabText(window.tabs.currentIndex()) == "Mix"
    (parts,) = (offer.lines for text, offer in offered(filled, NEW).items() if text.startswith("Use a part"))
    assert [offer.text for offer in parts] == ["Seat", "Arm"]


def test_where_a_card_comes_from(filled: Desk, qtbot: QtBot) -> None:
    press(offered(filled, MIXED)["Show lineage"])
    found = filled.window.findChild(LineageView)
    assert found is not None
    settle(qtbot, lambda: found.tree.topLevelItemCount() == 1)
    root = found.tree.topLevelItem(0)
    assert root is not None and "mixed" in root.text(1).lower()
    parent = root.child(1)
    assert parent is not None
    place = found.tree.visualItemRect(parent).center()
    qtbot.mouseClick(found.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert filled.opened.current.shape == NEW and filled.opened.current.chosen == (NEW,)
    model = parent.child(0)
    assert model is not None and "train-0001" in model.text(0), "the model that drew it"
    found.close()
    assert "Show lineage" not in offered(filled, "train-0001")


def test_what_is_not_known_can_be_found_out(filled: Desk) -> None:
    assert "Find nearest training shapes" not in offered(filled, NEW)
    card = filled.opened.library.card(NEW)
    assert card is not None
    card.novelty = ""
    filled.opened.queue.hold(True)
    press(offered(filled, NEW)["Find nearest training shapes"])
    assert isinstance(filled.opened.queue.waiting[-1].job, AnalyseJob)


def test_a_new_tag_is_typed_into_the_menu_of_the_gallery(filled: Desk, qtbot: QtBot) -> None:
    gallery = filled.window.findChild(GalleryView)
    assert gallery is not None
    settle(qtbot, lambda: gallery.list.model().rowCount() == 3)
    gallery.list.asked.emit((NEW,), gallery.mapToGlobal(gallery.rect().center()))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    (tags,) = (action for action in menu.actions() if action.text() == "Tags")
    inner = tags.menu()
    assert isinstance(inner, QMenu)
    (field,) = (action.defaultWidget() for action in inner.actions() if isinstance(action, QWidgetAction))
    assert isinstance(field, QLineEdit)
    QTest.keyClicks(field, "hero")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert filled.opened.library.tags == {NEW: ("hero",)}
