"""Shows in the 3D view how clouds take shape while they are drawn: every guess that comes, until the shapes are there."""

import numpy as np
from numpy.typing import NDArray

from engine.mailbox import Preview
from studio.models.forming import KIND
from studio.models.looking import Looking
from studio.models.make import Make
from studio.models.opened import OpenProject, ProjectModel
from studio.models.queue import ENDED

TITLE = "Taking shape"


class Watching(ProjectModel):
    """Follows the generations that are asked for. Who looks at something else meanwhile is left alone until the next."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self._runs = opened.model(Make).left  # that are watched, or will be
        self._name = ""  # of the shape to be that the view shows
        self._points = np.zeros((0, 0, 3))  # of the preview before
        self._ours = False  # what is looked at is changed here
        opened.model(Make).asked.connect(self._runs.add)
        opened.model(Make).more_asked.connect(self._runs.add)
        opened.current.shape_changed.connect(self._turn_away)
        opened.session.pictured.connect(self._see)
        opened.library.changed.connect(self._arrive)

    @property
    def name(self) -> str:
        """The shape to be that the view shows; "" when it shows none."""
        return self._name

    def _turn_away(self) -> None:
        if not self._ours:
            self._runs.clear()
            self._name = ""

    def _see(self, run: str, preview: Preview) -> None:
        points = preview.arrays.get("points")
        if run not in self._runs or preview.kind != KIND or points is None:
            return
        own, _, number = self._name.partition("/")
        place = watched(points, self._points, int(number) if own == run else 0)
        self._points = points
        if place is not None:
            self._name = f"{run}/{place:04d}"
            colours = preview.arrays.get("colours")
            shades = None if colours is None else colours[place].astype(np.float32)
            self._opened.model(Looking).follow(self._name, TITLE, points[place].astype(np.float32), shades)

    def _arrive(self) -> None:
        """When its run has ended, the shape itself takes the place of its guess, or what was looked at before."""
        run = self._name.partition("/")[0]
        task = self._opened.queue.task(run)
        if not self._name or (task is not None and task.state not in ENDED):
            return
        there = self._opened.library.card(self._name) is not None
        if not there and task is not None and task.state == "finished":
            return  # the library is read again soon
        name, self._name, self._ours = self._name, "", True
        self._runs.discard(run)
        current = self._opened.current
        if there and current.shape != name:
            current.show(name)
        else:
            current.look_again()
        self._ours = False


def watched(points: NDArray[np.floating], before: NDArray[np.floating], place: int) -> int | None:
    """Which of the clouds (R, P, 3) to look at: ``place`` while it changes, else the first that does; None where none does.

    before : what they were last, of any size
    """
    there = np.abs(points).max((1, 2), initial=0) > 0
    changed = there & (np.any(points != before, (1, 2)) if points.shape == before.shape else True)
    if place < len(changed) and changed[place]:
        return place
    return int(np.flatnonzero(changed)[0]) if changed.any() else None
