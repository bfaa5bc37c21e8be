"""Triangles cut into smaller ones without cracks."""

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh

LONG = 0.6  # edges of a marked face that are longer than this share of its longest one are halved


def edge_lengths(mesh: Mesh) -> NDArray[np.float64]:
    """(F, 3) length of the edge that starts at each corner."""
    corners = mesh.triangles
    return np.linalg.norm(corners[:, [1, 2, 0]] - corners, axis=2)


def halved(mesh: Mesh, marked: NDArray[np.bool_]) -> Mesh:
    """The long edges of the ``marked`` (F,) faces halved, in the neighbours that share their vertices too.

    The surface stays where it is, and closed if it was. Faces come in another order.
    """
    count = len(mesh.vertices)
    length = edge_lengths(mesh)
    start, end = mesh.faces.astype(np.int64), mesh.faces[:, [1, 2, 0]].astype(np.int64)
    key = np.minimum(start, end) * count + np.maximum(start, end)
    cut = np.unique(key[marked[:, None] & (length >= LONG * length.max(1, keepdims=True))])
    if not len(cut):
        return mesh
    place = np.searchsorted(cut, key).clip(0, len(cut) - 1)
    split = cut[place] == key
    vertices = np.concatenate([mesh.vertices, (mesh.vertices[cut // count] + mesh.vertices[cut % count]) / 2])
    pieces = split.sum(1)
    first = np.select([pieces == 1, pieces == 2], [split.argmax(1), (split.argmin(1) + 1) % 3], 0)
    turn = (first[:, None] + np.arange(3)) % 3  # the halved edges come first
    a, b, c = np.take_along_axis(mesh.faces, turn, 1).astype(np.int64).T
    ab, bc, ca = np.take_along_axis(count + place, turn, 1).T
    patterns = {
        0: [(a, b, c)],
        1: [(a, ab, c), (ab, b, c)],
        2: [(ab, b, bc), (a, ab, bc), (a, bc, c)],
        3: [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)],
    }
    faces = [np.stack(face, 1)[pieces == number] for number, made in patterns.items() for face in made]
    return Mesh(vertices, np.concatenate(faces).astype(np.int32))
