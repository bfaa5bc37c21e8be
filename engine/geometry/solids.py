"""Boolean union of closed solids, by Manifold."""

from collections.abc import Sequence

import manifold3d
import numpy as np

from engine.errors import MeshError
from engine.geometry.mesh import Mesh, flip, volume


def union(solids: Sequence[Mesh]) -> Mesh:
    """Outer surface of the union of closed ``solids``; inner walls are gone, inside-out solids are turned first.

    Raises MeshError when a solid is not closed.
    """
    bodies = []
    for number, solid in enumerate(solids):
        upright = flip(solid) if volume(solid) < 0 else solid
        faces = np.ascontiguousarray(upright.faces, np.uint64)
        raw = manifold3d.Mesh64(np.ascontiguousarray(upright.vertices, np.float64), faces)
        body = manifold3d.Manifold(raw)
        if body.status() != manifold3d.Error.NoError or body.is_empty():
            reason = body.status().name
            raise MeshError(f"solid {number} of {len(solids)} is not closed ({reason}); a union needs closed solids")
        bodies.append(body)
    whole = manifold3d.Manifold.batch_boolean(bodies, manifold3d.OpType.Add) if len(bodies) > 1 else bodies[0]
    result = whole.to_mesh64()
    vertices = np.array(result.vert_properties[:, :3], np.float64)
    return Mesh(vertices, np.array(result.tri_verts, np.int32))
