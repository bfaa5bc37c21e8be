"""Sheets made solid: all that is near the surface counts as inside."""

from typing import TYPE_CHECKING

import igl
import numpy as np

from engine.errors import InputError
from engine.geometry.mesh import Mesh
from engine.stages import ended

if TYPE_CHECKING:
    from torch import Tensor

ACROSS = 3  # cells of the grid across the thickness
COARSEST, FINEST = 64, 384  # grid vertices per axis
THINNEST, THICKEST = 0.004, 0.5  # shares of the longest side
MARGIN = 0.02  # of the cube, kept free on each side


def thicken(mesh: Mesh, thickness: float) -> Mesh:
    """Watertight mesh of all points within ``thickness`` / 2 of ``mesh``, in the same frame.

    thickness : share of the longest side of the bounding box, THINNEST to THICKEST
    The surface is an isosurface of the unsigned distance, so edges come out round and openings narrower than the
    thickness close. Raises InputError when the thickness is out of bounds.
    """
    if not THINNEST <= thickness <= THICKEST:
        raise InputError(f"thickness {thickness}: choose a share of the longest side, {THINNEST} to {THICKEST}")
    import torch  # takes seconds to load, and few files have sheets that are to be thickened

    from engine.geometry.surface import extract

    low, high = mesh.bounds
    side, centre = float((high - low).max()), (low + high) / 2
    scale = (1 - 2 * MARGIN) / (side * (1 + thickness))
    vertices = np.ascontiguousarray((mesh.vertices - centre) * scale)
    faces = np.ascontiguousarray(mesh.faces, np.int64)
    tree = igl.AABB()
    tree.init(vertices, faces)
    half = thickness * side * scale / 2

    def field(points: "Tensor") -> "Tensor":
        squared, *_ = tree.squared_distance(vertices, faces, np.ascontiguousarray(points.numpy(), np.float64))
        return torch.from_numpy(half - np.sqrt(squared)).float()

    resolution = int(np.clip(np.ceil(ACROSS / (2 * half)), COARSEST, FINEST))
    solid = ended(extract(field, resolution))
    return Mesh(solid.vertices / scale + centre, solid.faces)
