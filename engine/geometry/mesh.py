"""A triangle mesh as plain arrays, and the geometry of an item."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mesh:
    """Triangles in some frame (the holder says which).

    vertices : (V, 3) float64
    faces : (F, 3) int32, counter-clockwise seen from outside
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]

    @property
    def bounds(self) -> NDArray[np.float64]:
        """(2, 3) lower and upper corner of the vertices that faces use."""
        used = self.vertices[np.unique(self.faces)]
        return np.stack([used.min(0), used.max(0)])


@dataclass(frozen=True)
class Geometry:
    """What an item looks like, in canonical space.

    surface : outer surface of the whole item; closed when ``closed``
    parts : named closed solids, in the order of the source; they may overlap at joints; {} when no parts are known
    to_source : (4, 4) float64, canonical coordinates -> coordinates of the source file
    closed : True when the surface is watertight
    """

    surface: Mesh
    parts: dict[str, Mesh] = field(default_factory=dict)
    to_source: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    closed: bool = True
