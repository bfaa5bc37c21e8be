"""A mesh file as it is stored, before anything is mended."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.mesh import Mesh


class OnlyPointsError(MeshError):
    """A mesh file that holds no face, but ``points`` (P, 3) float64."""

    def __init__(self, text: str, points: NDArray[np.float64]) -> None:
        super().__init__(text)
        self.points = points


@dataclass(frozen=True)
class FaceLabels:
    """A name for faces. ``names`` in order of first use; ``index : (F,) int32`` into them, -1 for faces without a name."""

    names: tuple[str, ...]
    index: NDArray[np.int32]


@dataclass(frozen=True)
class Raw:
    """What a mesh file holds, in the file's own coordinates. Every face names existing, finite vertices.

    mesh : triangles; polygons have been cut into them, transforms of scene nodes are applied
    polygon : (F,) int32, number in the file of the polygon that each triangle was cut from (label files count these)
    labels : what the file names its faces by: "object", "group", "material" or "node"; only schemes that name some face
    notes : what was odd and what was done about it, in words ("3 faces name a vertex that does not exist; left out")
    """

    mesh: Mesh
    polygon: NDArray[np.int32]
    labels: dict[str, FaceLabels] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
