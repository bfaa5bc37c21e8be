"""Canonical space: +Y up, front +Z, centred, longest side 0.95."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.inside import winding
from engine.geometry.mesh import Geometry, Mesh, flip, is_closed, transform, volume

LONGEST_SIDE = 0.95
FLIPPED = "faces pointed inwards and were flipped"


def canonical(mesh: Mesh, parts: Mapping[str, Mesh] | None = None, notes: tuple[str, ...] = ()) -> Geometry:
    """Shape moved to canonical space: bounding box centred on the origin, longest side 0.95, axes kept.

    Surfaces and parts that are inside out are flipped; that is added to the reader's ``notes``. Raises MeshError for no
    faces, NaN or zero size.
    """
    parts = dict(parts or {})
    if not len(mesh.faces):
        raise MeshError("the mesh has no faces")
    if not all(np.isfinite(piece.vertices).all() for piece in (mesh, *parts.values())):
        raise MeshError("the mesh has coordinates that are not finite numbers (NaN or infinity)")
    to_source = placement(mesh)
    inverse = np.linalg.inv(to_source).astype(np.float64)
    surface, *solids = (transform(piece, inverse) for piece in (mesh, *parts.values()))
    if inside_out(surface):
        surface, notes = flip(surface), (*notes, FLIPPED)
    turned = {name: flip(solid) if volume(solid) < 0 else solid for name, solid in zip(parts, solids, strict=True)}
    return Geometry(surface, turned, to_source, is_closed(surface), notes)


def placement(mesh: Mesh) -> NDArray[np.float64]:
    """(4, 4) canonical coordinates -> those of ``mesh``, which has faces. Raises MeshError for zero size."""
    low, high = mesh.bounds
    side = float((high - low).max())
    if side <= 0:
        raise MeshError("the mesh has zero size: all its vertices are at one point")
    to_source = np.eye(4)
    to_source[:3, :3] *= side / LONGEST_SIDE
    to_source[:3, 3] = (low + high) / 2
    return to_source


def probes(mesh: Mesh, count: int = 8192) -> NDArray[np.float64]:
    """(count, 3) fixed, evenly spread points of the bounding box (additive recurrence of Roberts 2018, "R3")."""
    low, high = mesh.bounds
    steps = 1.0 / 1.2207440846057596 ** np.arange(1, 4)
    return low + (np.arange(1, count + 1)[:, None] * steps % 1.0) * (high - low)


def inside_out(mesh: Mesh) -> bool:
    """Closed: negative volume. Open: most of what is inside has a negative winding number."""
    if is_closed(mesh):
        return volume(mesh) < 0
    numbers = winding(mesh, probes(mesh, 2048))
    return bool((numbers <= -0.5).sum() > (numbers >= 0.5).sum())
