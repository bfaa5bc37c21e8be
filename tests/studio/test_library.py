"""The library: what is shown of what there is, and that thousands cost no more than those in sight."""

import time
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.jobs import GenerateJob
from engine.project import Project
from engine.rows import ItemRow, ShapeRow
from engine.storage import write_json
from studio.models.background import Background
from studio.models.cards import Cards
from studio.models.history import History
from studio.models.library import Filter, Library, read_cards
from studio.models.thumbnails import MOST, Thumbnails
from studio.models.troubles import Troubles
from studio.widgets.card_list import CardList
from tests.studio.conftest import settle

MANY = 5_000


def fill(folder: Path, count: int) -> None:
    """``count`` shapes of two runs, half of them with wings, and an item that was refused."""
    with Project.create(folder) as project:
        runs = [project.catalogue.new_run("generate", "") for _ in range(2)]
        shapes = [
            ShapeRow(
                id=f"{runs[i % 2]}/{i:04d}",
                run=runs[i % 2],
                row=i,
                kind="generated",
                present=("body", "wing") if i % 4 < 2 else ("body",),
                parents=("train-0001",),
            )
            for i in range(count)
        ]
        project.catalogue.add_shapes(shapes)
        item = ItemRow(
            id="i1",
            kind="mesh",
            category="chair",
            path="/x/Eames.obj",
            hash="h",
            verdict="refused",
            reason="it is a song",
            split="train",
            usable=False,
        )
        project.catalogue.add_items([item])


@pytest.fixture
def library(qapp: QApplication, qtbot: QtBot, tmp_path: Path) -> Library:
    fill(tmp_path / "p", 40)
    project = Project(tmp_path / "p")
    found = Library(project, Background(), History(project.catalogue), Troubles())
    found.refresh()
    settle(qtbot, lambda: bool(found.cards))
    return found


def test_filters_keep_what_they_say(library: Library) -> None:
    shapes = library.shown(Filter())
    assert len(shapes) == 40 and [card.kind for card in library.shown(Filter(kinds=("item",)))] == ["item"]
    with_wings = library.shown(Filter(part="wing"))
    assert {card.name for card in with_wings} == {card.name for card in shapes if "wing" in card.parts} and with_wings
    assert library.shown(Filter(text="eames chair", kinds=("item", "shape")))[0].note == "refused: it is a song"
    assert library.shown(Filter(text="eames table", kinds=("item",))) == []
    one = shapes[3].name
    library.star([one], True)
    assert [card.name for card in library.shown(Filter(starred=True))] == [one]
    run = shapes[0].run
    rows = [card.row for card in library.shown(Filter(run=run))]
    assert rows == sorted(rows) and len(rows) == 20


def test_stars_are_there_again(library: Library, tmp_path: Path) -> None:
    library.star(["a/1", "b/2"], True)
    library.star(["a/1"], False)
    with Project(tmp_path / "p") as project:
        again = Library(project, Background(), History(project.catalogue), Troubles())
    assert again.stars == {"b/2"}


def test_five_thousand_shapes(qapp: QApplication, qtbot: QtBot, tmp_path: Path) -> None:
    """Read, filtered and on screen within 2 s of processor time; pictures are asked for those in sight alone."""
    fill(tmp_path / "p", MANY)
    asked: list[str] = []
    began = time.process_time()
    project = Project(tmp_path / "p")
    library = Library(project, Background(), History(project.catalogue), Troubles())
    thumbnails = Thumbnails(Background(), lambda name: asked.append(name))
    cards = Cards(library, thumbnails)
    view = CardList(cards)
    view.resize(QSize(300, 700))
    qtbot.addWidget(view)
    view.show()
    library.refresh()
    settle(qtbot, lambda: cards.rowCount() == MANY)
    view.grab()
    spent = time.process_time() - began
    assert spent < 2, f"{spent:.2f} s"
    assert 0 < len(asked) < 60

    def at_the_end() -> bool:
        view.scrollToBottom()
        return cards.card(MANY - 1).name in asked

    settle(qtbot, at_the_end)  # rows get their places bit by bit
    assert len(asked) < MOST


def test_what_is_made_of_others_is_what_they_are(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        for run, model in (("g1", "shipped:chair"), ("g2", "shipped:airplane")):
            project.catalogue.new_run("generate", "", run)
            write_json(project.run_folder(run) / "job.json", GenerateJob(run=run, model=model, count=2))
        rows = [ShapeRow(id=f"{run}/{i}", run=run, row=i, kind="generated") for run in ("g1", "g2") for i in range(2)]
        derived = (("mixed", ("g1/0", "g1/1")), ("healed", ("m/0",)), ("mixed", ("g1/0", "g2/0")), ("mixed", ("m/3",)))
        rows += [ShapeRow(id=f"m/{i}", run="m", row=i, kind=kind, parents=of) for i, (kind, of) in enumerate(derived)]
        project.catalogue.add_shapes(rows)
    found = {card.name: card for card in read_cards(tmp_path / "p")}
    assert [found[f"m/{i}"].category for i in range(4)] == ["chair", "chair", "", ""]
    assert found["m/1"].title.startswith("Chair") and found["m/1"].note == "healed"


def test_cards_are_read_in_an_order_that_people_expect(library: Library, tmp_path: Path) -> None:
    cards = read_cards(tmp_path / "p")
    runs = [card.name for card in cards if card.kind == "run"]
    assert runs == ["generate-0002", "generate-0001"], "the newest first"
