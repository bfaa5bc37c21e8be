"""What lies under the mouse: questions to the thread that draws, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, QRectF, Signal

from studio.models.scene import Scene, Spot
from studio.views.view3d_layout import pane_at

if TYPE_CHECKING:
    from studio.views.view3d_stage import Found


class Pointing(QObject):
    """Asks one thing at a time while the mouse hovers, and again where it has gone on meanwhile; every click is answered."""

    ask = Signal(int, str, float, float)  # number, key, place as shares of the pane from its upper left

    def __init__(self, scene: Scene, room: Callable[[], QRectF], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._scene, self._room = scene, room
        self._number = 0
        self._clicks: set[int] = set()
        self._hovering = 0  # number of the question about the mouse's place; 0: none is open
        self._at: QPointF | None = None  # where the mouse is, while it is over the view
        self._stale = False  # it has gone on since it was asked for

    def click(self, at: QPointF) -> None:
        """Select what lies there."""
        number = self._question(at)
        if number:
            self._clicks.add(number)

    def hover(self, at: QPointF, busy: bool) -> None:
        """The mouse is there; ``busy``: a picture is being made, so ask when it is there."""
        self._at = at
        if busy or self._hovering:
            self._stale = True
        else:
            self._stale = False
            self._hovering = self._question(at)

    def again(self) -> None:
        """A picture has come: what is under the mouse may be something else."""
        if self._at is not None and self._stale:
            self.hover(self._at, busy=False)

    def leave(self) -> None:
        """The mouse is elsewhere, or busy."""
        self._at, self._stale = None, False
        self._scene.hover(None)

    def forget(self) -> None:
        """Nobody answers any more."""
        self._clicks.clear()
        self._hovering = 0

    def answer(self, found: Found) -> None:
        """What lay there."""
        there = any(shape.key == found.key and shape.part(found.part or "") for shape in self._scene.shapes)
        spot: Spot | None = (found.key, found.part) if found.part is not None and there else None
        if found.number in self._clicks:
            self._clicks.remove(found.number)
            self._scene.select(spot)
        elif found.number == self._hovering:
            self._hovering = 0
            if self._at is not None:
                self._scene.hover(spot)
                self.again()

    def _question(self, at: QPointF) -> int:
        there = pane_at(self._scene, self._room(), at)
        if there is None:
            return 0
        key, pane = there
        self._number += 1
        self.ask.emit(self._number, key, (at.x() - pane.x()) / pane.width(), (at.y() - pane.y()) / pane.height())
        return self._number
