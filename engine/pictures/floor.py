"""What stands behind a shape: a plain gradient, and the soft shadow that an overcast sky leaves on a floor."""

from math import pi

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import map_coordinates
from scipy.special import k1

from engine.pictures.camera import DISTANCE, View, axes, rays

REACH = 1.28  # half width of the shadow map, cube units
LAYERS = (0.015, 0.04, 0.08, 0.15, 0.27, 0.45, 0.75)  # heights of the layers into which a shape is cut
STRENGTH = 0.75  # how much of the floor's light comes from the sky


def backdrop(size: int, view: View) -> NDArray[np.float32]:
    """(size, size, 3) sRGB 0..255 gradient from ``view.top`` to ``view.bottom``."""
    share = ((np.arange(size, dtype=np.float32) + 0.5) / size)[:, None, None]
    top, bottom = np.array(view.top, np.float32), np.array(view.bottom, np.float32)
    rows = (1 - share) * top + share * bottom  # (size, 1, 3)
    return rows.repeat(size, 1).astype(np.float32)


def shadow(size: int, view: View, shade: NDArray, floor: float) -> NDArray[np.float32]:
    """(size, size, 1) factor that darkens the backdrop where a ray meets the floor, the level plane at ``floor``.

    shade : (R, R) of `sky_shade`.
    """
    eye = axes(view)[2] * DISTANCE
    direction = rays(size, view)
    with np.errstate(divide="ignore"):
        reach = (floor - eye[1]) / direction[..., 1]  # (size, size), negative above the horizon
    there = eye + np.where(reach > 0, reach, 0)[..., None] * direction
    cells = len(shade) / (2 * REACH)
    row, column = (REACH - there[..., 2]) * cells - 0.5, (there[..., 0] + REACH) * cells - 0.5
    hidden = map_coordinates(shade, [row, column], order=1, mode="constant")
    return (1 - STRENGTH * np.where(reach > 0, hidden, 0))[..., None].astype(np.float32)


def sky_shade(low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.float32]:
    """(R, R) share of the sky, 0..1, that a shape hides from each point of the floor under and around it.

    low, high : (R, R) height of its underside and of its top above the floor, inf where there is nothing; rows from +Z
    to -Z and columns from -X to +X over the square of half width REACH. A level patch at height h and horizontal
    distance d hides h^2 / (pi (h^2 + d^2)^2) of the cosine-weighted sky per unit of its area (form factor of two
    parallel patches). The Fourier transform of that kernel is hk K1(hk). The shape is cut into level layers; the layer
    that hides most counts, which is exact for a single plate and for a long wall, and never too dark.
    """
    side = len(low)
    frequency = 2 * pi * np.fft.fftfreq(side, 2 * REACH / side)
    k = np.hypot(frequency[:, None], frequency[None, : side // 2 + 1])
    k[0, 0] = 1e-6  # where the product below has the limit 1
    shade = np.zeros((side, side), np.float32)
    edges = [-np.inf, *np.sqrt(np.multiply(LAYERS[:-1], LAYERS[1:])), np.inf]
    for layer, below, above in zip(LAYERS, edges[:-1], edges[1:], strict=True):
        inside = (low < above) & (high >= below) & np.isfinite(low)
        if inside.any():
            kernel = (layer * k * k1(layer * k)).astype(np.float32)
            np.maximum(shade, fft.irfft2(fft.rfft2(inside.astype(np.float32)) * kernel, low.shape), out=shade)
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1
    rim = 1 - np.hypot(axis[:, None], axis[None])
    return np.clip(shade, 0, 1) * np.clip(rim / 0.4, 0, 1)  # fades, or the border of the map would be seen
