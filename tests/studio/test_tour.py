"""The tour: it points at real controls, goes on when a person does the thing or says so, and stands in nobody's way."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from studio.models.make import Make
from studio.models.mix import Mix
from studio.models.tour import STEPS, Tour
from studio.views.gallery import GalleryView
from studio.views.make import MakeView
from studio.views.tour import TourBubble, place_beside
from tests.studio.conftest import Desk, activate, settle

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def tour(shipped_chairs: Path, make_desk: Callable[..., Desk], qtbot: QtBot) -> Desk:
    """The tour at its first step, begun on the first page."""
    desk = make_desk()
    show = next(b for b in desk.window.welcome.findChildren(QPushButton) if b.text() == "Show me how")
    qtbot.mouseClick(show, LEFT)
    settle(qtbot, desk.window.bubble.isVisible, 5)
    activate(qtbot, desk.window)
    return desk


def step(desk: Desk) -> str:
    found = desk.opened.model(Tour).step
    return found.name if found else ""


def aim(desk: Desk) -> QWidget:
    """What the bubble points at."""
    assert desk.window.bubble.target is not None
    return desk.window.bubble.target


def around(widget: QWidget, window: QWidget) -> QRect:
    return QRect(widget.mapTo(window, QPoint()), widget.size())


def test_doing_what_it_says_leads_through_it(tour: Desk, qtbot: QtBot) -> None:
    bubble = tour.window.bubble
    make, gallery = tour.window.findChild(MakeView), tour.window.findChild(GalleryView)
    assert make is not None and gallery is not None
    assert bubble.isVisible() and step(tour) == "generate" and aim(tour) is make.go
    assert not around(bubble, tour.window).intersects(around(make.go, tour.window))
    assert around(bubble.frame, tour.window).contains(around(make.go, tour.window))
    qtbot.mouseClick(make.go, LEFT)
    assert step(tour) == "choose" and aim(tour) is gallery
    settle(qtbot, lambda: gallery.list.model().rowCount() == tour.opened.model(Make).count)
    place = gallery.list.visualRect(gallery.list.model().index(0, 0)).center()
    qtbot.mouseClick(gallery.list.viewport(), LEFT, pos=place)
    assert step(tour) == "turn"
    qtbot.mouseClick(aim(tour), Qt.MouseButton.MiddleButton)
    settle(qtbot, lambda: step(tour) == "mix", 5)
    tabs = tour.window.tabs
    qtbot.mouseClick(tabs, LEFT, pos=tabs.tabRect(1).center())
    settle(qtbot, lambda: step(tour) == "begin", 5)
    begin = aim(tour)
    assert isinstance(begin, QPushButton)
    settle(qtbot, begin.isEnabled)
    qtbot.mouseClick(begin, LEFT)
    assert step(tour) == "swap"
    mix = tour.opened.model(Mix)
    mix.take("seat", f"{tour.opened.queue.done[0].run}/0001")
    assert step(tour) == "keep"
    qtbot.mouseClick(bubble.next, LEFT)
    assert step(tour) == "library" and bubble.next.text() == "&Done"
    assert not tour.preferences.kept.toured
    qtbot.mouseClick(bubble.next, LEFT)
    assert not bubble.isVisible() and not bubble.frame.isVisible() and tour.preferences.kept.toured


def test_keys_are_enough_and_each_step_points_at_something(tour: Desk, qtbot: QtBot) -> None:
    bubble, seen = tour.window.bubble, list[str]()
    assert bubble.next.hasFocus()
    while step(tour) and len(seen) < 20:
        qtbot.wait(1)
        assert aim(tour) and bubble.frame.isVisible(), step(tour)
        assert tour.window.rect().contains(bubble.geometry()), step(tour)
        wanted = bubble.words.heightForWidth(bubble.words.width())
        assert bubble.words.height() >= wanted, "all words can be read"
        seen.append(step(tour))
        key = Qt.Key.Key_N if bubble.next.text() == "&Next" else Qt.Key.Key_D
        QTest.keyClick(tour.window, key, Qt.KeyboardModifier.AltModifier)
        settle(qtbot, lambda: step(tour) != seen[-1], 5)
    assert seen == [one.name for one in STEPS]


def test_escape_leaves_it_and_it_is_not_offered_again_but_in_the_menu(tour: Desk, qtbot: QtBot) -> None:
    qtbot.keyClick(tour.window, Qt.Key.Key_Escape)
    settle(qtbot, lambda: not tour.window.bubble.isVisible(), 5)
    assert not tour.window.bubble.isVisible() and step(tour) == ""
    tour.projects.close()
    assert "Show me how" not in [b.text() for b in tour.window.welcome.findChildren(QPushButton)]
    action = next(one for one in tour.window.menus["Help"].actions() if "tour" in one.text())
    action.trigger()
    assert step(tour) == "generate" and tour.window.bubble.isVisible()


@pytest.mark.slow
def test_it_does_not_take_the_focus_from_what_one_works_with(tour: Desk, qtbot: QtBot) -> None:
    make = tour.window.findChild(MakeView)
    assert make is not None
    make.seed.setFocus()
    tour.opened.model(Tour).next()
    assert QApplication.focusWidget() is make.seed
    tour.opened.model(Tour).back()
    assert step(tour) == "generate" and QApplication.focusWidget() is make.seed


@pytest.mark.slow
def test_without_any_model_there_is_no_tour(desk: Desk) -> None:
    desk.opened.model(Make).sources = []
    desk.window.ways_in.take_tour()
    assert step(desk) == "" and "model" in desk.told[-1].text
    assert isinstance(desk.window.bubble, TourBubble) and not desk.window.bubble.isVisible()


@pytest.mark.parametrize(
    "target",
    [
        QRect(900, 600, 90, 30),
        QRect(0, 0, 200, 800),
        QRect(300, 0, 400, 20),
        QRect(10, 780, 980, 20),
        QRect(0, 0, 1000, 800),
        QRect(980, 5, 10, 10),
    ],
)
def test_the_bubble_stands_in_the_window_and_covers_its_control_only_where_there_is_no_room(target: QRect) -> None:
    room, size = QRect(10, 10, 980, 780), QSize(300, 120)
    bubble = QRect(place_beside(target, size, room), size)
    assert room.contains(bubble)
    assert not bubble.intersects(target) or target.width() > 600 and target.height() > 600
