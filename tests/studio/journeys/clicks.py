"""What a person's hands do: clicks on tabs, cards and menus. Nothing here calls a model."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QTabBar, QWidget
from pytestqt.qtbot import QtBot

from studio.models.cards import CARD
from studio.views.library import LibraryView
from studio.widgets.card_list import CardList
from tests.conftest import ROOT
from tests.studio.conftest import Desk, settle

LEFT, NONE, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
PICTURES = Path(os.environ.get("JOURNEY_PICTURES", ROOT / "build" / "journeys"))
LOOKS = 1_000  # times that something is waited for, 20 ms apart

Found = TypeVar("Found")


def soon(ready: Callable[[], Found | None], act: Callable[[Found], None], looks: int = LOOKS) -> None:
    """As soon as something is there that holds up everything else (a menu), do something with it."""

    def look(left: int) -> None:
        found = ready()
        if found is not None:
            act(found)
        elif left:
            QTimer.singleShot(20, lambda: look(left - 1))

    QTimer.singleShot(0, lambda: look(looks))


def click(widget: QWidget, place: QPoint | None = None, keys: Qt.KeyboardModifier = NONE) -> None:
    """Click where a person could."""
    assert widget.isVisible() and widget.isEnabled(), f"{widget} cannot be clicked"
    QTest.mouseClick(widget, LEFT, keys, place if place is not None else widget.rect().center())


def go_to(desk: Desk, workspace: str) -> None:
    """Click on the tab of a workspace."""
    _turn(desk.window.tabs, workspace)


def _turn(tabs: QTabBar, name: str) -> None:
    names = [tabs.tabText(i) for i in range(tabs.count())]
    click(tabs, tabs.tabRect(names.index(name)).center())


def click_card(qtbot: QtBot, found: CardList, name: str, keys: Qt.KeyboardModifier = NONE) -> None:
    """Scroll to a card and click it."""

    def place() -> int | None:
        rows = range(found.model().rowCount())
        return next((row for row in rows if found.model().index(row, 0).data(CARD).name == name), None)

    settle(qtbot, lambda: place() is not None, 30)
    index = found.model().index(place() or 0, 0)
    found.scrollTo(index)
    settle(qtbot, lambda: found.visualRect(index).isValid(), 10)
    click(found.viewport(), found.visualRect(index).center(), keys)


def choose_cards(qtbot: QtBot, desk: Desk, *names: str) -> None:
    """Choose cards of the library, the first by a click, the others with Ctrl."""
    library = desk.window.findChild(LibraryView)
    assert library is not None
    for i, name in enumerate(names):
        click_card(qtbot, library.list, name, CTRL if i else NONE)


def open_menu() -> QMenu | None:
    """The menu that is open."""
    found = QApplication.activePopupWidget()
    return found if isinstance(found, QMenu) else None


def pick(menu: QMenu, words: str) -> None:
    """Click on the line of a menu that has these words."""
    line = next(action for action in menu.actions() if words in action.text())
    QTest.mouseClick(menu, LEFT, NONE, menu.actionGeometry(line).center())


def picture(desk: Desk, name: str) -> None:
    """Keep what the window shows."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    assert desk.window.grab().save(str(PICTURES / f"{name}.png"))
