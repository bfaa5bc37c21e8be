"""A person in front of the window: sees widgets by their words, points at them, types, drags. Knows nothing behind them."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TypeVar

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QWindow,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QScrollArea,
    QTabBar,
    QWidget,
)

from studio.views.form import FormView

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
PICTURES = "SHAPESTUDIO_JOURNEY_PICTURES"  # folder in which journeys leave their pictures, else in the test's own
PATIENCE = 6  # times as long as it takes on a machine that has nothing else to do, before something is said to hang

W = TypeVar("W", bound=QWidget)
Names = Sequence[str]


class Person:
    """One window, and what can be done in front of it. Everything goes to the screen's place of a widget, as from Qt's own
    platform: what lies under another widget, is disabled or out of sight cannot be reached, and that fails the test."""

    def __init__(self, window: QWidget, pictures: Path, journey: str) -> None:
        self.window = window
        self._pictures = Path(os.environ.get(PICTURES, pictures)) / journey
        self._taken = 0

    # seeing ----------------------------------------------------------------------------------------------------------
    def all(self, kind: type[W], words: str = "", within: QWidget | None = None) -> list[W]:
        """Widgets of a kind that are in sight and carry these words."""
        tops = [within] if within else [self.window, *QApplication.topLevelWidgets()]
        near: dict[W, None] = {}
        for top in tops:
            near |= dict.fromkeys([*([top] if isinstance(top, kind) else []), *top.findChildren(kind)])
        return [widget for widget in near if widget.isVisible() and (not words or words in said(widget))]

    def sees(self, kind: type[W], words: str = "", within: QWidget | None = None) -> W:
        """The one widget of a kind that carries these words; waits for it."""
        self.wait(lambda: bool(self.all(kind, words, within)), 30, f"{kind.__name__} {words!r}")
        found = self.all(kind, words, within)
        assert len(found) == 1, f"{len(found)} times {kind.__name__} {words!r}"
        return found[0]

    def reads(self, words: str, seconds: float = 120) -> None:
        """Wait until these words stand somewhere on the screen."""
        self.wait(lambda: any(words.lower() in text.lower() for text in self.texts()), seconds, words)

    def texts(self) -> list[str]:
        """All words on the screen."""
        labels = [one.text() for one in self.all(QLabel)] + [one.text() for one in self.all(QAbstractButton)]
        return [text for text in labels if text]

    def wait(self, condition: Callable[[], bool], seconds: float = 120, what: str = "") -> None:
        """Until something holds; a picture tells what was there when it does not come. The machine may be busy."""
        end = monotonic() + PATIENCE * seconds
        while not condition():
            if monotonic() > end:
                path = self.shoot(f"waiting for {what}"[:60].replace("/", "-"))
                raise AssertionError(f"{what or 'it'} did not come; see {path}")
            self.rest(60)

    def rest(self, milliseconds: int = 300) -> None:
        """Look at it for a moment."""
        QTest.qWait(milliseconds)

    def shoot(self, name: str) -> Path:
        """A picture of the screen: the window with whatever stands above it."""
        self._taken += 1
        path = self._pictures / f"{self._taken:02d} {name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        QApplication.processEvents()
        area = self.window.frameGeometry()
        screen = self.window.screen()
        screen.grabWindow(0, area.x(), area.y(), area.width(), area.height()).save(str(path))
        return path

    # pointing --------------------------------------------------------------------------------------------------------
    def click(
        self, widget: QWidget, at: QPoint | None = None, keys: Qt.KeyboardModifier = NONE, twice: bool = False
    ) -> None:
        """Click where the widget is on the screen."""
        handle, place = self.reach(widget, at)
        press = QTest.mouseDClick if twice else QTest.mouseClick
        press(handle, LEFT, keys, place)
        QApplication.processEvents()

    def press(self, words: str, within: QWidget | None = None) -> None:
        """Click the button with these words."""
        found = self.sees(QAbstractButton, words, within)
        self.wait(found.isEnabled, 60, f"{words} to be enabled")
        self.click(found)

    def turn_to(self, tab: str, within: QWidget | None = None) -> None:
        """Click a tab."""
        for bar in self.all(QTabBar, within=within):
            for i in range(bar.count()):
                if bar.tabText(i) == tab:
                    self.click(bar, bar.tabRect(i).center())
                    return
        raise AssertionError(f"there is no tab {tab}")

    def choose(self, box: QComboBox, words: str) -> None:
        """Take a line of a box that folds out."""
        self.click(box)
        self.wait(box.view().isVisible, 10, "the box to fold out")
        row = next(i for i in range(box.count()) if words in box.itemText(i))
        index = box.model().index(row, 0)
        box.view().scrollTo(index)
        self.click(box.view().viewport(), box.view().visualRect(index).center())
        self.wait(lambda: words in box.currentText(), 10, words)

    def pick(self, *words: str) -> None:
        """Take lines of the menu that is open, one below the other."""
        for one in words:
            self.wait(lambda: bool(self._lines(one)), 10, f"menu {one}")  # noqa: B023
            menu, place = self._lines(one)[-1]
            self.click(menu, place)

    def pick_below(self, widget: QWidget, *words: str) -> None:
        """Click a button that opens a menu, and take lines of it; while it is open, nothing else goes on."""

        def act() -> None:
            try:
                self.pick(*words)
            finally:
                if (menu := QApplication.activePopupWidget()) is not None:
                    menu.close()

        handle, place = self.reach(widget)
        QTimer.singleShot(0, act)
        QTest.mouseClick(handle, LEFT, NONE, place)

    def open(self, folder: Path) -> None:
        """Ctrl+O; Qt's own dialogue, which is not ours to test, answers with the folder."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
            self.keys(Qt.Key.Key_O, CONTROL)

    def _lines(self, words: str) -> list[tuple[QMenu, QPoint]]:
        menus = [top for top in QApplication.topLevelWidgets() if isinstance(top, QMenu) and top.isVisible()]
        return [
            (menu, menu.actionGeometry(action).center())
            for menu in menus
            for action in menu.actions()
            if action.text().replace("&", "").startswith(words) and action.isEnabled()
        ]

    def cards(self, view: QListView) -> list[str]:
        """Titles of the cards of a list."""
        return [str(view.model().index(row, 0).data()) for row in range(view.model().rowCount())]

    def card(self, view: QListView, row: int) -> QRect:
        """Where a card is in a list, scrolled into sight."""
        index = view.model().index(row, 0)
        view.scrollTo(index)
        QApplication.processEvents()
        return view.visualRect(index)

    def click_card(self, view: QListView, row: int, keys: Qt.KeyboardModifier = NONE, twice: bool = False) -> None:
        """Click a card of a list."""
        self.click(view.viewport(), self.card(view, row).center(), keys, twice)

    def choose_cards(self, view: QListView, *titles: str) -> None:
        """Choose cards by their titles, the first by a click, the others with Ctrl."""
        for number, title in enumerate(titles):
            self.wait(lambda: title in self.cards(view), 60, title)  # noqa: B023
            self.click_card(view, self.cards(view).index(title), CONTROL if number else NONE)

    def ask_card(self, view: QListView, row: int) -> None:
        """Open the menu of a card."""
        handle, place = self.reach(view.viewport(), self.card(view, row).center())
        QTest.mouseClick(handle, Qt.MouseButton.RightButton, NONE, place)
        QApplication.processEvents()

    def reach(self, widget: QWidget, at: QPoint | None = None) -> tuple[QWindow, QPoint]:
        """The window of a widget and the place in it, scrolled into sight; fails where a person could not hit it."""
        top, above = widget.window(), widget.parentWidget()
        while above is not None:
            if isinstance(above, QScrollArea) and above.isVisible():
                above.ensureWidgetVisible(widget)
                QApplication.processEvents()
            above = above.parentWidget()
        spot = widget.rect().center() if at is None else at
        place = widget.mapTo(top, spot)
        hit = top.childAt(place) or top
        assert widget.isVisible() and widget.isEnabled(), f"{said(widget)} cannot be used"
        assert hit is widget or widget.isAncestorOf(hit), f"{said(widget)} lies under {hit}"
        handle = top.windowHandle()
        assert handle is not None
        return handle, place

    # typing ----------------------------------------------------------------------------------------------------------
    def keys(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE, times: int = 1) -> None:
        """Press a key where the focus is."""
        if QApplication.activeWindow() is None:  # what was above has gone; no window manager says who is next
            self.window.activateWindow()
            QTest.qWaitForWindowActive(self.window)
        for _ in range(times):
            QTest.keyClick(QGuiApplication.focusWindow() or self.window.windowHandle(), key, modifiers)
        QApplication.processEvents()

    def write(self, field: QWidget, text: str) -> None:
        """Replace what stands in a field, or in the box of a number, and leave it."""
        self.click(field, QPoint(12, field.height() // 2))
        self.keys(Qt.Key.Key_A, CONTROL)
        focus = QApplication.focusWidget()
        assert focus and (focus is field or field.isAncestorOf(focus)), f"{said(field)} cannot be typed into"
        QTest.keyClicks(focus, text)
        self.keys(Qt.Key.Key_Tab)

    def set_numbers(self, form: FormView, numbers: Mapping[str, float]) -> None:
        """Find each setting of a form by its words, and type a number."""
        for key, number in numbers.items():
            row = form.rows[key]
            self.write(form.search, row.editor.accessibleName())
            self.wait(row.isVisible, 10, key)
            self.write(row.editor, str(number))

    # dragging --------------------------------------------------------------------------------------------------------
    def drop_files(self, widget: QWidget, paths: Sequence[Path], hover: Callable[[], object] | None = None) -> bool:
        """Drag files from another program over the window and let go of them there; whether they were taken."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        return self._drop(widget, widget.rect().center(), data, NONE, hover)

    def drag_card(self, view: QListView, row: int, widget: QWidget, keys: Qt.KeyboardModifier = NONE) -> bool:
        """Drag a card of a list onto a widget; whether it was taken."""
        assert view.dragEnabled()
        self.reach(view.viewport(), self.card(view, row).center())
        data = view.model().mimeData([view.model().index(row, 0)])
        return self._drop(widget, widget.rect().center(), data, keys, None)

    def _drop(
        self,
        widget: QWidget,
        at: QPoint,
        data: QMimeData,
        keys: Qt.KeyboardModifier,
        hover: Callable[[], object] | None,
    ) -> bool:
        """As the platform tells of a drag: the window finds who takes it. Only the carrying is left out."""
        handle, place = self.reach(widget, at)
        edge = QPoint(widget.window().width() // 2, 2)  # where the pointer comes in
        action = Qt.DropAction.CopyAction
        enter = QDragEnterEvent(edge, action, data, LEFT, keys)
        QApplication.sendEvent(handle, enter)
        accepted = enter.isAccepted()
        for _ in range(3):
            move = QDragMoveEvent(place, action, data, LEFT, keys)
            move.setAccepted(accepted)  # who took it a moment ago still does, unless it says otherwise
            QApplication.sendEvent(handle, move)
            accepted = move.isAccepted()
            self.rest(50)
        if hover:
            hover()
        if not accepted:
            QApplication.sendEvent(handle, QDragLeaveEvent())
            return False
        drop = QDropEvent(QPointF(place), action, data, LEFT, keys)
        QApplication.sendEvent(handle, drop)
        QApplication.processEvents()
        return drop.isAccepted()


def said(widget: QWidget) -> list[str]:
    """What a widget calls itself: its words, its accessible name, its tip."""
    found = [widget.accessibleName(), widget.toolTip(), widget.windowTitle()]
    if isinstance(widget, QLabel | QAbstractButton):
        found.append(widget.text())
    if isinstance(widget, QLineEdit):
        found.append(widget.placeholderText())
    return [text.replace("&", "") for text in found if text]
