"""The contract between the window's frame and its panels. See the docstring of ``studio`` for how one is added."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from studio.models.opened import OpenProject

Place = Literal["left", "right", "below", "centre"]
Workspace = Literal["Make", "Mix", "Morph", "Train", "Report"]
WORKSPACES: tuple[Workspace, ...] = ("Make", "Mix", "Morph", "Train", "Report")
Menu = Literal["File", "Edit", "View", "Shape", "Model", "Help"]
MENUS: tuple[str, ...] = ("File", "Edit", "View", "Shape", "Model", "Help")

_MENU = "menu"


@dataclass(frozen=True)
class Panel:
    """Something that stands in the window while a project is open.

    name : under which its place is remembered; title : what people read
    place : a dock at a side, or the centre, where panels stand above one another with ``share`` of the height
    make : the widget, from the models of the open project; it is closed (``QWidget.close``) with the project
    workspaces : in which it is shown; () = in all, and there is no workspace of its own
    at_first : whether it is shown before a person has chosen; else it is opened from the menu View
    """

    name: str
    title: str
    place: Place
    make: Callable[[OpenProject], QWidget]
    workspaces: tuple[Workspace, ...] = ()
    share: int = 1
    at_first: bool = True


def in_menu(action: QAction, menu: Menu) -> QAction:
    """Let an action that a panel's widget holds (``QWidget.addAction``) stand in a menu of the window."""
    action.setProperty(_MENU, menu)
    return action


def menu_of(action: QAction) -> str:
    """The menu that an action asked for; "" = none."""
    return str(action.property(_MENU) or "")
