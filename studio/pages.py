"""What the frame asks a person, and the pages that it opens beside itself."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMainWindow, QMessageBox, QWidget

from studio.keys import Keys
from studio.models.opened import Projects
from studio.models.preferences import Preferences
from studio.models.ways_in import WaysIn
from studio.theme import Choice, Theme
from studio.views.help import Diagnostics, Licences
from studio.views.preferences import PreferencesPage
from studio.widgets.card_list import CardList

MESHES = "Meshes (*.obj *.glb *.gltf *.stl *.ply *.off *.3mf *.dae *.zip);;All files (*)"
ABOUT = "Shape Studio makes new 3D shapes on your own machine.\nMIT licence; it uses Qt (LGPL), VTK and PyTorch."


class Pages:
    """Each method is an entry of a menu. ``keys`` are those of all actions. What is preferred holds from the start."""

    def __init__(
        self,
        window: QMainWindow,
        projects: Projects,
        ways_in: WaysIn,
        preferences: Preferences,
        theme: Theme,
        reset_layout: Callable[[], object],
    ) -> None:
        self._window, self._projects, self._ways_in = window, projects, ways_in
        self._preferences, self._theme, self._reset = preferences, theme, reset_layout
        self.keys = Keys(preferences)
        preferences.changed.connect(self.prefer)

    def prefer(self) -> None:
        """Let what a person prefers hold in the window."""
        kept = self._preferences.kept
        if self._theme.choice != kept.theme:
            self._theme.choose(choice_of(kept.theme))
        self._theme.enlarge(kept.text)
        for cards in self._window.findChildren(CardList):
            cards.enlarge(kept.pictures)

    def ask_new(self) -> None:
        """A name and a place for a new project."""
        place = self._preferences.place
        start = str(place / "My shapes") if place.is_dir() else ""
        text, _ = QFileDialog.getSaveFileName(self._window, "New project: a name for its folder", start)
        if text:
            self._projects.create(Path(text))

    def ask_open(self) -> None:
        """Which project to open."""
        place = self._preferences.place
        start = str(place) if place.is_dir() else ""
        if text := QFileDialog.getExistingDirectory(self._window, "Open the folder of a project", start):
            self._projects.open(Path(text))

    def ask_meshes(self) -> None:
        """Files to bring in, into the open project or a new one."""
        texts, _ = QFileDialog.getOpenFileNames(self._window, "Import meshes", "", MESHES)
        self._ways_in.bring_in([Path(text) for text in texts])

    def preferences(self) -> None:
        """The page of preferences; one at a time."""
        there = self._window.findChildren(PreferencesPage)
        page = there[0] if there else PreferencesPage(self._window, self._preferences, self.keys, self._reset)
        page.show()
        page.activateWindow()

    def diagnose(self) -> None:
        """Versions, machine and the last words of the engines."""
        opened = self._projects.current
        Diagnostics(self._window, opened.folder if opened else None, opened.pids if opened else []).show()

    def licences(self) -> None:
        """Of all packages."""
        Licences(self._window).show()

    def about(self) -> None:
        """What this is."""
        QMessageBox.about(self._window, "Shape Studio", ABOUT)

    def may_close(self, asking: QWidget) -> bool:
        """Ask when something runs: it is saved, and goes on the next time."""
        task = self._projects.current.queue.running if self._projects.current else None
        if task is None:
            return True
        box = QMessageBox(QMessageBox.Icon.Question, "Shape Studio", f"“{task.title}” is still running.", parent=asking)
        box.setInformativeText("It is saved when you close, and goes on when you open the project again.")
        close = box.addButton("Pause and continue next time", QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(close)
        box.exec()
        return box.clickedButton() is close


def choice_of(kept: str) -> Choice:
    """A theme as it was kept; the system's where that is none."""
    found: dict[str, Choice] = {"dark": "dark", "light": "light"}
    return found.get(kept, "system")
