"""The frame: menus, workspaces, docks, the line at the bottom. It knows panels only by their contract."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QMimeData, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QDragEnterEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QMainWindow,
    QMenu,
    QMessageBox,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from engine.jobs import SamplesJob
from studio.models.bring import Bring
from studio.models.incoming import paths_in, sort_out, take_card
from studio.models.machine import Machine
from studio.models.make import Make
from studio.models.opened import OpenProject, Projects
from studio.models.preferences import Preferences
from studio.models.sources import shipped_sources
from studio.models.troubles import Troubles
from studio.panel import MENUS, WORKSPACES, Panel, menu_of
from studio.theme import Choice, Theme
from studio.views.banner import Banner
from studio.views.help import Diagnostics, Licences
from studio.views.queue_strip import QueueStrip
from studio.views.welcome import Welcome
from studio.widgets.drop_cover import DropCover
from studio.widgets.words import label

AREAS = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "below": Qt.DockWidgetArea.BottomDockWidgetArea,
}
THEMES: tuple[tuple[str, Choice], ...] = (("As the system", "system"), ("Dark", "dark"), ("Light", "light"))
MESHES = "Meshes (*.obj *.glb *.gltf *.stl *.ply *.off *.3mf *.dae *.zip);;All files (*)"
LAYOUT_VERSION = 1
FIRST = 6  # shapes of the first minute: enough to choose from, there in seconds
SAMPLES = 12


class MainWindow(QMainWindow):
    """The window. ``painted`` comes once, after it was on screen for the first time; ``closed`` when it is gone."""

    painted = Signal()
    closed = Signal()

    def __init__(
        self,
        panels: Sequence[Panel],
        projects: Projects,
        preferences: Preferences,
        theme: Theme,
        troubles: Troubles,
    ) -> None:
        super().__init__()
        self._panels, self._projects, self._preferences, self.theme = panels, projects, preferences, theme
        self._troubles = troubles
        self._opened: OpenProject | None = None
        self._docks: dict[str, QDockWidget] = {}
        self._widgets: dict[str, QWidget] = {}
        self._actions_of: dict[str, list[QAction]] = {}
        self._workspace = ""
        self._shown = False
        self.machine = Machine(lambda: self._opened.pids if self._opened else [])
        self.setWindowTitle("Shape Studio")
        self.setDockNestingEnabled(True)
        self.setAcceptDrops(True)
        self.resize(1280, 800)
        self._frame()
        self._menus()
        projects.opened.connect(self._open)
        projects.closing.connect(self._drop)
        self._welcome()
        if preferences.kept.geometry:
            self.restoreGeometry(QByteArray.fromBase64(preferences.kept.geometry.encode()))

    # building --------------------------------------------------------------------------------------------------------
    def _frame(self) -> None:
        self.tabs = QTabBar(drawBase=False, usesScrollButtons=False)
        self.tabs.setObjectName("workspaces")
        self.tabs.currentChanged.connect(lambda i: self.go_to(self.tabs.tabText(i)) if i >= 0 else None)
        self.menuBar().setCornerWidget(self.tabs)
        self.banner = Banner(self._troubles)
        self.stack = QStackedWidget()
        centre = QWidget()
        centre.setObjectName("centre")
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.banner)
        column.addWidget(self.stack, 1)
        self.setCentralWidget(centre)
        self.cover = DropCover(self, self._dragged, self._say_dropped)
        self.cover.dropped.connect(self.take)
        self.strip = QueueStrip()
        self.strip.asked.connect(self.toggle_queue)
        self.memory, self.offline = label(), label("offline")
        self.offline.setToolTip("Nothing is ever sent or fetched: all of it happens on this machine")
        self.machine.changed.connect(lambda: self.memory.setText(self.machine.words))
        self.machine.look()
        bar = self.statusBar()
        bar.setSizeGripEnabled(False)
        bar.addWidget(self.strip, 1)
        bar.addPermanentWidget(self.memory)
        bar.addPermanentWidget(self.offline)

    def _menus(self) -> None:
        self.menus: dict[str, QMenu] = {name: QMenu(f"&{name}", self) for name in MENUS}
        for menu in self.menus.values():
            self.menuBar().addMenu(menu)
        new, open_, self._import, self._close_project, leave = (
            self._action(text, keys, work)
            for text, keys, work in (
                ("New project…", "Ctrl+N", self.ask_new),
                ("Open project…", "Ctrl+O", self.ask_open),
                ("Import meshes…", "Ctrl+I", self.ask_meshes),
                ("Close project", "Ctrl+W", self._projects.close),
                ("Quit", "Ctrl+Q", self.close),
            )
        )
        self._recent = QMenu("Recent projects", self)
        self._recent.aboutToShow.connect(self._fill_recent)
        file = self.menus["File"]
        file.addActions([new, open_])
        file.addMenu(self._recent)
        file.addSeparator()
        file.addActions([self._import, self._close_project])
        file.addSeparator()
        file.addAction(leave)
        self._undo, self._redo = (
            self._action("Undo", "Ctrl+Z", lambda: self._step("undo")),
            self._action("Redo", "Ctrl+Shift+Z", lambda: self._step("redo")),
        )
        self.menus["Edit"].addActions([self._undo, self._redo])
        view = self.menus["View"]
        self._panel_menu = view.addMenu("Panels")
        themes, group = view.addMenu("Theme"), QActionGroup(self)
        for text, choice in THEMES:
            action = self._action(text, "", partial(self._choose_theme, choice))
            action.setCheckable(True)
            action.setChecked(self.theme.choice == choice)
            group.addAction(action)
            themes.addAction(action)
        full = self._action("Full screen", "F11", lambda: self.setWindowState(self.windowState() ^ _FULL))
        self._reset = self._action("Reset the layout", "", self.reset_layout)
        view.addActions([full, self._reset])
        self._queue_action = self._action("Queue", "Q", self.toggle_queue)
        self.addAction(self._queue_action)
        view.addAction(self._queue_action)
        pages = (("Diagnostics", self._diagnose), ("Licences", lambda: Licences(self).show()))
        self.menus["Help"].addActions([self._action(text, "", work) for text, work in pages])
        self.menus["Help"].addAction(self._action("About Shape Studio", "", self._about))
        self._enable()

    def _action(self, text: str, keys: str, work: object) -> QAction:
        action = QAction(text, self)
        if keys:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda *_: work())  # type: ignore[operator]
        return action

    # a project comes and goes ----------------------------------------------------------------------------------------
    def _open(self, opened: OpenProject) -> None:
        """Fill the frame with the panels of a project."""
        self._opened = opened
        self.setWindowTitle(f"{opened.name} – Shape Studio")
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.setChildrenCollapsible(False)
        for panel in self._panels:
            self._add(panel, panel.make(opened))
        self._splitter.setSizes([100 * panel.share for panel in self._panels if panel.place == "centre"])
        self.stack.addWidget(self._splitter)
        self.stack.setCurrentWidget(self._splitter)
        known = [name for name in WORKSPACES if any(name in panel.workspaces for panel in self._panels)]
        for name in known:
            self.tabs.addTab(name)  # the first one becomes the current one, and is gone to
        self.menuBar().setCornerWidget(self.tabs)  # again, since the bar asks only then how wide it is
        self.tabs.show()
        if self._preferences.kept.workspace in known:
            self.tabs.setCurrentIndex(known.index(self._preferences.kept.workspace))
        self.strip.bind(opened.queue)
        opened.history.changed.connect(self._enable)
        opened.current.workspace_wanted.connect(self._show_workspace)
        self._enable()
        if self._shown:
            QTimer.singleShot(0, self._start)

    def _add(self, panel: Panel, widget: QWidget) -> None:
        self._widgets[panel.name] = widget
        actions = [action for action in widget.actions() if menu_of(action) in self.menus]
        for action in actions:
            self.menus[menu_of(action)].addAction(action)
        self._actions_of[panel.name] = actions
        later = bool(panel.workspaces)  # shown when its workspace is gone to: some make what is costly when first shown
        if panel.place == "centre":
            widget.setHidden(later)
            self._splitter.addWidget(widget)
            self._splitter.setStretchFactor(self._splitter.indexOf(widget), panel.share)
            return
        dock = QDockWidget(panel.title, self)
        dock.setObjectName(panel.name)
        dock.setWidget(widget)
        dock.setHidden(later)
        self._docks[panel.name] = dock
        self.addDockWidget(AREAS[panel.place], dock)
        self._panel_menu.addAction(dock.toggleViewAction())

    def _drop(self) -> None:
        """Take the panels of a project away; each gets its closeEvent."""
        self._remember()
        self.strip.bind(None)
        with QSignalBlocker(self.tabs):
            while self.tabs.count():
                self.tabs.removeTab(0)
        for name, widget in self._widgets.items():
            for action in self._actions_of[name]:
                self.menus[menu_of(action)].removeAction(action)
            widget.close()
        for dock in self._docks.values():
            self._panel_menu.removeAction(dock.toggleViewAction())
            self.removeDockWidget(dock)
            dock.deleteLater()
        self.stack.removeWidget(self._splitter)
        self._splitter.deleteLater()
        self._docks, self._widgets, self._actions_of, self._opened = {}, {}, {}, None
        self._workspace = ""
        self.setWindowTitle("Shape Studio")
        self._enable()
        self._welcome()

    def _welcome(self) -> None:
        models = [source.title for source in shipped_sources()]
        welcome = Welcome(models, self._preferences.recent)
        welcome.generate.connect(self.generate_now)
        welcome.samples.connect(self.look_around)
        welcome.bring_in.connect(self.ask_meshes)
        welcome.new.connect(self.ask_new)
        welcome.choose.connect(self.ask_open)
        welcome.open.connect(self._projects.open)
        if (old := self.stack.widget(0)) is not None:
            self.stack.removeWidget(old)
            old.deleteLater()
        self.stack.insertWidget(0, welcome)
        self.stack.setCurrentIndex(0)
        self.welcome = welcome

    def _start(self) -> None:
        if self._opened:
            self._opened.start()
            self.machine.look()

    # workspaces and layouts ------------------------------------------------------------------------------------------
    def go_to(self, workspace: str) -> None:
        """Show the panels of a workspace as they were when it was last left."""
        if self._workspace:
            self._remember()
        self._workspace = workspace
        layout = self._preferences.kept.layouts.get(workspace, "")
        there = {panel.name: not panel.workspaces or workspace in panel.workspaces for panel in self._panels}
        for panel in self._panels:
            (self._docks.get(panel.name) or self._widgets[panel.name]).setVisible(there[panel.name] and panel.at_first)
        if layout:
            self.restoreState(QByteArray.fromBase64(layout.encode()), LAYOUT_VERSION)
        for name, dock in self._docks.items():
            dock.toggleViewAction().setVisible(there[name])
            if not there[name]:
                dock.hide()
        for name, actions in self._actions_of.items():
            for action in actions:
                action.setVisible(there[name])

    def _show_workspace(self, name: str) -> None:
        names = [self.tabs.tabText(i) for i in range(self.tabs.count())]
        if name in names:
            self.tabs.setCurrentIndex(names.index(name))

    def reset_layout(self) -> None:
        """Put every panel where it is at first."""
        self._preferences.kept.layouts.pop(self._workspace, None)
        for panel in self._panels:
            if (dock := self._docks.get(panel.name)) is not None:
                dock.setFloating(False)
                self.addDockWidget(AREAS[panel.place], dock)
        workspace, self._workspace = self._workspace, ""
        self.go_to(workspace)

    def toggle_queue(self) -> None:
        """Show or hide the list of jobs."""
        if dock := self._docks.get("queue"):
            dock.setVisible(not dock.isVisible())

    def _remember(self) -> None:
        """Keep the layout of this workspace; while the window is hidden there is none."""
        if self._workspace and self.isVisible():
            state = bytes(self.saveState(LAYOUT_VERSION).toBase64().data()).decode()
            layouts = {**self._preferences.kept.layouts, self._workspace: state}
            self._preferences.save(layouts=layouts, workspace=self._workspace)

    # what a person asks for ------------------------------------------------------------------------------------------
    def ask_new(self) -> None:
        """A name and a place for a new project."""
        text, _ = QFileDialog.getSaveFileName(self, "New project: a name for its folder")
        if text:
            self._projects.create(Path(text))

    def ask_open(self) -> None:
        """Which project to open."""
        if text := QFileDialog.getExistingDirectory(self, "Open the folder of a project"):
            self._projects.open(Path(text))

    def ask_meshes(self) -> None:
        """Files to bring in, into the open project or a new one."""
        texts, _ = QFileDialog.getOpenFileNames(self, "Import meshes", "", MESHES)
        self.bring_in([Path(text) for text in texts])

    def bring_in(self, paths: Sequence[Path]) -> None:
        """Import files into the open project, or into a new one, which says at once what they are good for."""
        if not paths:
            return
        if self._opened is None and self._projects.create_somewhere(paths[0].stem):
            self._show_workspace("Train")
        if self._opened:
            self._opened.model(Bring).bring_in(paths)

    def take(self, paths: Sequence[Path]) -> None:
        """What was dropped: a project is opened, cards of shapes are made again, all else is brought in."""
        found = sort_out(paths)
        if found.project:
            self._projects.open(found.project)
            return
        self.bring_in(found.files)
        if found.cards and (self._opened or self._projects.create_somewhere("My shapes")) and self._opened:
            for card in found.cards:
                take_card(self._opened, card)

    def _dragged(self, data: QMimeData) -> list[Path]:
        return paths_in(data, self._opened.folder if self._opened else None)

    def _say_dropped(self, paths: Sequence[Path]) -> tuple[str, str]:
        found = sort_out(paths)
        if found.project:
            return found.words, "Let go of it anywhere in the window"
        where = f"into {self._opened.name}" if self._opened else "into a new project"
        return found.words, f"{where}: let go anywhere in the window"

    def generate_now(self) -> None:
        """A new project, and the first shapes in it."""
        if self._projects.create_somewhere("My shapes") and self._opened:
            self._show_workspace("Make")
            make = self._opened.model(Make)
            make.set_count(FIRST)
            make.generate()

    def look_around(self, category: str) -> None:
        """A new project with meshes that the program makes itself."""
        if self._projects.create_somewhere(f"{category.capitalize()} samples") and self._opened:
            self._opened.submit(SamplesJob(category=category, count=SAMPLES))

    def _step(self, way: str) -> None:
        if self._opened:
            getattr(self._opened.history, way)()

    def _enable(self) -> None:
        opened = self._opened
        for action in (self._close_project, self._reset, self._queue_action):
            action.setEnabled(opened is not None)
        history = opened.history if opened else None
        self._undo.setText(history.undo_text if history else "Undo")
        self._redo.setText(history.redo_text if history else "Redo")
        self._undo.setEnabled(bool(history and history.can_undo))
        self._redo.setEnabled(bool(history and history.can_redo))
        self._panel_menu.setEnabled(opened is not None)

    def _fill_recent(self) -> None:
        self._recent.clear()
        for folder in self._preferences.recent:
            self._recent.addAction(folder.name, partial(self._projects.open, folder)).setToolTip(str(folder))
        self._recent.setToolTipsVisible(True)
        if self._recent.isEmpty():
            self._recent.addAction("None yet").setEnabled(False)

    def _choose_theme(self, choice: Choice) -> None:
        self.theme.choose(choice)
        self._preferences.save(theme=choice)

    def _diagnose(self) -> None:
        opened = self._opened
        Diagnostics(self, opened.folder if opened else None, opened.pids if opened else []).show()

    def _about(self) -> None:
        QMessageBox.about(
            self,
            "Shape Studio",
            "Shape Studio makes new 3D shapes on your own machine.\nMIT licence; it uses Qt (LGPL), VTK and PyTorch.",
        )

    # the window itself -----------------------------------------------------------------------------------------------
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files are taken wherever they are let go of."""
        self.cover.offer(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Engines start after the first paint, so that the window is there at once."""
        super().showEvent(event)
        if not self._shown:
            self._shown = True
            QTimer.singleShot(0, self._first_paint)

    def _first_paint(self) -> None:
        self.repaint()
        self.painted.emit()
        self._start()
        self.machine.start()

    def may_close(self) -> bool:
        """Ask when something runs: it is saved, and goes on the next time."""
        task = self._opened.queue.running if self._opened else None
        if task is None:
            return True
        box = QMessageBox(QMessageBox.Icon.Question, "Shape Studio", f"“{task.title}” is still running.", parent=self)
        box.setInformativeText("It is saved when you close, and goes on when you open the project again.")
        close = box.addButton("Pause and continue next time", QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(close)
        box.exec()
        return box.clickedButton() is close

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the project (its panels, its engine), then the window."""
        if not self.may_close():
            event.ignore()
            return
        self.machine.stop()
        self._preferences.save(geometry=bytes(self.saveGeometry().toBase64().data()).decode())
        self._remember()
        self.hide()
        self._projects.close()
        event.accept()
        self.closed.emit()


_FULL = Qt.WindowState.WindowFullScreen
