"""What colour a file says its vertices have: sRGB from 0 to 1, however the file counts it."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.geometry.raw import OnlyPointsError, Raw

Colours = NDArray[np.float64]
LEFT_OUT = "its colours were left out, as not all are numbers from 0 to 1, or to 255"


@dataclass(frozen=True)
class ColouredRaw(Raw):
    """What a mesh file holds that has a colour for every vertex. ``colours`` : (V, 3) sRGB 0..1."""

    colours: Colours = field(default_factory=lambda: np.zeros((0, 3)))


class OnlyColouredPointsError(OnlyPointsError):
    """A mesh file that holds no face, but points with ``colours``: (P, 3) sRGB 0..1, or (0, 3), see `told`."""

    def __init__(self, text: str, points: NDArray[np.float64], colours: Colours) -> None:
        super().__init__(text, points)
        self.colours = colours


def coloured(raw: Raw, colours: Colours | None) -> Raw:
    """The same with colours of its vertices (V, 3) sRGB 0..1; None leaves it as it is, (0, 3) is noted, see `told`."""
    if colours is None or not len(raw.mesh.vertices):
        return raw
    if not len(colours):
        return replace(raw, notes=(*raw.notes, LEFT_OUT))
    return ColouredRaw(raw.mesh, raw.polygon, raw.labels, raw.notes, colours)


def told(values: NDArray[np.floating], kind: str = "") -> Colours:
    """What a file calls colours (P, 3) as sRGB 0..1; (0, 3) where they are none, which a person should hear of.

    kind : type of the numbers where it tells what full light is: "u1" 255, "u2" 65,535, or 255 where none is larger, as
        programs write bytes so too; else see `srgb`
    """
    found = np.asarray(values, np.float64)
    most = {"u1": 255.0, "u2": 65_535.0 if (found > 255).any() else 255.0}.get(kind, 0.0)
    shades = srgb(found, most)
    return np.zeros((0, 3)) if shades is None else shades


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
