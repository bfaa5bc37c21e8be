"""Patches: faces joined by edges that just two faces share, wound alike; and which of them bound a volume."""

import igl
import numpy as np
from numpy.typing import NDArray

from engine.geometry.clean import components, unbalanced
from engine.geometry.mesh import Mesh, directed_edges, face_areas


def consistent(mesh: Mesh) -> tuple[Mesh, NDArray[np.int32]]:
    """Faces of each patch wound alike, as most of its area was before; and (F,) the number of each face's patch.

    A patch that cannot be wound alike (a Moebius strip) keeps edges that both faces pass in the same direction.
    """
    faces, patch = igl.bfs_orient(np.ascontiguousarray(mesh.faces, np.int64))
    patch = np.asarray(patch).ravel().astype(np.int32)
    turned = (faces[:, :2] != mesh.faces[:, :2]).any(1)
    balance = np.bincount(patch, np.where(turned, -1.0, 1.0) * face_areas(mesh))
    alike = np.where((balance < 0)[patch] ^ turned, -1, 1)
    return Mesh(mesh.vertices, wound(mesh.faces, alike < 0)), patch


def is_twisted(mesh: Mesh) -> bool:
    """True when two faces alone at an edge pass it in the same direction: in a mesh whose patches are wound alike, the
    sign of a surface with a single side, such as a Moebius strip or a Klein bottle."""
    forward, count = directed_edges(mesh), len(mesh.vertices)
    start, end = forward // count, forward % count
    _, edge = np.unique(np.minimum(start, end) * count + np.maximum(start, end), return_inverse=True)
    return bool(((np.bincount(edge) == 2) & (np.bincount(edge, start < end) != 1)).any())


def wound(faces: NDArray[np.int32], back: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(F, 3) with the faces marked in ``back`` (F,) turned over, first corner kept."""
    result = faces.copy()
    result[back] = faces[back][:, [0, 2, 1]]
    return result


def closed_groups(mesh: Mesh, patch: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """(F,) new numbers of groups, and (K,) which of them are closed.

    A group is a closed patch; or all open patches of a connected component, where they close each other at edges of
    more than two faces; or an open patch.
    """
    keys = patch[:, None] * np.int64(len(mesh.vertices)) + mesh.faces
    corners, index = np.unique(keys, return_inverse=True)
    apart = Mesh(mesh.vertices[corners % len(mesh.vertices)], index.reshape(-1, 3).astype(np.int32))
    whole = np.ones(patch.max() + 1, bool)
    whole[patch[unbalanced(apart)]] = False
    group = patch.astype(np.int64)
    closed = whole[patch]
    rest = np.flatnonzero(~closed)
    if len(rest):
        loose = Mesh(mesh.vertices, mesh.faces[rest])
        component = components(loose)
        good = np.ones(component.max() + 1, bool)
        good[component[unbalanced(loose)]] = False
        joined = good[component]
        group[rest[joined]] = patch.max() + 1 + component[joined]
        closed[rest[joined]] = True
    _, first, group = np.unique(group, return_index=True, return_inverse=True)
    return group.astype(np.int32), closed[first]
