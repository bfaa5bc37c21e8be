"""The cameras of the panes: linked or each for itself, and how they go from one place to the next."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEasingCurve, QObject, QVariantAnimation, Signal

from studio.models.scene import Scene
from studio.views.view3d_camera import Camera

TRIP = 140  # milliseconds from one view to the next, so that one sees how they lie to each other


class Cameras(QObject):
    """A camera per shape. While ``scene.look.linked`` holds, what happens to one happens to all."""

    changed = Signal()

    def __init__(self, scene: Scene, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._scene = scene
        self._common = Camera()
        self._own: dict[str, Camera] = {}
        self._trip: QVariantAnimation | None = None

    def of(self, key: str) -> Camera:
        """The camera that looks at a shape."""
        return self._common if self._scene.look.linked else self._own.get(key, self._common)

    def change(self, key: str, change: Callable[[Camera], Camera]) -> None:
        """Change the camera of a shape at once."""
        self._stop()
        self._put(key, change(self.of(key)))

    def travel(self, key: str, goal: Camera) -> None:
        """Go there within a moment."""
        self._stop()
        start = self.of(key)
        trip = QVariantAnimation(self, startValue=0.0, endValue=1.0, duration=TRIP)
        trip.setEasingCurve(QEasingCurve.Type.InOutQuad)
        trip.valueChanged.connect(lambda share: self._put(key, between(start, goal, float(share))))
        trip.finished.connect(lambda: self._put(key, goal))
        self._trip = trip
        trip.start(QVariantAnimation.DeletionPolicy.KeepWhenStopped)

    @property
    def travelling(self) -> bool:
        """Whether a camera is on its way."""
        return self._trip is not None and self._trip.state() == QVariantAnimation.State.Running

    def frame(self, key: str, points: NDArray[np.float64], aspect: float, smooth: bool = True) -> None:
        """Bring ``points`` (P, 3) into full view."""
        goal = self.of(key).framing(points, aspect)
        if smooth:
            self.travel(key, goal)
        else:
            self.change(key, lambda _: goal)

    def _put(self, key: str, camera: Camera) -> None:
        self._own[key] = camera
        if self._scene.look.linked:
            self._common = camera
            self._own = {}
        self.changed.emit()

    def _stop(self) -> None:
        if self._trip is not None:
            trip, self._trip = self._trip, None
            trip.blockSignals(True)
            trip.stop()
            trip.deleteLater()


def between(start: Camera, goal: Camera, share: float) -> Camera:
    """A camera on the way: the shorter way round, distances in equal factors."""
    round_ = (goal.azimuth - start.azimuth + 180) % 360 - 180
    x, y, z = (a + share * (b - a) for a, b in zip(start.target, goal.target, strict=True))
    return replace(
        goal,
        azimuth=start.azimuth + share * round_,
        elevation=start.elevation + share * (goal.elevation - start.elevation),
        distance=start.distance * (goal.distance / start.distance) ** share,
        target=(x, y, z),
    )
