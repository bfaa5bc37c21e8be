"""Pictures of clouds: every point a small shaded ball, the nearer ones in front. They take milliseconds."""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from engine.clouds.cloud import PointCloud
from engine.geometry.export import GREY
from engine.geometry.mesh import Mesh
from engine.pictures.camera import HALF, View, axes, closer, project
from engine.pictures.floor import backdrop

FINER = 2  # pixels of a picture are means of so many by so many
RADIUS = 0.35  # of a ball, as a share of how far the points of a flat square of the cube would lie from one another
SMALLEST, LARGEST = 0.006, 0.02  # cube units
FAR = 0.45  # share of light that the farthest point loses
EDGE = 2.0  # cube units: points may lie anywhere at first, and are shown as far away as this
LAMP = (-0.45, 0.62, 0.64)  # direction towards it: right, up, towards the eye


def dots(cloud: PointCloud, size: int, view: View | None = None) -> NDArray[np.uint8]:
    """(size, size, 3) sRGB picture of a cloud, closer than ``view`` if that is None; of an empty one the empty floor."""
    points = cloud.points.astype(np.float64).clip(-EDGE, EDGE)
    fine = size * FINER
    picture = backdrop(fine, View())
    if len(points):
        view = view or closer([[Mesh(points, np.empty((0, 3), np.int32))]])
        depth = points @ axes(view)[2]  # towards the eye
        order = np.argsort(depth)
        radius = np.clip(RADIUS / np.sqrt(len(points)), SMALLEST, LARGEST)
        ball, light = _ball(radius * view.zoom / HALF * fine / 2)
        colours = np.tile(GREY, (len(points), 1)) if cloud.colours is None else cloud.colours.astype(np.float64)
        near = (depth - depth.min()) / max(float(np.ptp(depth)), 1e-9)
        shown = (colours * (1 - FAR + FAR * near)[:, None])[order, None] * light[:, None]  # (P, pixels, 3) linear
        across, up = (project(points[order], view).T + 1) / 2 * fine
        row = (fine - up[:, None] + ball[:, 0]).astype(np.int64).clip(0, fine - 1)  # (P, pixels)
        column = (across[:, None] + ball[:, 1]).astype(np.int64).clip(0, fine - 1)
        picture[row.ravel(), column.ravel()] = (255 * shown.clip(0, 1) ** (1 / 2.2)).reshape(-1, 3)
    return picture.reshape(size, FINER, size, FINER, 3).mean((1, 3)).round().astype(np.uint8)


def _ball(radius: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pixels (D, 2) down and right of the middle of a ball, and the light (D,) that each throws back."""
    reach = ceil(radius)
    side = np.arange(-reach, reach + 1)
    pixels = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    pixels = pixels[np.square(pixels).sum(1) <= max(radius, 1) ** 2]
    flat = pixels / max(radius, 1)
    normals = np.stack([flat[:, 1], -flat[:, 0], np.sqrt((1 - np.square(flat).sum(1)).clip(0))], -1)
    lamp = np.array(LAMP) / np.linalg.norm(LAMP)
    return pixels, 0.35 + 0.75 * (normals @ lamp).clip(0)
