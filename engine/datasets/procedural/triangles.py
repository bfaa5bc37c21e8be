"""Triangles of a finished solid, without the flat ones that booleans leave where surfaces cross."""

import numpy as np
from manifold3d import Manifold
from numpy.typing import NDArray

Array = NDArray[np.float64]
Faces = NDArray[np.int32]
FLAT = 1e-12  # twice the area below which a triangle is flat, raw units squared
SHORT = 1e-6  # length of an edge that may be closed up


def triangles(made: Manifold) -> tuple[Array, Faces]:
    """Vertices (V, 3) float64 and faces (F, 3) int32 of a solid; no vertex moves by more than a millionth."""
    raw = made.to_mesh64()
    vertices = np.asarray(raw.vert_properties)[:, :3].astype(np.float64)
    faces = np.asarray(raw.tri_verts).astype(np.int32)
    for _ in range(6):
        side = vertices[faces[:, [2, 0, 1]]] - vertices[faces[:, [1, 2, 0]]]  # (F, 3, 3), opposite each corner
        length = np.linalg.norm(side, axis=2)  # (F, 3)
        flat = np.flatnonzero(np.linalg.norm(np.cross(side[:, 0], side[:, 1]), axis=1) < FLAT)
        if not len(flat):
            break
        for k in flat:
            if faces[k, 0] >= 0 and length[k].min() < SHORT:
                close(faces, int(k), int(np.argmin(length[k])))
            elif faces[k, 0] >= 0:
                flip(faces, int(k), int(np.argmax(length[k])))
        faces = faces[faces[:, 0] >= 0]
    used, packed = np.unique(faces, return_inverse=True)
    return vertices[used], packed.reshape(faces.shape).astype(np.int32)


def close(faces: Faces, k: int, corner: int) -> None:
    """Merge the ends of the edge opposite a corner of face k, where the surface stays a manifold; dead faces become -1."""
    a, b = int(faces[k, (corner + 1) % 3]), int(faces[k, (corner + 2) % 3])
    if a == b:
        return
    at_a, at_b = (faces == a).any(1), (faces == b).any(1)
    common = np.intersect1d(faces[at_a], faces[at_b])
    if (at_a & at_b).sum() != 2 or len(common) != 4:  # a, b and the corners of the two faces between them
        return
    faces[at_a & at_b] = -1
    faces[faces == b] = a


def flip(faces: Faces, k: int, corner: int) -> None:
    """Give a face whose corner lies on its opposite edge the far side of that edge.

    Where that edge's neighbour and a third face are folded round one vertex, the vertex goes instead.
    """
    c, a, b = (int(faces[k, (corner + turn) % 3]) for turn in range(3))
    near = {v: (faces == v).any(1) for v in (a, b, c)}
    beside = [int(f) for f in np.flatnonzero(near[a] & near[b]) if f != k]
    if len({a, b, c}) < 3 or len(beside) != 1:
        return
    n = beside[0]
    d = int(faces[n].sum() - a - b)
    folded = np.flatnonzero(near[c] & (faces == d).any(1))
    if not len(folded):
        faces[k], faces[n] = (c, a, d), (c, d, b)
        return
    for f in folded:
        x = int(faces[f].sum() - c - d)
        if x in (a, b) and near[x].sum() == 3:
            faces[n] = (c, a, d) if x == b else (b, c, d)
            faces[[k, int(f)]] = -1
            return
