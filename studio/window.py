"""The frame: workspaces, the line at the bottom, and what a person can ask of it. It knows panels only by their contract."""

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QShowEvent
from PySide6.QtWidgets import (
    QMainWindow,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from engine.live_requests import Hardware
from studio.docks import Docks
from studio.menus import Menus, show_history
from studio.models.machine import Machine
from studio.models.opened import OpenProject, Projects
from studio.models.preferences import Preferences
from studio.models.sources import shipped_sources
from studio.models.tour import Tour
from studio.models.troubles import Troubles
from studio.models.ways_in import WaysIn
from studio.pages import Pages
from studio.panel import Panel
from studio.tab_order import go_on
from studio.theme import Choice, Theme
from studio.views.banner import Banner
from studio.views.queue_strip import QueueStrip
from studio.views.tour import TourBubble
from studio.views.welcome import FROM_WORDS, Welcome
from studio.widgets.drop_cover import DropCover
from studio.widgets.words import label


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
        self._projects, self._preferences, self.theme, self._troubles = projects, preferences, theme, troubles
        self._opened: OpenProject | None = None
        self.ways_in = WaysIn(projects)
        self._docks = Docks(self, panels, preferences)
        self.pages = Pages(self, projects, self.ways_in, preferences, theme, self._docks.reset_all)
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
        self.tabs.currentChanged.connect(lambda i: self._docks.go_to(self.tabs.tabText(i)) if i >= 0 else None)
        self.tabs.setAccessibleName("Workspaces")
        self.menuBar().setCornerWidget(self.tabs)
        self.tabs.hide()
        self.banner = Banner(self._troubles)
        self.stack = QStackedWidget()
        self.centre = centre = QWidget()
        centre.setObjectName("centre")
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.banner)
        column.addWidget(self.stack, 1)
        self.setCentralWidget(centre)
        self.cover = DropCover(self, self.ways_in.dragged, self.ways_in.words)
        self.cover.dropped.connect(self.ways_in.take)
        self.strip = QueueStrip()
        self.strip.asked.connect(self.toggle_queue)
        self.memory, self.offline = label(), label("offline")
        self.memory.setToolTip("What computes, and the memory of the window and its engines")
        self.offline.setToolTip("Nothing is ever sent or fetched: all of it happens on this machine")
        self.machine.changed.connect(self._measure)  # not a lambda, which outlives the window
        self.machine.look()
        bar = self.statusBar()
        bar.setSizeGripEnabled(False)
        bar.addWidget(self.strip, 1)
        bar.addPermanentWidget(self.memory)
        bar.addPermanentWidget(self.offline)

    def _menus(self) -> None:
        menus = Menus(self)
        pages, self.menus = self.pages, menus.by_name
        menus.add("File", "New project…", "Ctrl+N", pages.ask_new)
        menus.add("File", "Open project…", "Ctrl+O", pages.ask_open)
        menus.add_recent(lambda: self._preferences.recent, self._projects.open)
        self.menus["File"].addSeparator()
        menus.add("File", "Import meshes…", "Ctrl+I", pages.ask_meshes)
        self._close_project = menus.add("File", "Close project", "Ctrl+W", self._projects.close)
        self.menus["File"].addSeparator()
        menus.add("File", "Quit", "Ctrl+Q", self.close)
        self._undo = menus.add("Edit", "Undo", "Ctrl+Z", lambda: self._step("undo"))
        self._redo = menus.add("Edit", "Redo", "Ctrl+Shift+Z", lambda: self._step("redo"))
        self.menus["Edit"].addSeparator()
        menus.add("Edit", "Preferences…", "Ctrl+,", pages.preferences)
        self._listed = self.menus["View"].addMenu("Panels")
        menus.add_themes(self.theme, self._choose_theme)
        menus.add("View", "Full screen", "F11", lambda: self.setWindowState(self.windowState() ^ _FULL))
        self._reset = menus.add("View", "Reset the layout", "", self._docks.reset)
        self._queue_action = menus.add("View", "Queue", "Q", self.toggle_queue)
        self.addAction(self._queue_action)
        menus.add("Help", "Two-minute tour", "", self.ways_in.take_tour)
        menus.add("Help", "Diagnostics", "", pages.diagnose)
        menus.add("Help", "Licences", "", pages.licences)
        menus.add("Help", "About Shape Studio", "", pages.about)
        pages.keys.adopt(self.menus)
        self._enable()

    # a project comes and goes ----------------------------------------------------------------------------------------
    def _open(self, opened: OpenProject) -> None:
        """Fill the frame with the panels of a project."""
        tour = opened.model(Tour)
        tour.ended.connect(lambda: self._preferences.save(toured=True))
        self.bubble = TourBubble(self, tour)  # Tab asks for it as soon as the first page goes
        self._opened = opened
        self.setWindowTitle(f"{opened.name} – Shape Studio")
        ignored = QSizePolicy.Policy.Ignored
        self.welcome.setSizePolicy(ignored, ignored)  # out of sight it needs no room
        self._docks.fill(opened, self.menus, self._listed)
        self.pages.keys.adopt(self.menus)
        self.pages.prefer()
        self.stack.addWidget(self._docks.centre)
        self.stack.setCurrentWidget(self._docks.centre)
        known = self._docks.workspaces
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

    def _drop(self) -> None:
        """Take the panels of a project away; each gets its closeEvent."""
        self._docks.remember()
        self.bubble.end()
        self.strip.bind(None)
        with QSignalBlocker(self.tabs):
            while self.tabs.count():
                self.tabs.removeTab(0)
        self.tabs.hide()
        self.stack.removeWidget(self._docks.centre)
        self._docks.clear()
        self.pages.keys.adopt(self.menus)
        self._opened = None
        self.setWindowTitle("Shape Studio")
        self._enable()
        self._welcome()

    def _welcome(self) -> None:
        models = [(source.name, FROM_WORDS if source.reads else source.title) for source in shipped_sources()]
        welcome = Welcome(models, self._preferences.recent, tour=not self._preferences.kept.toured)
        welcome.generate.connect(self.ways_in.generate_now)
        welcome.tour.connect(self.ways_in.take_tour)
        welcome.samples.connect(self.ways_in.look_around)
        welcome.bring_in.connect(self.pages.ask_meshes)
        welcome.new.connect(self.pages.ask_new)
        welcome.choose.connect(self.pages.ask_open)
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
            self._opened.live.ask(Hardware(), then=self.machine.hear)
            self.machine.look()

    def _show_workspace(self, name: str) -> None:
        names = [self.tabs.tabText(i) for i in range(self.tabs.count())]
        if name in names:
            self.tabs.setCurrentIndex(names.index(name))

    def _measure(self) -> None:
        self.memory.setText(self.machine.words)

    def toggle_queue(self) -> None:
        """Show or hide the list of jobs."""
        self._docks.toggle("queue")

    # what a person asks for ------------------------------------------------------------------------------------------
    def _step(self, way: str) -> None:
        """Undo or redo, and say what: it may be something of another workspace."""
        if self._opened and (text := getattr(self._opened.history, way)()):
            self.strip.flash(f"{'Undone' if way == 'undo' else 'Done again'}: {text}")

    def _enable(self) -> None:
        opened = self._opened
        for action in (self._close_project, self._reset, self._queue_action):
            action.setEnabled(opened is not None)
        self._listed.setEnabled(opened is not None)
        show_history(self._undo, self._redo, opened.history if opened else None)

    def _choose_theme(self, choice: Choice) -> None:
        self.theme.choose(choice)
        self._preferences.save(theme=choice)

    # the window itself -----------------------------------------------------------------------------------------------
    def focusNextPrevChild(self, forwards: bool) -> bool:
        """Tab goes on as one reads, whatever was made first; Qt's own order where there is nothing to go to."""
        tour = [self.bubble] if self._opened else []
        places = [*tour, self.tabs, *self._docks.around(self.centre), self.statusBar()]
        return go_on(places, self.focusWidget(), forwards) or super().focusNextPrevChild(forwards)

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
        return self.pages.may_close(self)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close the project (its panels, its engine), then the window."""
        if not self.may_close():
            event.ignore()
            return
        self.machine.stop()
        self._preferences.save(geometry=bytes(self.saveGeometry().toBase64().data()).decode())
        self._docks.remember()
        self.hide()
        try:
            self._projects.close()
        finally:  # a window that is gone must not keep its process, whatever went wrong
            event.accept()
            self.closed.emit()


_FULL = Qt.WindowState.WindowFullScreen
