"""Where the panels of a project stand in the window, which of them a workspace shows, and what is remembered of it."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenu, QSplitter, QWidget

from studio.models.opened import OpenProject
from studio.models.preferences import Preferences
from studio.panel import WORKSPACES, Panel, menu_of

AREAS = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "below": Qt.DockWidgetArea.BottomDockWidgetArea,
}
LAYOUT_VERSION = 1


class Docks:
    """Empty while no project is open. ``centre`` is what stands in the middle of the window."""

    def __init__(self, window: QMainWindow, panels: Sequence[Panel], preferences: Preferences) -> None:
        self._window, self._panels, self._preferences = window, panels, preferences
        self._docks: dict[str, QDockWidget] = {}
        self._widgets: dict[str, QWidget] = {}
        self._actions: dict[str, list[QAction]] = {}
        self._workspace = ""
        self.centre = QSplitter(Qt.Orientation.Vertical)

    @property
    def workspaces(self) -> list[str]:
        """Those that a panel names."""
        return [name for name in WORKSPACES if any(name in panel.workspaces for panel in self._panels)]

    # a project comes and goes ----------------------------------------------------------------------------------------
    def fill(self, opened: OpenProject, menus: Mapping[str, QMenu], listed: QMenu) -> None:
        """Make the panels of a project. listed : the menu in which each dock is shown and hidden."""
        self.centre = QSplitter(Qt.Orientation.Vertical)
        self.centre.setChildrenCollapsible(False)
        for panel in self._panels:
            widget = panel.make(opened)
            self._widgets[panel.name] = widget
            self._actions[panel.name] = [action for action in widget.actions() if menu_of(action) in menus]
            for action in self._actions[panel.name]:
                menus[menu_of(action)].addAction(action)
            self._place(panel, widget, listed)
        self.centre.setSizes([100 * panel.share for panel in self._panels if panel.place == "centre"])

    def _place(self, panel: Panel, widget: QWidget, listed: QMenu) -> None:
        later = bool(panel.workspaces)  # shown when its workspace is gone to: some make what is costly when first shown
        if panel.place == "centre":
            widget.setHidden(later)
            self.centre.addWidget(widget)
            self.centre.setStretchFactor(self.centre.indexOf(widget), panel.share)
            return
        dock = QDockWidget(panel.title, self._window)
        dock.setObjectName(panel.name)
        dock.setWidget(widget)
        dock.setHidden(later)
        self._docks[panel.name] = dock
        self._window.addDockWidget(AREAS[panel.place], dock)
        listed.addAction(dock.toggleViewAction())

    def clear(self) -> None:
        """Take the panels away; each gets its closeEvent."""
        for name, widget in self._widgets.items():
            for action in self._actions[name]:
                for menu in action.associatedObjects():
                    if isinstance(menu, QMenu):
                        menu.removeAction(action)
            widget.close()
        for dock in self._docks.values():
            self._window.removeDockWidget(dock)
            dock.deleteLater()  # and with it the action that shows it
        self.centre.deleteLater()
        self._docks, self._widgets, self._actions, self._workspace = {}, {}, {}, ""

    # workspaces and layouts ------------------------------------------------------------------------------------------
    def go_to(self, workspace: str) -> None:
        """Show the panels of a workspace as they were when it was last left."""
        self.remember()
        self._workspace = workspace
        layout = self._preferences.kept.layouts.get(workspace, "")
        there = {panel.name: not panel.workspaces or workspace in panel.workspaces for panel in self._panels}
        for panel in self._panels:
            (self._docks.get(panel.name) or self._widgets[panel.name]).setVisible(there[panel.name] and panel.at_first)
        if layout:
            self._window.restoreState(QByteArray.fromBase64(layout.encode()), LAYOUT_VERSION)
        for name, dock in self._docks.items():
            dock.toggleViewAction().setVisible(there[name])
            if not there[name]:
                dock.hide()
        for name, actions in self._actions.items():
            for action in actions:
                action.setVisible(there[name])

    def reset(self) -> None:
        """Put every panel where it is at first."""
        self._preferences.kept.layouts.pop(self._workspace, None)
        for panel in self._panels:
            if (dock := self._docks.get(panel.name)) is not None:
                dock.setFloating(False)
                self._window.addDockWidget(AREAS[panel.place], dock)
        workspace, self._workspace = self._workspace, ""
        self.go_to(workspace)

    def reset_all(self) -> None:
        """The same in all workspaces."""
        self._preferences.save(layouts={})
        if self._workspace:
            self.reset()

    def toggle(self, name: str) -> None:
        """Show or hide a dock."""
        if dock := self._docks.get(name):
            dock.setVisible(not dock.isVisible())

    def remember(self) -> None:
        """Keep the layout of this workspace; while the window is hidden there is none."""
        if self._workspace and self._window.isVisible():
            state = bytes(self._window.saveState(LAYOUT_VERSION).toBase64().data()).decode()
            layouts = {**self._preferences.kept.layouts, self._workspace: state}
            self._preferences.save(layouts=layouts, workspace=self._workspace)

    def around(self, centre: QWidget) -> list[QWidget]:
        """What stands in the window, as one reads it: from the left over the centre to the right, then what is below."""
        placed = {place: [panel.name for panel in self._panels if panel.place == place] for place in AREAS}
        left, right, below = ([self._docks[name] for name in names if name in self._docks] for names in placed.values())
        docks = [dock for dock in (*left, *right, *below) if not dock.isFloating()]
        return [*(dock for dock in docks if dock in left), centre, *(dock for dock in docks if dock not in left)]
