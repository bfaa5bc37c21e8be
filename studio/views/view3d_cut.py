"""The field on the plane that cuts a shape open, as a coloured picture in space."""

import numpy as np
from numpy.typing import NDArray
from vtkmodules.vtkRenderingCore import vtkRenderer

from studio.models.scene import Colour, Cut
from studio.views.view3d_plane import PicturedPlane

LEAST = 384  # pixels along a side: coarser samples are interpolated, so that edges come out smooth
BANDS = 4.0  # logits from line to line outside
GREY: Colour = (0.45, 0.46, 0.48)


class CutPicture:
    """The section of one pane."""

    def __init__(self, renderer: vtkRenderer) -> None:
        self._plane = PicturedPlane(renderer)
        self._plane.actor.GetProperty().LightingOff()
        self._shown: tuple[object, ...] = ()

    def show(self, cut: Cut | None, colours: dict[str, Colour]) -> None:
        """Show a section, with parts in their colours (linear RGB by name); None hides it."""
        self._plane.actor.SetVisibility(cut is not None)
        if cut is None or self._shown == (cut, colours):
            return
        self._shown = (cut, colours)
        corner, across, up = (np.array(vector) for vector in cut.plane.rectangle)
        self._plane.place(corner, corner + across, corner + up)
        self._plane.show(picture(cut, colours))


def picture(cut: Cut, colours: dict[str, Colour]) -> NDArray[np.uint8]:
    """(H, W, 4) sRGB and cover; rows along ``up``, columns along ``across``, both at least LEAST.

    Inside, the colour of the part that is largest, with a line at the surface; outside, faint lines of equal logit.
    """
    finer = max(1, -(-LEAST // len(cut.logits)))
    logits = _resampled(cut.logits.T.astype(np.float64), finer)  # [up, across]
    inside = logits > 0
    tone = np.full((*logits.shape, 3), GREY)
    if cut.part is not None:
        table = np.array([colours.get(name, GREY) for name in cut.names])
        tone = table[_nearest(cut.part.T, finer)]
    slope = np.hypot(*np.gradient(logits)) + 1e-9
    rim = np.clip(1.6 - np.abs(logits) / slope, 0, 1)  # a line about three pixels wide at logit 0
    phase = np.abs((logits / BANDS + 0.5) % 1 - 0.5) * BANDS / slope
    bands = np.where(inside, 0, np.clip(1.2 - phase, 0, 1) * np.exp(logits / 25.0))
    shade = np.clip(0.80 + 0.20 * np.tanh(logits / 8.0), 0, 1)[..., None]
    srgb = np.clip(tone * shade + 0.02, 0, 1) ** (1 / 2.2)
    srgb = srgb * (1 - 0.75 * rim[..., None]) + rim[..., None] * np.array([0.05, 0.055, 0.065]) * 0.75
    srgb = np.where(inside[..., None] | (rim[..., None] > 0), srgb, 0.55)
    cover = np.maximum(np.where(inside, 1.0, 0.0), np.maximum(rim, 0.30 * bands))
    return (255 * np.concatenate([srgb, cover[..., None]], -1) + 0.5).astype(np.uint8)


def _places(size: int, finer: int) -> NDArray[np.float64]:
    """Where the finer samples lie among ``size`` coarse ones; the first and the last coincide."""
    return np.linspace(0, size - 1, (size - 1) * finer + 1)


def _resampled(values: NDArray[np.float64], finer: int) -> NDArray[np.float64]:
    """Bilinear."""
    for axis in (0, 1):
        places = _places(values.shape[axis], finer)
        low = np.minimum(places.astype(int), values.shape[axis] - 2)
        share = (places - low).reshape((-1, 1) if axis == 0 else (1, -1))
        values = values.take(low, axis) * (1 - share) + values.take(low + 1, axis) * share
    return values


def _nearest(values: NDArray, finer: int) -> NDArray:
    rows, columns = (np.rint(_places(size, finer)).astype(int) for size in values.shape)
    return np.asarray(values[np.ix_(rows, columns)])
