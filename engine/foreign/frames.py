"""The coordinates of published HyperDiffusion meshes and fields, and how they relate to ours.

Their fields live in the same cube [-0.5, 0.5]^3 as ours, but a shape is centred on the mean of its vertices and scaled so
that its largest coordinate is 0.475 (ours: centre of the bounding box, longest side 0.95). Their meshes are written at
twice the size, at the isovalue 0, or 1.386 (80 % inside) where the published metrics are computed. Their extraction asks
the field at sheared points: array entry (i, j, k) of N^3 holds the field at (i + j/N + k/N^2, j + k/N, k) / (N - 1) - 0.5,
since its row and column numbers were divided without being rounded down. So their meshes are off by up to a voxel.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import InputError

LARGEST_COORDINATE = 0.475
WRITTEN_SCALE = 2.0  # size of a written mesh in units of the field
METRIC_ISOVALUE = 1.386  # logit of 0.8
METRIC_RESOLUTION = 356


def published_grid(resolution: int) -> Tensor:
    """(R^3, 3) float32 points at which the published extraction asks the field, the last axis fastest, as published.

    Computed in float32 in the published order of operations, so that it also wraps where theirs does (from R = 512 on).
    """
    index = torch.arange(resolution**3)
    rows = index / resolution  # int64 / int -> float32, not rounded down
    lattice = torch.stack([(rows / resolution) % resolution, rows % resolution, (index % resolution).float()], 1)
    return lattice * (1 / (resolution - 1)) - 0.5


def to_field(
    vertices: NDArray[np.float64], resolution: int, scale: float = WRITTEN_SCALE, sheared: bool = True
) -> NDArray[np.float64]:
    """Vertices (V, 3) of a published mesh -> where they are in the field. Exact, since the shear is linear.

    resolution : N of the grid that the mesh was extracted from, 356 for meshes of the published metrics
    scale : 2 for written meshes, 1 for vertices as extracted; sheared=False for meshes of a mended extraction
    """
    if resolution < 2:
        raise InputError(f"resolution {resolution}: the published mesh was made on a grid of 2 or more points a side")
    cells = (np.asarray(vertices, np.float64) / scale + 0.5) * (resolution - 1)
    if sheared:
        n = float(resolution)
        cells = cells @ np.array([[1, 1 / n, 1 / n**2], [0, 1, 1 / n], [0, 0, 1]]).T
    return cells / (resolution - 1) - 0.5


def field_frame(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 4) mesh coordinates -> the field's, for the mesh (V, 3) that a published network was fitted to.

    Centred on the mean of all vertices as listed (doubled ones count twice), largest coordinate 0.475. Raises InputError
    for a mesh without size.
    """
    centre = np.asarray(vertices, np.float64).mean(0)
    largest = float(np.abs(vertices - centre).max(initial=0.0))
    if not largest > 0:
        raise InputError("the mesh has no size, so it has no frame")
    frame = np.eye(4)
    frame[:3, :3] *= LARGEST_COORDINATE / largest
    frame[:3, 3] = -centre * LARGEST_COORDINATE / largest
    return frame
