"""Where a picture is taken from, as plain numbers: VTK's camera and the floor's shadow must agree on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, radians, sin, tan

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.geometry.mesh import Mesh

ANGLE = 20.0  # degrees, opening of the camera: a long lens, so that proportions stay true
HALF = 0.80  # half height of what is seen at the middle of the cube at zoom 1, which any shape fits into
DISTANCE = HALF / tan(radians(ANGLE / 2))  # from the eye to the middle of the cube
TURN = 5  # degrees between the sides from which a turning shape is looked at; between two it grows by 0.1 % at most


@dataclass(frozen=True)
class View:
    """Where a picture is taken from, and what stands behind the shape. Lights turn with the camera.

    azimuth : degrees from the shape's front (+Z) towards +X, which is on the right when one faces the front
    elevation : degrees above the horizon, within -89 and 89
    zoom : 1 shows the whole canonical cube, more shows less of it; see `closer`
    shadow : a floor under the shape, of which only the soft shadow is seen
    floor : height of the floor; None puts it under the shape's lowest point, which in a film would make it jump
    top, bottom : background colours at the upper and lower edge, sRGB 0..255
    """

    azimuth: float = 35.0
    elevation: float = 24.0
    zoom: float = 1.0
    shadow: bool = True
    floor: float | None = None
    top: tuple[int, int, int] = (230, 233, 237)
    bottom: tuple[int, int, int] = (251, 251, 252)

    def __post_init__(self) -> None:
        if not (abs(self.elevation) <= 89 and 0.1 <= self.zoom <= 20):
            raise InputError(f"a view needs an elevation within 89 degrees and a zoom of 0.1 to 20, not {self}")


def axes(view: View) -> NDArray[np.float64]:
    """(3, 3) rows: unit vectors to the right of the picture, to its top, and from the shape towards the eye."""
    a, e = radians(view.azimuth), radians(view.elevation)
    right = (cos(a), 0, -sin(a))
    up = (-sin(e) * sin(a), cos(e), -sin(e) * cos(a))
    back = (cos(e) * sin(a), sin(e), cos(e) * cos(a))
    return np.array([right, up, back])


def project(points: NDArray, view: View) -> NDArray[np.float64]:
    """(P, 2) place of ``points`` (P, 3) in the picture: to the right and up, -1..1 from edge to edge."""
    turned = points @ axes(view).T  # (P, 3) right, up, towards the eye
    return turned[:, :2] * (view.zoom * DISTANCE / HALF) / (DISTANCE - turned[:, 2:])


def rays(size: int, view: View) -> NDArray[np.float64]:
    """(size, size, 3) directions from the eye through the pixels' centres, rows from the top; not of unit length."""
    right, up, back = axes(view)
    across = ((np.arange(size) + 0.5) / size * 2 - 1) * HALF / view.zoom
    return across[None, :, None] * right - across[:, None, None] * up - DISTANCE * back


def closer(shapes: Sequence[Sequence[Mesh]], view: View | None = None, margin: float = 0.08) -> View:
    """The common framing of a sheet: ``view`` with the largest zoom at which all ``shapes`` stay clear of the edges.

    shapes : one list of meshes each. margin : share of the half picture. InputError when there are no vertices.
    """
    view = replace(view or View(), zoom=1.0)
    points = [mesh.vertices for meshes in shapes for mesh in meshes if len(mesh.vertices)]
    if not points:
        raise InputError("there is no surface to make a picture of")
    extent = max(float(np.abs(project(vertices, view)).max()) for vertices in points)
    return replace(view, zoom=(1 - margin) / extent)


def around(shapes: Sequence[Sequence[Mesh]], view: View | None = None, margin: float = 0.08) -> View:
    """As `closer`, with a zoom at which all ``shapes`` stay clear of the edges while the camera goes once round them."""
    view = view or View()
    sides = [closer(shapes, replace(view, azimuth=float(angle)), margin) for angle in range(0, 360, TURN)]
    return replace(view, zoom=min(side.zoom for side in sides))
