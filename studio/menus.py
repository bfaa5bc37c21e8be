"""The menus of the window: those of the frame, and room for the actions of panels."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from studio.models.history import History
from studio.panel import MENUS
from studio.theme import Choice, Theme

THEMES: tuple[tuple[str, Choice], ...] = (("As the system", "system"), ("Dark", "dark"), ("Light", "light"))


class Menus:
    """``by_name`` : every menu of the bar, by its words."""

    def __init__(self, window: QMainWindow) -> None:
        self._window = window
        self.by_name: dict[str, QMenu] = {name: QMenu(f"&{name}", window) for name in MENUS}
        for menu in self.by_name.values():
            window.menuBar().addMenu(menu)

    def add(self, menu: str, text: str, keys: str, work: Callable[[], object]) -> QAction:
        """One more line at the end of a menu."""
        action = QAction(text, self._window)
        action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda *_: work())
        self.by_name[menu].addAction(action)
        return action

    def add_recent(self, folders: Callable[[], Sequence[Path]], choose: Callable[[Path], object]) -> None:
        """Projects that were open before, read when somebody looks."""
        menu = self.by_name["File"].addMenu("Recent projects")
        menu.setToolTipsVisible(True)

        def fill() -> None:
            menu.clear()
            for folder in folders():
                menu.addAction(folder.name, partial(choose, folder)).setToolTip(str(folder))
            if menu.isEmpty():
                menu.addAction("None yet").setEnabled(False)

        menu.aboutToShow.connect(fill)

    def add_themes(self, theme: Theme, choose: Callable[[Choice], object]) -> None:
        """One of them is ticked, whoever chose it."""
        menu, group = self.by_name["View"].addMenu("Theme"), QActionGroup(self._window)
        for text, choice in THEMES:
            action = menu.addAction(text, partial(choose, choice))
            action.setCheckable(True)
            action.setData(choice)
            group.addAction(action)

        def tick() -> None:
            for action in group.actions():
                action.setChecked(action.data() == theme.choice)

        menu.aboutToShow.connect(tick)


def show_history(undo: QAction, redo: QAction, history: History | None) -> None:
    """What can be taken back, and done again, in words; None: nothing."""
    undo.setText(history.undo_text if history else "Undo")
    redo.setText(history.redo_text if history else "Redo")
    undo.setEnabled(bool(history and history.can_undo))
    redo.setEnabled(bool(history and history.can_redo))
