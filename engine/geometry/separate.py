"""Solids that touch at edges or corners taken apart, so that every edge joins just two faces."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from engine.geometry.mesh import Mesh, directed_edges

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def separate(mesh: Mesh) -> Mesh:
    """The same faces in the same order with vertices doubled, so that every edge joins exactly two faces.

    At an edge of four or more faces each face is joined to the next one behind it, so solids that only touch come apart.
    Vertices are told apart by the fan of faces they belong to. ``mesh`` must be closed and wound outwards.
    """
    forward, count = directed_edges(mesh), len(mesh.vertices)  # edge 3 f + i starts at corner i of face f
    start, end = forward // count, forward % count
    key = np.minimum(start, end) * count + np.maximum(start, end)
    order = np.lexsort((start > end, key))
    heads = np.flatnonzero(np.r_[True, key[order][1:] != key[order][:-1]])
    sizes = np.diff(np.r_[heads, len(order)])
    simple = heads[sizes == 2]
    pairs = [(order[simple], order[simple + 1])]
    many = sizes > 2
    pairs += [_joined(mesh, order[head : head + size]) for head, size in zip(heads[many], sizes[many], strict=True)]
    a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    corner = np.arange(len(forward))
    after = corner + np.where(corner % 3 == 2, -2, 1)
    links = coo_matrix((np.ones(2 * len(a), bool), (np.r_[a, after[a]], np.r_[after[b], b])), (len(corner),) * 2)
    fan = connected_components(links, directed=False)[1]  # the start of one edge is the end of its partner
    first = np.unique(fan, return_index=True)[1]
    return Mesh(mesh.vertices[mesh.faces.ravel()[first]], fan.reshape(-1, 3).astype(np.int32))


def _joined(mesh: Mesh, edges: NDArray[np.int64]) -> Pairs:
    """Of the directed edges at one place those that go up, and for each the one of the face next behind its face."""
    face, corner = edges // 3, edges % 3
    tail, head, third = (mesh.vertices[mesh.faces[face, (corner + k) % 3]] for k in range(3))
    up = mesh.faces[face, corner] < mesh.faces[face, (corner + 1) % 3]
    low = tail[up][0]
    axis = head[up][0] - low
    axis /= max(float(np.linalg.norm(axis)), 1e-300)
    out = third - low
    out -= (out @ axis)[:, None] * axis
    angle = np.arctan2(out @ np.cross(axis, out[0]), out @ out[0])
    left = np.flatnonzero(~up).tolist()
    pairs = []
    for one in np.flatnonzero(up)[np.argsort(angle[up], kind="stable")]:  # behind a face that goes up: smaller angles
        other = min(left, key=lambda k: (angle[one] - angle[k]) % (2 * np.pi) or 2 * np.pi)
        left.remove(other)
        pairs.append((edges[one], edges[other]))
    return np.array(pairs)[:, 0], np.array(pairs)[:, 1]
