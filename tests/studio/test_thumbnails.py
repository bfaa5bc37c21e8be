"""Pictures of cards: what could not be drawn is drawn again when there is reason to, and the card says so until then."""

from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.project import Project
from studio.models.background import Background
from studio.models.cards import Cards
from studio.models.history import History
from studio.models.library import Library
from studio.models.thumbnails import TRIES, Thumbnails, Told
from studio.models.troubles import Troubles
from tests.studio.conftest import settle
from tests.studio.test_library import fill

WHY = "the shape is made of cheese"


class Drawing:
    """An engine that fails until it is ``able``, and the file that it draws from."""

    def __init__(self, path: Path) -> None:
        self.able, self.mark, self.asked = False, 1, 0
        self.path = path
        Image.new("RGB", (8, 8)).save(path)

    def draw(self, name: str, then: Told) -> None:
        self.asked += 1
        then(self.path, "") if self.able else then(None, WHY)


@pytest.fixture
def drawing(tmp_path: Path) -> Drawing:
    return Drawing(tmp_path / "a.png")


@pytest.fixture
def thumbnails(qapp: QApplication, drawing: Drawing) -> Thumbnails:
    return Thumbnails(Background(), lambda name: None, drawing.draw, lambda name: drawing.mark)


def test_what_failed_is_asked_for_again_when_its_file_changes_or_the_engine_does(
    thumbnails: Thumbnails, drawing: Drawing, qtbot: QtBot
) -> None:
    for _ in range(3):
        assert thumbnails.image("a/1") is None
    assert drawing.asked == 1 and thumbnails.fault("a/1") == WHY, "for nothing it is not asked again"
    drawing.mark = 2
    thumbnails.image("a/1")
    assert drawing.asked == 2
    drawing.able = True
    with qtbot.waitSignal(thumbnails.ready):
        thumbnails.try_again()
    thumbnails.image("a/1")
    settle(qtbot, lambda: thumbnails.image("a/1") is not None)
    assert drawing.asked == 3 and thumbnails.fault("a/1") == ""


def test_it_is_asked_for_a_few_times_only(thumbnails: Thumbnails, drawing: Drawing) -> None:
    for drawing.mark in range(3 * TRIES):
        thumbnails.image("a/1")
        thumbnails.try_again()
    assert drawing.asked == TRIES
    thumbnails.forget("a/1")  # it is something else now
    thumbnails.image("a/1")
    assert drawing.asked == TRIES + 1


def test_a_card_without_a_picture_says_why(
    thumbnails: Thumbnails, drawing: Drawing, qtbot: QtBot, tmp_path: Path
) -> None:
    fill(tmp_path / "p", 2)
    with Project(tmp_path / "p") as project:
        library = Library(project, Background(), History(project.catalogue), Troubles())
        cards = Cards(library, thumbnails)
        library.refresh()
        settle(qtbot, lambda: cards.rowCount() == 2)
        index = cards.index(0)
        assert WHY not in index.data(Qt.ItemDataRole.ToolTipRole)
        assert index.data(Qt.ItemDataRole.DecorationRole) is None
        assert f"No picture: {WHY}" in index.data(Qt.ItemDataRole.ToolTipRole)
