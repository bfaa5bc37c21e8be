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
SEEN = 1  # state of a shape of which there is a guess, see engine.forming


class Watching(ProjectModel):
    """Follows the generations that are asked for. Who looks at something else meanwhile is left alone until the next."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self._runs: set[str] = set()  # that are watched, or will be
        self._name = ""  # of the shape to be that the view shows
        self._ours = False  # what is looked at is changed here
        opened.model(Make).asked.connect(self._runs.add)
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
        place = watched(points, preview.arrays["state"])
        if place is not None:
            self._name = f"{run}/{place:04d}"
            self._opened.model(Looking).follow(self._name, TITLE, points[place].astype(np.float32))

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


def watched(points: NDArray[np.floating], state: NDArray[np.uint8]) -> int | None:
    """Which of the clouds (R, P, 3) to look at: the first that changes, or else the last that is there; None without any.

    state : (N,) of all shapes, see engine.forming
    """
    there = np.abs(points).max((1, 2), initial=0) > 0
    changing = np.flatnonzero(there & (state[: len(points)] == SEEN))
    if len(changing):
        return int(changing[0])
    return int(np.flatnonzero(there)[-1]) if there.any() else None
