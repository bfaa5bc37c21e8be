"""What a `Scene` is made of: surfaces, shapes, planes and sections, as plain values in canonical space."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.card import Three
from engine.errors import InputError

Style = Literal["shaded", "clay", "normals", "x-ray", "wireframe"]
Arrangement = Literal["one", "side", "wipe"]
Spot = tuple[str, str]  # key of a shape, name of one of its parts
Colour = tuple[float, float, float]  # linear RGB, 0..1
Matrix = NDArray[np.float64]  # (4, 4)
MOST = 4  # shapes at once


@dataclass(frozen=True, eq=False)
class PartMesh:
    """A named surface. Views remember it by identity: a changed surface is a new PartMesh.

    vertices : (V, 3) float32; faces : (F, 3) int32, counter-clockwise seen from outside; both may be empty
    normals : (V, 3) float32 of length 1, where they are known; else they are worked out from the faces
    colours : (V, 3) linear RGB 0..1 of what has not one colour throughout; points : how many balls it is, of a cloud
    InputError where a face names a vertex that is not there, or a coordinate is no number: graphics drivers crash on these.
    """

    name: str
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    colour: Colour = (0.45, 0.46, 0.48)
    normals: NDArray[np.float32] | None = None
    colours: NDArray[np.float32] | None = None
    points: int = 0

    def __post_init__(self) -> None:
        vertices, faces = np.asarray(self.vertices), np.asarray(self.faces)
        if vertices.ndim != 2 or vertices.shape[1:] != (3,) or faces.ndim != 2 or faces.shape[1:] != (3,):
            raise InputError(f"{self.name!r} is no mesh: vertices {vertices.shape}, faces {faces.shape}")
        if len(faces) and not 0 <= faces.min() <= faces.max() < len(vertices):
            raise InputError(f"a face of {self.name!r} names a vertex that is not there; make the shape again")
        if not np.isfinite(vertices).all():
            raise InputError(f"{self.name!r} has vertices that are not finite; make the shape again")
        object.__setattr__(self, "vertices", np.ascontiguousarray(vertices, np.float32))
        object.__setattr__(self, "faces", np.ascontiguousarray(faces, np.int32))

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """(2, 3) lower and upper corner; of nothing, twice the origin."""
        if not len(self.faces):
            return np.zeros((2, 3))
        return np.stack([self.vertices.min(0), self.vertices.max(0)]).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Shape:
    """Named parts under a title; ``key`` tells it from the other shapes in the view.

    forming : it is a guess of what it will be, which may be much smaller or larger than that
    """

    key: str
    title: str
    parts: tuple[PartMesh, ...]
    forming: bool = False

    @property
    def is_cloud(self) -> bool:
        """Whether it is points, without a surface."""
        return any(part.points for part in self.parts)

    def part(self, name: str) -> PartMesh | None:
        """The part of that name, if it is there."""
        return next((part for part in self.parts if part.name == name), None)


@dataclass(frozen=True)
class Plane:
    """Where the shapes are cut open: the side towards which ``normal`` (any length but 0) points is taken away."""

    normal: Three = (1.0, 0.0, 0.0)
    offset: float = 0.0  # from the middle of the cube along the normal

    @property
    def rectangle(self) -> tuple[Three, Three, Three]:
        """(corner, across, up) of the rectangle in which the plane can meet the cube, as a request for a section has it."""
        n = np.array(self.normal, float)
        n /= np.linalg.norm(n)
        helper = np.array([0.0, 1.0, 0.0]) if abs(n[1]) < 0.9 else np.array([0.0, 0.0, -1.0])
        across = np.cross(helper, n)
        across /= np.linalg.norm(across)
        up = np.cross(n, across)
        across, up = (axis * np.abs(axis).sum() for axis in (across, up))  # the cube's extent along the axis
        corner = n * self.offset - across / 2 - up / 2
        return _three(corner), _three(across), _three(up)


@dataclass(frozen=True, eq=False)
class Ray:
    """A line of sight: from ``eye`` (3,) along ``way`` (3,), any length but 0."""

    eye: NDArray[np.float64]
    way: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cut:
    """The field on the rectangle of ``plane``: point [i, j] lies at corner + i / (R - 1) across + j / (R - 1) up.

    logits : (R, R) float32, above 0 inside; part : (R, R) number in ``names`` of the part that is largest there, or None
    """

    plane: Plane
    logits: NDArray[np.float32]
    part: NDArray[np.int16] | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Look:
    """How everything is shown; set as a whole: ``scene.look = replace(scene.look, style="clay")``.

    explode : 0..1, how far parts stand apart; wipe : 0..1, where the line between two shapes stands
    linked : one camera for all panes; gizmo : G, R and S move the selected part
    metres : metres per unit of canonical space, or 0 where that is not known
    """

    style: Style = "shaded"
    part_colours: bool = True
    explode: float = 0.0
    arrangement: Arrangement = "one"
    wipe: float = 0.5
    linked: bool = True
    grid: bool = True
    shadow: bool = True
    scale_bar: bool = True
    gizmo: bool = False
    metres: float = 0.0


def _three(values: NDArray[np.float64]) -> Three:
    x, y, z = (float(value) for value in values)
    return x, y, z
