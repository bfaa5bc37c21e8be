"""What a monkey does: each deed is chosen by chance among what is in sight, written down, and done by Qt's test hands."""

import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QContextMenuEvent,
    QDesktopServices,
    QDrag,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QWidget

from studio.models.opened import Projects
from studio.window import MainWindow

LEFT, RIGHT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier
COPY = Qt.DropAction.CopyAction
MODIFIERS = (NONE, NONE, NONE, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier)
KEYS = (
    *(Qt.Key(Qt.Key.Key_A + i) for i in range(26)),
    *(Qt.Key(Qt.Key.Key_0 + i) for i in range(10)),
    *(Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Tab, Qt.Key.Key_Delete, Qt.Key.Key_Escape, Qt.Key.Key_F11),
    *(Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_PageDown),
)
CHANCES = {
    "click": 60,
    "double": 5,
    "right": 8,
    "drag": 8,
    "key": 20,
    "wheel": 6,
    "drop": 3,
    "tab": 6,
    "kill": 1,
    "size": 1,
}

BORED = 6  # deeds before one and the same dialogue, then it is left

Deed = dict[str, Any]


class Monkey:
    """One pair of hands. Widgets are named by their place in the tree, so that deeds can be done again."""

    def __init__(self, place: Path, chance: random.Random, deeds: TextIO, replay: list[str] | None) -> None:
        """replay : lines of an earlier run, to be done instead of new ones."""
        self.place, self.chance, self._deeds = place, chance, deeds
        self._replay = None if replay is None else iter(replay)
        self.done = False
        self.count = self.lost = 0  # deeds, and those before dialogues
        self._before: QWidget | None = None
        self._here = 0  # deeds before that dialogue

    def sit_down(self, window: MainWindow, projects: Projects) -> None:
        """In front of this window from now on."""
        self.window, self.projects = window, projects

    def act(self) -> None:
        """One deed."""
        if self._replay is not None:
            line = next(self._replay, None)
            self.done = line is None
            deed = json.loads(line) if line else None
        else:
            try:
                deed = {"do": "escape"} if self._is_bored() else self._choose()
            except RuntimeError:  # PySide takes the buttons of Qt's own message boxes for deleted
                deed = {"do": "escape"}
        if deed is None:
            return
        self.count += 1
        self.lost += QApplication.activeModalWidget() is not None
        self._deeds.write(json.dumps(deed) + "\n")
        getattr(self, f"_{deed['do']}")(deed)

    def leave(self) -> None:
        """Close what lies above the window, then the window; what it asks is agreed to."""
        above = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        if isinstance(above, QDialog):
            QTest.keyClick(above, Qt.Key.Key_Return)  # "pause and continue next time"
            if above.isVisible():
                above.reject()
        elif above is not None:
            above.close()
        elif self.window.isVisible():
            self.window.close()

    def _is_bored(self) -> bool:
        """Whether it has had enough of the dialogue before it."""
        above = QApplication.activeModalWidget()
        self._here = self._here + 1 if above is not None and above is self._before else 0
        self._before = above
        return self._here >= BORED

    # choosing --------------------------------------------------------------------------------------------------------
    def _choose(self) -> Deed | None:
        """By chance, within what can be reached."""
        do = self.chance.choices(list(CHANCES), list(CHANCES.values()))[0]
        widgets = self._reachable()
        if not widgets:
            return None
        x, y = self.chance.random(), self.chance.random()
        deed: Deed = {"do": do, "at": (x, y), "to": (self.chance.random(), self.chance.random())}
        deed["modifiers"] = self.chance.choice(MODIFIERS).value
        deed["key"] = self.chance.choice(KEYS).value
        deed["number"] = self.chance.randrange(1000)
        deed["widget"] = self._name(self.chance.choice(widgets))
        return deed

    def _ground(self) -> QWidget | None:
        """What takes clicks now: a menu, a dialogue, or the window."""
        found = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        if found is None and self.chance.random() < 0.2:
            tops = [top for top in QApplication.topLevelWidgets() if top.isVisible()]
            found = self.chance.choice(tops) if tops else None
        return found or (self.window if self.window.isVisible() else None)

    def _reachable(self) -> list[QWidget]:
        ground = self._ground()
        if ground is None:
            return []
        within = [
            one for one in ground.findChildren(QWidget) if one.isVisible() and one.isEnabled() and one.width() > 3
        ]
        hit = [one for one in within if self._is_hit(ground, one)]
        return hit or [ground]

    def _is_hit(self, ground: QWidget, widget: QWidget) -> bool:
        found = ground.childAt(widget.mapTo(ground, widget.rect().center())) if ground.isAncestorOf(widget) else None
        return found is widget

    def _name(self, widget: QWidget) -> list[Any]:
        """The way to a widget: [number of the top-level widget of its class, class, then numbers of children]."""
        way: list[int] = []
        while (parent := widget.parentWidget()) is not None and not widget.isWindow():
            way.append([one for one in parent.children() if isinstance(one, QWidget)].index(widget))
            widget = parent
        same = [top for top in QApplication.topLevelWidgets() if type(top).__name__ == type(widget).__name__]
        return [type(widget).__name__, same.index(widget) if widget in same else 0, *reversed(way)]

    def _find(self, deed: Deed) -> QWidget | None:
        """The widget of a deed; None where it is not there this time."""
        kind, number, *way = deed["widget"]
        tops = [top for top in QApplication.topLevelWidgets() if type(top).__name__ == kind]
        found: QWidget | None = tops[number] if number < len(tops) else None
        for step in way:
            children = [one for one in found.children() if isinstance(one, QWidget)] if found else []
            found = children[step] if step < len(children) else None
        return found if found is not None and found.isVisible() else None

    @staticmethod
    def _spot(widget: QWidget, at: tuple[float, float]) -> QPoint:
        return QPoint(int(at[0] * max(widget.width() - 1, 0)), int(at[1] * max(widget.height() - 1, 0)))

    # deeds -----------------------------------------------------------------------------------------------------------
    def _click(self, deed: Deed) -> None:
        if (widget := self._find(deed)) is not None:
            QTest.mouseClick(widget, LEFT, Qt.KeyboardModifier(deed["modifiers"]), self._spot(widget, deed["at"]))

    def _double(self, deed: Deed) -> None:
        if (widget := self._find(deed)) is not None:
            QTest.mouseDClick(widget, LEFT, NONE, self._spot(widget, deed["at"]))

    def _right(self, deed: Deed) -> None:
        if (widget := self._find(deed)) is not None:
            spot = self._spot(widget, deed["at"])
            QTest.mouseClick(widget, RIGHT, NONE, spot)
            event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, spot, widget.mapToGlobal(spot))
            QApplication.sendEvent(widget, event)

    def _drag(self, deed: Deed) -> None:
        widget = self._find(deed)
        if widget is None:
            return
        start, end = self._spot(widget, deed["at"]), self._spot(widget, deed["to"])
        QTest.mousePress(widget, LEFT, NONE, start)
        for part in range(1, 4):
            if (widget := self._find(deed)) is None:
                return
            QTest.mouseMove(widget, start + (end - start) * part / 3)
        QTest.mouseRelease(widget, LEFT, NONE, end)

    def _key(self, deed: Deed) -> None:
        widget = QApplication.activePopupWidget() or QApplication.focusWidget() or self._find(deed)
        if widget is not None:
            QTest.keyClick(widget, Qt.Key(deed["key"]), Qt.KeyboardModifier(deed["modifiers"]))

    def _wheel(self, deed: Deed) -> None:
        widget = self._find(deed)
        if widget is None:
            return
        spot = QPointF(self._spot(widget, deed["at"]))
        turn = QPoint(0, 120 if deed["number"] % 2 else -120)
        phase = Qt.ScrollPhase.NoScrollPhase
        place = QPointF(widget.mapToGlobal(spot.toPoint()))
        QApplication.sendEvent(widget, QWheelEvent(spot, place, QPoint(), turn, LEFT, NONE, phase, False))

    def _drop(self, deed: Deed) -> None:
        """Files from another program, good ones and bad ones."""
        files = sorted((self.place / "files").iterdir())
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(files[deed["number"] % len(files)]))])
        self.let_go(data, deed["at"])

    def let_go(self, data: QMimeData, at: tuple[float, float]) -> None:
        """Something that was dragged is dropped somewhere on the window."""
        handle = self.window.windowHandle()
        if handle is None or QApplication.activeModalWidget() or QApplication.activePopupWidget():
            return
        spot = self._spot(self.window, at)
        QApplication.sendEvent(handle, QDragEnterEvent(QPoint(5, 5), COPY, data, LEFT, NONE))
        move = QDragMoveEvent(spot, COPY, data, LEFT, NONE)
        QApplication.sendEvent(handle, move)
        QApplication.sendEvent(handle, QDropEvent(QPointF(spot), COPY, data, LEFT, NONE))

    def _tab(self, deed: Deed) -> None:
        tabs = self.window.tabs
        if tabs.isVisible() and tabs.count() and not QApplication.activeModalWidget():
            QTest.mouseClick(tabs, LEFT, NONE, tabs.tabRect(deed["number"] % tabs.count()).center())

    def _kill(self, deed: Deed) -> None:
        """One of the engines."""
        opened = self.projects.current
        pids = opened.pids if opened else []
        if pids:
            os.kill(pids[deed["number"] % len(pids)], signal.SIGKILL)

    def _escape(self, deed: Deed) -> None:
        if isinstance(above := QApplication.activeModalWidget(), QDialog):
            above.reject()

    def _size(self, deed: Deed) -> None:
        if not QApplication.activeModalWidget():
            self.window.setWindowState(Qt.WindowState.WindowNoState)
            self.window.resize(900 + deed["number"], 600 + deed["number"] // 2)


def tame(monkey: Monkey) -> None:
    """Where a deed would leave the window (file dialogues, other programs, Qt's dragging), the monkey's chance answers."""

    def path(*names: str) -> Callable[..., Any]:
        def answer(*_: Any) -> tuple[str, str]:
            name = monkey.chance.choice(("", *names))
            return (str(monkey.place / name) if name else ""), ""

        return answer

    def folder(*_: Any) -> str:
        return str(monkey.place / monkey.chance.choice(("files", "exports", "Bananas", "files/nothing")))

    def files(*_: Any) -> tuple[list[str], str]:
        found = sorted((monkey.place / "files").iterdir())
        return [str(one) for one in monkey.chance.sample(found, monkey.chance.randrange(3))], ""

    def carry(drag: QDrag, *_: Any) -> Qt.DropAction:
        monkey.let_go(drag.mimeData(), (monkey.chance.random(), monkey.chance.random()))
        return COPY

    replaced: dict[str, Callable[..., Any]] = {
        "getSaveFileName": path("new", "exports/morph.gif", "exports/morph.glb"),
        "getOpenFileName": path("files/box.obj", "files/garbage.obj"),
        "getOpenFileNames": files,
        "getExistingDirectory": folder,
    }
    (monkey.place / "exports").mkdir()
    for name, answer in replaced.items():
        setattr(QFileDialog, name, answer)
    QDrag.exec = carry  # type: ignore[assignment,method-assign]
    QDesktopServices.openUrl = lambda *_: True  # type: ignore[method-assign]
