"""Inside or outside, by generalised winding numbers."""

import igl
import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh

CHUNK = 262_144  # points per native call, about half a second


def winding(mesh: Mesh, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Generalised winding number at ``points`` (P, 3) -> (P,): about 1 inside, 0 outside, -1 inside an inside-out mesh.

    Barill et al. 2018, "Fast winding numbers for soups and clouds"; needs no closed mesh.
    """
    vertices = np.ascontiguousarray(mesh.vertices, np.float64)
    faces = np.ascontiguousarray(mesh.faces, np.int64)
    numbers = np.zeros(len(points))
    if len(faces):
        for start in range(0, len(points), CHUNK):
            part = np.ascontiguousarray(points[start : start + CHUNK], np.float64)
            numbers[start : start + CHUNK] = igl.fast_winding_number(vertices, faces, part)
    return numbers


def inside(mesh: Mesh, points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(P,) True where ``points`` (P, 3) are inside: |winding number| >= 0.5, never outside the bounding box.

    The absolute value makes inside-out meshes and overlapping solids come out right.
    """
    result = np.zeros(len(points), bool)
    if not len(mesh.faces):
        return result
    low, high = mesh.bounds
    near = np.flatnonzero(((points >= low) & (points <= high)).all(1))
    result[near] = np.abs(winding(mesh, points[near])) >= 0.5
    return result
