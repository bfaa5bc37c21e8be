"""One picture that the 3D view asks for, told whole: what the window's thread hands to the thread that draws. Immutable."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.models.scene import Cut, Matrix, PartMesh, Plane, Scene, Shape, Style
from studio.palette import Palette
from studio.views.view3d_camera import Camera

SPREAD = 0.7  # how far parts go at explode 1, in distances from the part in the middle
LEAST_SPREAD = 0.2  # and this much farther, canonical units
FRAMED = 3000  # points of a part that framing looks at
Rgb = tuple[float, float, float]  # 0..1


@dataclass(frozen=True, eq=False)
class Placed:
    """A part and where it stands.

    matrix : (4, 4) from its vertices to the world; edge : its outline: 0 none, 1 under the mouse, 2 selected
    """

    mesh: PartMesh
    matrix: Matrix
    visible: bool
    edge: int = 0


@dataclass(frozen=True, eq=False)
class Pane:
    """A shape as one camera sees it. ``cut`` is the section to show; floor : height of the ground, canonical units;
    forming : it is a guess, and another soon."""

    key: str
    camera: Camera
    parts: Mapping[str, Placed]
    cut: Cut | None
    floor: float
    forming: bool = False


@dataclass(frozen=True)
class Colours:
    """What the view takes from the theme, sRGB 0..1."""

    top: Rgb
    bottom: Rgb
    ink: Rgb  # grid, edges of a wireframe
    accent: Rgb  # what is selected
    hover: Rgb


@dataclass(frozen=True, eq=False)
class Frame:
    """All panes of one picture, each of ``size`` (width, height) in pixels.

    ratio : pixels of the picture for one of the design (HiDPI, or a coarser picture while things move)
    fine : it stands still, so it may take longer and look better
    """

    number: int
    size: tuple[int, int]
    panes: tuple[Pane, ...]
    style: Style
    part_colours: bool
    grid: bool
    shadow: bool
    plane: Plane | None
    colours: Colours
    ratio: float
    fine: bool


def colours_of(palette: Palette) -> Colours:
    """The view's share of a theme."""
    top, bottom = ("#34373c", "#1d1e21") if palette.dark else ("#dfe3e8", "#fafbfc")
    hover = "#ffffff" if palette.dark else "#5b6673"
    accent = palette.accent_hover if palette.dark else palette.accent
    return Colours(*(_rgb(colour) for colour in (top, bottom, palette.dim, accent, hover)))


def pane_of(scene: Scene, key: str, camera: Camera) -> Pane:
    """A shape of the scene as it is now."""
    shape, explode = scene.shape(key), scene.look.explode
    away = spread(shape, explode)
    parts = {}
    for mesh in shape.parts:
        spot = (key, mesh.name)
        matrix = scene.matrix(spot).copy()
        matrix[:3, 3] += away[mesh.name]
        edge = 2 if spot == scene.selected else 1 if spot == scene.hovered else 0
        parts[mesh.name] = Placed(mesh, matrix, scene.visible(spot), edge)
    whole = explode == 0 and not scene.is_moved(key) and scene.isolated is None
    return Pane(key, camera, parts, scene.cut(key) if whole else None, floor_of(shape, away), shape.forming)


def spread(shape: Shape, explode: float) -> dict[str, NDArray[np.float64]]:
    """Name -> (3,) shift of each part away from the one that stands nearest to the middle, canonical units."""
    centres = {part.name: part.bounds.mean(0) for part in shape.parts if len(part.faces)}
    shifts = {part.name: np.zeros(3) for part in shape.parts}
    if not centres or explode == 0:
        return shifts
    middle = bounds_of(shape).mean(0)
    anchor = min(centres, key=lambda name: float(np.linalg.norm(centres[name] - middle)))
    for name, centre in centres.items():
        away = centre - centres[anchor]
        length = float(np.linalg.norm(away))
        if name != anchor:
            way = away / length if length > 0.02 else np.array([0.0, -1.0, 0.0])
            shifts[name] = explode * way * (SPREAD * length + LEAST_SPREAD)
    return shifts


def bounds_of(shape: Shape) -> NDArray[np.float64]:
    """(2, 3) box of all parts; the canonical cube where there is nothing."""
    boxes = [part.bounds for part in shape.parts if len(part.faces)]
    if not boxes:
        return np.array([[-0.5] * 3, [0.5] * 3])
    return np.stack([np.min([box[0] for box in boxes], 0), np.max([box[1] for box in boxes], 0)])


def floor_of(shape: Shape, away: Mapping[str, NDArray[np.float64]]) -> float:
    """Height of the ground: just under the parts, shifted by ``away``."""
    lows = [float(part.bounds[0, 1] + away[part.name][1]) for part in shape.parts if len(part.faces)]
    return min(lows, default=-0.5) - 0.002


CUBE = np.array([[x, y, z] for x in (-0.4, 0.4) for y in (-0.5, 0.5) for z in (-0.4, 0.4)])  # most shapes fill it


def placed_points(pane: Pane, name: str | None = None) -> NDArray[np.float64]:
    """(P, 3) points of what is visible in a pane, or of one part of it, where it stands: enough to frame it by."""
    found = []
    for part, placed in pane.parts.items():
        if len(placed.mesh.faces) and (placed.visible if name is None else part == name):
            some = placed.mesh.vertices[:: 1 + len(placed.mesh.vertices) // FRAMED]
            corners = np.concatenate([some, placed.mesh.vertices[placed.mesh.vertices.argmin(0)]])
            points = np.concatenate([corners, placed.mesh.vertices[placed.mesh.vertices.argmax(0)]])
            found.append(points @ placed.matrix[:3, :3].T + placed.matrix[:3, 3])
    return np.concatenate(found) if found else np.array([[-0.5] * 3, [0.5] * 3])


def _rgb(colour: str) -> Rgb:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue
