"""Quick small pictures of solids known on a coarse grid, without surfaces and without a graphics system.

For shapes that change while one looks: a picture takes a few milliseconds, and is framed and lit about as `render` does it.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh
from engine.pictures.camera import HALF, View, axes, closer, project
from engine.pictures.floor import backdrop

Colour = tuple[float, float, float]
Volume = NDArray[np.float32]

FINER = 2  # pixels of a picture are means of so many by so many
THIN = 0.25  # of the spacing: what passes between two samples that closely is shown too
DOT = 0.8  # radius of the dots that a surface is made of, in spacings
LAMP = (-0.45, 0.62, 0.64)  # direction towards it: right, up, towards the eye
LAMP_SHARE, SKY_SHARE, REST = 0.62, 0.22, 0.34  # of light; the rest comes from everywhere


def lattice(side: int) -> NDArray[np.float32]:
    """(side^3, 3) points of the canonical cube, x slowest: those at which `sketch` wants logits."""
    axis = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def sketch(solids: Sequence[tuple[Volume, Colour]], size: int) -> NDArray[np.uint8] | None:
    """(size, size, 3) sRGB picture of solids: logits (G, G, G), above 0 inside, and a linear RGB colour each.

    None where there is nothing inside.
    """
    found = [(*_surface(volume), colour) for volume, colour in solids]
    points, normals = (np.concatenate([one[i] for one in found]) for i in (0, 1))
    if not len(points):
        return None
    view = closer([[Mesh(points, np.empty((0, 3), np.int64))]])
    colours = np.concatenate([np.tile(np.array(colour, np.float32), (len(own), 1)) for own, _, colour in found])
    normals *= np.sign(normals @ axes(view)[2])[:, None]  # of thin things either side may be found
    colours = (255 * (colours * _light(normals, view)[:, None]).clip(0, 1) ** (1 / 2.2)).round().astype(np.uint8)
    fine = size * FINER
    picture = backdrop(fine, View()).round().astype(np.uint8)
    nearest_last = np.argsort(points @ axes(view)[2])
    spacing = 1 / (len(solids[0][0]) - 1)
    dot = _disc(DOT * spacing * view.zoom / HALF * fine / 2)
    across, up = (project(points[nearest_last], view).T + 1) / 2 * fine
    row = (fine - up[:, None] + dot[:, 0]).astype(np.int64).clip(0, fine - 1)  # (P, dots)
    column = (across[:, None] + dot[:, 1]).astype(np.int64).clip(0, fine - 1)
    picture[row.ravel(), column.ravel()] = colours[nearest_last].repeat(len(dot), 0)
    blocks = picture.reshape(size, FINER, size, FINER, 3).mean((1, 3))
    return blocks.round().astype(np.uint8)


def _surface(volume: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (P, 3) of a surface, on the edges of the grid, and unit vectors (P, 3) out of it."""
    spacing = 1 / (len(volume) - 1)
    falls = np.stack([-one for one in np.gradient(volume, spacing)], -1)
    slopes = np.linalg.norm(falls, axis=-1)
    close = volume > -slopes * spacing
    if not close.any():
        return np.empty((0, 3)), np.empty((0, 3))
    margin = THIN * spacing * float(np.median(slopes[close]))
    filled = np.pad(volume + margin, 1, constant_values=-np.float32(np.abs(volume).max()))  # outside all is empty
    falls = np.pad(falls, ((1, 1),) * 3 + ((0, 0),), mode="edge")
    points, normals = [], []
    for axis in range(3):
        here, there = (np.moveaxis(np.moveaxis(filled, axis, 0)[some], 0, axis) for some in (slice(-1), slice(1, None)))
        index = np.argwhere((here > 0) != (there > 0))
        first, second = here[tuple(index.T)], there[tuple(index.T)]
        place = index.astype(np.float64)
        place[:, axis] += first / (first - second)
        points.append((place - 1) * spacing - 0.5)
        normals.append(falls[tuple(index.T)])
    out = np.concatenate(normals).astype(np.float64)
    out /= np.linalg.norm(out, axis=1, keepdims=True).clip(1e-9)
    return np.concatenate(points) - THIN * spacing * out, out


def _disc(radius: float) -> NDArray[np.int64]:
    """(D, 2) pixels of a disc about the origin."""
    reach = ceil(radius)
    side = np.arange(-reach, reach + 1)
    pixels = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    return pixels[np.square(pixels).sum(1) <= max(radius, 1) ** 2]


def _light(normals: NDArray[np.float64], view: View) -> NDArray[np.float64]:
    """(P,) share of light that surfaces with these normals throw back."""
    level = axes(View(azimuth=view.azimuth, elevation=0))
    lamp = np.array(LAMP) @ level / np.linalg.norm(LAMP)
    return REST + LAMP_SHARE * (normals @ lamp).clip(0) + SKY_SHARE * (0.5 + 0.5 * normals[:, 1])
