"""The camera of a pane as plain numbers: a turntable about the vertical, as in Blender. Canonical space, Y up, front +Z."""

from dataclasses import dataclass, replace
from math import atan2, cos, degrees, hypot, radians, sin, tan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]  # (3,)
Side = Literal["front", "back", "right", "left", "top", "bottom"]

ANGLE = 26.0  # degrees from the lower to the upper edge: a long lens, so that proportions stay true
SIDES: dict[Side, tuple[float, float]] = {  # azimuth, elevation
    "front": (0, 0), "back": (180, 0), "right": (90, 0), "left": (-90, 0), "top": (0, 90), "bottom": (0, -90),
}  # fmt: skip
NEAREST, FARTHEST = 0.05, 50.0  # distances from the eye to what is looked at
STEP = 1.2  # factor of a notch of the wheel


@dataclass(frozen=True)
class Camera:
    """Where one looks from.

    azimuth : degrees from the front (+Z) towards +X; elevation : degrees above the horizon, -90..90
    distance : from the eye to ``target``; flat : without perspective, with the same size at the target
    """

    azimuth: float = 35.0
    elevation: float = 22.0
    distance: float = 3.0
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    flat: bool = False

    @property
    def axes(self) -> NDArray[np.float64]:
        """(3, 3) rows: unit vectors to the right of the picture, to its top, and towards the eye."""
        a, e = radians(self.azimuth), radians(self.elevation)
        right = (cos(a), 0, -sin(a))
        up = (-sin(e) * sin(a), cos(e), -sin(e) * cos(a))
        back = (cos(e) * sin(a), sin(e), cos(e) * cos(a))
        return np.array([right, up, back])

    @property
    def eye(self) -> Vector:
        """(3,) where one looks from."""
        return np.array(self.target) + self.distance * self.axes[2]

    @property
    def half(self) -> float:
        """Half the height of what is seen at the target."""
        return self.distance * tan(radians(ANGLE / 2))

    def turned(self, right: float, up: float) -> "Camera":
        """Gone round by degrees; at the poles it stops."""
        azimuth = (self.azimuth + right + 180) % 360 - 180
        return replace(self, azimuth=azimuth, elevation=max(-90.0, min(90.0, self.elevation + up)))

    def panned(self, right: float, up: float) -> "Camera":
        """What is looked at is pulled along by shares of the picture's height."""
        shift = -2 * self.half * (right * self.axes[0] + up * self.axes[1])
        x, y, z = np.array(self.target) + shift
        return replace(self, target=(float(x), float(y), float(z)))

    def zoomed(self, notches: float) -> "Camera":
        """Nearer by notches of the wheel."""
        return replace(self, distance=max(NEAREST, min(FARTHEST, self.distance / STEP**notches)))

    def from_side(self, side: Side) -> "Camera":
        """The same target and distance, looked at squarely."""
        azimuth, elevation = SIDES[side]
        return replace(self, azimuth=float(azimuth), elevation=float(elevation))

    def framing(self, points: NDArray, aspect: float, margin: float = 0.16) -> "Camera":
        """Moved along, without turning, until ``points`` (P, 3) fill the picture of that width over height."""
        points = np.asarray(points, float)
        target = (points.min(0) + points.max(0)) / 2
        turned = (points - target) @ self.axes.T
        slope = tan(radians(ANGLE / 2)) * (1 - margin)
        wide = np.abs(turned[:, 0]) / (slope * max(aspect, 1e-3))
        high = np.abs(turned[:, 1]) / slope
        distance = float((np.maximum(wide, high) + (0 if self.flat else turned[:, 2])).max())
        x, y, z = (float(value) for value in target)
        return replace(self, target=(x, y, z), distance=max(NEAREST, min(FARTHEST, distance)))

    def project(self, points: NDArray, size: tuple[float, float]) -> NDArray[np.float64]:
        """(P, 2) pixels of ``points`` (P, 3) from the upper left of a picture of ``size`` (width, height); nan behind it."""
        turned = (np.asarray(points, float) - np.array(self.target)) @ self.axes.T
        depth = np.full(len(turned), self.distance) if self.flat else self.distance - turned[:, 2]
        depth = np.where(depth > 1e-9, depth, np.nan)
        scale = size[1] / (2 * depth * tan(radians(ANGLE / 2)))  # pixels per unit
        return np.stack([size[0] / 2 + turned[:, 0] * scale, size[1] / 2 - turned[:, 1] * scale], 1)

    def units_per_pixel(self, height: float) -> float:
        """Canonical units that a pixel is wide at the target, in a picture of that height."""
        return 2 * self.half / max(height, 1.0)

    def on_target_plane(self, x: float, y: float, size: tuple[float, float]) -> Vector:
        """(3,) the point at the target's depth behind pixel (x, y)."""
        unit = self.units_per_pixel(size[1])
        right, up, _ = self.axes
        return np.array(self.target) + (x - size[0] / 2) * unit * right - (y - size[1] / 2) * unit * up


def facing_axis(camera: Camera) -> int:
    """0, 1 or 2: the axis that points most towards the eye."""
    return int(np.abs(camera.axes[2]).argmax())


def angle_about(centre: NDArray, x: float, y: float) -> float:
    """Degrees of pixel (x, y) about pixel ``centre`` (2,), counter-clockwise from the right."""
    return degrees(atan2(centre[1] - y, x - centre[0]))


def reach(centre: NDArray, x: float, y: float) -> float:
    """Pixels from ``centre`` (2,) to (x, y)."""
    return hypot(x - centre[0], y - centre[1])
