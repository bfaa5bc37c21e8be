"""The window with a project and its real engines, as the measures of `bench studio` use it."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget
from qasync import QEventLoop

from engine.errors import InputError
from studio.app import application, build
from studio.models.opened import OpenProject
from studio.models.preferences import Preferences
from studio.views.library import LibraryView
from studio.views.mix import MixView
from studio.views.view3d import View3D
from tests.bench._studio_heart import Heart

PATIENCE_S = 300.0  # for whatever is waited for; the machine may be busy
TICK_S = 0.01


class Painted(QObject):
    """Calls ``then`` each time that a widget has been painted."""

    def __init__(self, widget: QWidget, then: Callable[[], None]) -> None:
        super().__init__(widget)
        self._then = then
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The widget paints when this returns; what is queued behind that comes when it has."""
        if event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, self._then)
        return False


class Desk:
    """The window, its parts, and the heart that says how late its loop is."""

    def __init__(self, folder: Path) -> None:
        """folder : the project to open, once the loop runs; see ``open``."""
        self.folder = folder
        self.app = application(["bench"])
        self.window, self.projects = build(self.app, Preferences())
        self.window.may_close = lambda: True  # type: ignore[method-assign]
        self.heart = Heart()

    def do(self, work: Callable[["Desk"], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
        """Show the window, do this, close it."""
        told: list[str] = []
        self.projects._troubles.told.connect(lambda trouble: told.append(trouble.text))
        self.window.show()
        with QEventLoop(self.app) as loop:
            try:
                found: dict[str, Any] = loop.run_until_complete(work(self))
            finally:
                self.window.close()
        return found | {"troubles": told, "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None}

    def open(self) -> None:
        """Open the project; its engines start after it is painted."""
        if not self.projects.open(self.folder):
            raise InputError(f"{self.folder} cannot be opened")

    @property
    def opened(self) -> OpenProject:
        """The project."""
        assert self.projects.current is not None
        return self.projects.current

    @property
    def library(self) -> LibraryView:
        """The dock with all cards."""
        return self.part(LibraryView)

    @property
    def view(self) -> View3D:
        """The 3D view."""
        return self.part(View3D)

    @property
    def mix(self) -> MixView:
        """The part-swap panel."""
        return self.part(MixView)

    def part(self, kind: type[Any]) -> Any:
        """The one widget of a kind."""
        found = self.window.findChild(kind)
        assert found is not None, f"the window has no {kind.__name__}"
        return found

    def go_to(self, workspace: str) -> None:
        """Click on the tab of a workspace."""
        tabs = self.window.tabs
        tabs.setCurrentIndex([tabs.tabText(i) for i in range(tabs.count())].index(workspace))


async def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> float:
    """Wait until something holds, looking every 10 ms -> seconds that it took. InputError when it never does."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > seconds:
            raise InputError(f"waited {seconds:.0f} s in vain for {what}")
        await asyncio.sleep(TICK_S)
    return time.perf_counter() - began
