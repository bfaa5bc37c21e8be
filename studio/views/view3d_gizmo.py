"""Moving a part by mouse and keys as in Blender: G, R or S, then X, Y or Z, then a number; what comes out is a `Move`."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.card import LEAST_FACTOR, MOST_FACTOR, Axis, Move, ScaleMove, ShiftMove, TurnMove
from studio.models.scene import Spot
from studio.views.view3d_camera import Camera, angle_about, facing_axis, reach

Kind = Literal["shift", "turn", "scale"]
Size = tuple[float, float]
AXES: tuple[Axis, ...] = ("x", "y", "z")
WORDS: dict[Kind, str] = {"shift": "Move", "turn": "Rotate", "scale": "Scale"}
SNAPS: dict[Kind, float] = {"shift": 0.05, "turn": 5.0, "scale": 0.1}
LONGEST = 9  # characters of a typed number


@dataclass(frozen=True, eq=False)
class Transform:
    """A motion under way.

    centre : (3,) where the part's middle is seen, canonical units; start, at : pixels of the mouse, then and now
    axis : 0, 1, 2, or None: in the plane of the picture, about the axis that faces it, or in all directions
    typed : a number that overrides the mouse; snap : in round steps
    """

    kind: Kind
    spot: Spot
    centre: NDArray[np.float64]
    start: tuple[float, float]
    at: tuple[float, float]
    axis: int | None = None
    typed: str = ""
    snap: bool = False

    def to(self, x: float, y: float, snap: bool) -> "Transform":
        """The mouse has gone on."""
        return replace(self, at=(x, y), snap=snap)

    def along(self, axis: int) -> "Transform":
        """Along or about one axis alone; the same again sets it free."""
        return replace(self, axis=None if axis == self.axis else axis)

    def type(self, character: str) -> "Transform":
        """Another digit or point; "-" turns the sign over, and "" takes the last character away."""
        text = self.typed
        if character == "":
            text = text[:-1]
        elif character == "-":
            text = text[1:] if text.startswith("-") else "-" + text
        elif len(text) < LONGEST and not (character == "." and "." in text):
            text += character
        return replace(self, typed=text)

    @property
    def number(self) -> float | None:
        """What was typed; None while there is nothing to count with."""
        try:
            return float(self.typed)
        except ValueError:
            return None

    def move(self, camera: Camera, size: Size) -> Move:
        """The motion as the engine has it, in a picture of ``size`` pixels seen by ``camera``."""
        part = self.spot[1]
        match self.kind:
            case "shift":
                return ShiftMove(part=part, by=_three(self._shift(camera, size)))
            case "turn":
                axis = facing_axis(camera) if self.axis is None else self.axis
                return TurnMove(part=part, axis=AXES[axis], degrees=self._degrees(camera, size, axis))
            case "scale":
                factor = self._factor(camera, size)
                return ScaleMove(
                    part=part, factors=_three([factor if self.axis in (None, i) else 1.0 for i in range(3)])
                )

    def words(self, camera: Camera, size: Size) -> str:
        """What is going on, for the person who does it."""
        move = self.move(camera, size)
        match move:
            case ShiftMove():
                parts = [f"{AXES[i].upper()} {value:+.3f}" for i, value in enumerate(move.by) if self._axis_shown(i)]
                amount = "  ".join(parts)
            case TurnMove():
                amount = f"{move.degrees:+.1f}° about {move.axis.upper()}"
            case ScaleMove():
                along = "" if self.axis is None else f" along {AXES[self.axis].upper()}"
                amount = f"{move.factors[self.axis or 0]:.3f} ×{along}"
        typed = f"   [{self.typed}]" if self.typed else ""
        return f"{WORDS[self.kind]} {self.spot[1]}   {amount}{typed}"

    def _axis_shown(self, axis: int) -> bool:
        return self.axis == axis or (self.axis is None and (self.number is None or axis == 0))

    def _shift(self, camera: Camera, size: Size) -> NDArray[np.float64]:
        number = self.number
        if number is not None:
            return np.eye(3)[self.axis or 0] * number
        right, down = self.at[0] - self.start[0], self.at[1] - self.start[1]
        unit = _units_per_pixel(camera, self.centre, size)
        if self.axis is None:
            by = unit * (right * camera.axes[0] - down * camera.axes[1])
        else:
            # As far as the axis, drawn at the part's place, goes under the mouse.
            along = np.array([camera.axes[0][self.axis], -camera.axes[1][self.axis]]) / unit  # pixels per unit
            by = np.eye(3)[self.axis] * float(along @ [right, down]) / max(float(along @ along), (0.05 / unit) ** 2)
        return _stepped(by, SNAPS["shift"]) if self.snap else by

    def _degrees(self, camera: Camera, size: Size, axis: int) -> float:
        if self.number is not None:
            return self.number
        pixel = camera.project(self.centre[None], size)[0]
        angle = angle_about(pixel, *self.at) - angle_about(pixel, *self.start)
        angle = (angle + 180) % 360 - 180
        angle = angle if camera.axes[2][axis] >= 0 else -angle
        return float(_stepped(np.array(angle), SNAPS["turn"])) if self.snap else angle

    def _factor(self, camera: Camera, size: Size) -> float:
        factor = self.number
        if factor is None:
            pixel = camera.project(self.centre[None], size)[0]
            factor = reach(pixel, *self.at) / max(reach(pixel, *self.start), 1.0)
            factor = float(_stepped(np.array(factor), SNAPS["scale"])) if self.snap else factor
        return min(MOST_FACTOR, max(LEAST_FACTOR, factor))


def _units_per_pixel(camera: Camera, place: NDArray[np.float64], size: Size) -> float:
    """Canonical units that a pixel is wide at the depth of ``place`` (3,)."""
    if camera.flat:
        return camera.units_per_pixel(size[1])
    depth = camera.distance - float((place - np.array(camera.target)) @ camera.axes[2])
    return camera.units_per_pixel(size[1]) * max(depth, 1e-3) / camera.distance


def _stepped(values: NDArray, step: float) -> NDArray[np.float64]:
    return np.asarray(np.round(values / step) * step)


def _three(values: NDArray[np.float64] | list[float]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
