"""Puts the window together and runs it: Qt and asyncio in one loop."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from qasync import QEventLoop

from studio.models.opened import ENGINES, Engines, Projects
from studio.models.preferences import Preferences
from studio.models.troubles import Troubles
from studio.panel import Panel
from studio.panels import PANELS
from studio.theme import Choice, Theme
from studio.window import MainWindow

SWITCH_S = 0.001  # for which a thread keeps Python's lock: the window waits for it, at each picture and each card


def application(arguments: Sequence[str]) -> QApplication:
    """Qt's application, with what must be set before it."""
    sys.setswitchinterval(SWITCH_S)
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    QCoreApplication.setApplicationName("Shape Studio")
    QGuiApplication.setDesktopFileName("shape-studio")
    return QApplication(list(arguments))


def build(
    app: QApplication, preferences: Preferences, engines: Engines = ENGINES, panels: Sequence[Panel] = PANELS
) -> tuple[MainWindow, Projects]:
    """The window with all behind it, not shown yet."""
    troubles = Troubles()
    choice = preferences.kept.theme if preferences.kept.theme in ("dark", "light") else "system"
    theme = Theme(app, cast(Choice, choice), preferences.kept.text)
    projects = Projects(preferences, troubles, engines)
    window = MainWindow(panels, projects, preferences, theme, troubles)
    preferences.unsaved.connect(troubles.tell_error)
    troubles.setParent(window)
    projects.setParent(window)
    troubles.watch()
    return window, projects


def start(arguments: Sequence[str]) -> int:
    """Run the window until it is closed. A folder among the arguments is the project to open."""
    app = application(arguments)
    window, projects = build(app, Preferences())
    folders = [Path(text) for text in arguments[1:] if not text.startswith("-")]
    return run(app, window, projects, folders[0] if folders else None)


def run(app: QApplication, window: MainWindow, projects: Projects, folder: Path | None) -> int:
    """Show the window, with a project that is opened or made, until it is closed."""
    window.show()
    if folder:
        (projects.open if (folder / "project.json").exists() else projects.create)(folder)
    app.setQuitOnLastWindowClosed(False)  # the loop ends by itself, when all has been let go of
    gone = asyncio.Event()
    window.closed.connect(gone.set)
    with QEventLoop(app) as loop:
        loop.run_until_complete(gone.wait())
    sys.excepthook = sys.__excepthook__
    return 0
