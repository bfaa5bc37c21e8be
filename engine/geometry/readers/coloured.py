"""What colour a file says its vertices have: sRGB from 0 to 1, however the file counts it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.geometry.raw import OnlyPointsError, Raw

Colours = NDArray[np.float64]


@dataclass(frozen=True)
class ColouredRaw(Raw):
    """What a mesh file holds that has a colour for every vertex. ``colours`` : (V, 3) sRGB 0..1."""

    colours: Colours = field(default_factory=lambda: np.zeros((0, 3)))


class OnlyColouredPointsError(OnlyPointsError):
    """A mesh file that holds no face, but points with ``colours`` (P, 3) sRGB 0..1."""

    def __init__(self, text: str, points: NDArray[np.float64], colours: Colours) -> None:
        super().__init__(text, points)
        self.colours = colours


def coloured(raw: Raw, colours: Colours | None) -> Raw:
    """The same with colours of its vertices (V, 3) sRGB 0..1; None leaves it as it is."""
    return raw if colours is None else ColouredRaw(raw.mesh, raw.polygon, raw.labels, raw.notes, colours)


def srgb(values: NDArray[np.floating], most: float = 0.0) -> Colours | None:
    """Numbers of a file (P, 3) as sRGB 0..1; None where they are none: not finite, negative, too large.

    most : the number of full light where the type of the numbers tells it, such as 255 of a byte; else it is 1, or 255
        where all are whole numbers and some are larger
    """
    found = np.asarray(values, np.float64)
    if not len(found) or not np.isfinite(found).all() or found.min() < 0:
        return None
    if not most:
        most = 255.0 if found.max() > 1 and (found == np.round(found)).all() else 1.0
    return found / most if found.max() <= most else None
