"""Loose crumbs: small shells that float free, as generated fields sometimes have them far from the shape."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from engine.geometry.mesh import Mesh, drop_unused, join, volume


def shells(mesh: Mesh) -> list[Mesh]:
    """The connected pieces of a mesh, largest volume first."""
    count = len(mesh.vertices)
    a, b, c = mesh.faces.T
    links = coo_matrix((np.ones(2 * len(a), bool), (np.r_[a, b], np.r_[b, c])), (count, count))
    of_vertex = connected_components(links, directed=False)[1]
    of_face = of_vertex[a]
    pieces = [drop_unused(Mesh(mesh.vertices, mesh.faces[of_face == label])) for label in np.unique(of_face)]
    return sorted(pieces, key=lambda piece: -abs(volume(piece)))


def without_crumbs(solids: Mapping[str, Mesh], share: float, reach: float) -> tuple[dict[str, Mesh], int]:
    """Solids without their loose crumbs, and how many were left out; the solids are closed meshes in one frame.

    A shell is a crumb when its volume is under ``share`` of the whole's and its bounding box, grown by ``reach`` on each
    side, meets no box of a shell that stays. Shells inside others (cavities) meet them, so they stay.
    """
    pieces = [(name, piece) for name, solid in solids.items() if len(solid.faces) for piece in shells(solid)]
    sizes = np.array([abs(volume(piece)) for _, piece in pieces])
    boxes = (
        np.array([piece.bounds for _, piece in pieces]) + np.array([[-reach], [reach]])
        if pieces
        else np.zeros((0, 2, 3))
    )
    stays: NDArray[np.bool_] = np.asarray(sizes >= share * sizes.sum(), bool)
    touching: NDArray[np.bool_] = np.asarray(
        (boxes[:, None, 0] <= boxes[None, :, 1]).all(2) & (boxes[None, :, 0] <= boxes[:, None, 1]).all(2), bool
    )
    while True:  # what touches something that stays, stays
        more = touching[:, stays].any(1) | stays
        if (more == stays).all():
            break
        stays = more
    kept: dict[str, list[Mesh]] = {}
    for (name, piece), flag in zip(pieces, stays, strict=True):
        if flag:
            kept.setdefault(name, []).append(piece)
    return {name: join(found) for name, found in kept.items()}, int((~stays).sum())
