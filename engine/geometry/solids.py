"""Boolean union of closed solids, by Manifold."""

from collections.abc import Sequence

import manifold3d
import numpy as np

from engine.errors import MeshError
from engine.geometry.clean import components
from engine.geometry.mesh import Mesh, flip, join, volume
from engine.geometry.orient import containers, groups_of
from engine.geometry.separate import separate

FLAT = 1e-9  # solids with less volume than this, in cubes of their longest side, add nothing to a union


def union(solids: Sequence[Mesh]) -> Mesh:
    """Outer surface of the union of closed ``solids``; inner walls are gone, inside-out solids are turned first.

    Raises MeshError when a solid is not closed.
    """
    return _united([flip(solid) if volume(solid) < 0 else solid for solid in solids])


def united(mesh: Mesh) -> Mesh:
    """Outer surface of all solids of a closed ``mesh`` that is wound outwards; hollows (wound inwards) stay hollow.

    Raises MeshError where the solids cannot be told apart.
    """
    apart = separate(mesh)
    group = components(apart)
    solids = groups_of(apart, group, np.ones(group.max() + 1, bool))
    inner, hollow = containers(solids), [volume(solid) < 0 for solid in solids]
    bodies = []
    for k, solid in enumerate(solids):
        if not hollow[k] and abs(volume(solid)) > FLAT * np.ptp(solid.bounds, axis=0).max() ** 3:
            within = [solids[j] for j in range(len(solids)) if hollow[j] and inner[j] == k]
            bodies.append(join([solid, *within]) if within else solid)
    if not bodies:
        raise MeshError("the mesh has no solid that is wound outwards")
    return _united(bodies)


def _united(solids: Sequence[Mesh]) -> Mesh:
    bodies = []
    for number, solid in enumerate(solids):
        faces = np.ascontiguousarray(solid.faces, np.uint64)
        raw = manifold3d.Mesh64(np.ascontiguousarray(solid.vertices, np.float64), faces)
        body = manifold3d.Manifold(raw)
        if body.status() != manifold3d.Error.NoError or body.is_empty():
            reason = body.status().name
            raise MeshError(f"solid {number} of {len(solids)} is not closed ({reason}); a union needs closed solids")
        bodies.append(body)
    whole = manifold3d.Manifold.batch_boolean(bodies, manifold3d.OpType.Add) if len(bodies) > 1 else bodies[0]
    result = whole.to_mesh64()
    vertices = np.array(result.vert_properties[:, :3], np.float64)
    return Mesh(vertices, np.array(result.tri_verts, np.int32))
