"""Simple solids with known answers."""

import numpy as np
import trimesh

from engine.geometry.mesh import Mesh


def mesh_of(source: trimesh.Trimesh) -> Mesh:
    return Mesh(np.array(source.vertices, np.float64), np.array(source.faces, np.int32))


def box(size: tuple[float, float, float] = (1, 1, 1), centre: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
    solid = mesh_of(trimesh.creation.box(size))
    return Mesh(solid.vertices + centre, solid.faces)


def sphere(radius: float = 0.4, subdivisions: int = 4) -> Mesh:
    return mesh_of(trimesh.creation.icosphere(subdivisions, radius))
