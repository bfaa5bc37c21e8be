"""The clean-up that makes a mesh usable: merged vertices, no twins, no slivers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from engine.geometry.mesh import Mesh, directed_edges, drop_unused, face_areas, is_closed

TORN = 0.1  # share of the edges with a single face from which rounding may have torn a mesh apart
MIX = np.uint64(0x9E3779B97F4A7C15)  # an odd number with no pattern in its bits
OPPOSED = 0.25  # share of the different faces that have a reverse twin from which winding means nothing


@dataclass(frozen=True)
class Cleaned:
    """A mesh without twins and slivers, and what there was of them.

    face : (F,) int64, for every face of ``mesh`` its number before
    twins : faces left out because another one has the same three corners
    opposed : True when so many twins were the reverse of each other that the winding of what is left means nothing
    slivers : faces left out because they have no area
    """

    mesh: Mesh
    face: NDArray[np.int64]
    twins: int
    opposed: bool
    slivers: int


def clean(mesh: Mesh) -> Mesh:
    """Vertices merged by exact position; no twin faces, no zero-area faces, no unused vertices (see ``cleaned``)."""
    return cleaned(mesh).mesh


def cleaned(mesh: Mesh) -> Cleaned:
    """Vertices merged by exact position; no twin faces, no zero-area faces, no unused vertices.

    Zero-area faces with three different corners stay when a closed mesh would be opened without them.
    """
    vertices, index = merge_positions(mesh.vertices)
    faces = index[mesh.faces]
    a, b, c = faces.T
    number = np.flatnonzero((a != b) & (b != c) & (c != a))
    merged = Mesh(vertices, faces[number])
    keep, opposed = _without_twins(merged)
    twins = len(number) - int(keep.sum())
    number, merged = number[keep], Mesh(vertices, merged.faces[keep])
    thin = face_areas(merged) == 0
    if thin.any():
        without = Mesh(vertices, merged.faces[~thin])
        if not is_closed(merged) or is_closed(without):
            number, merged = number[~thin], without
    slivers = len(mesh.faces) - twins - len(number)
    return Cleaned(drop_unused(merged), number, twins, opposed, slivers)


def merge_positions(vertices: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Unique positions in order of first use (U, 3), and for each vertex (V,) the number of its position."""
    keys = np.ascontiguousarray(vertices + 0.0)  # -0.0 becomes 0.0, so that both compare equal as bytes
    if _all_differ(keys):
        return keys, np.arange(len(keys), dtype=np.int32)
    _, first, index = np.unique(keys.view("V24").ravel(), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return keys[first[order]], rank[index].astype(np.int32)


def _all_differ(keys: NDArray[np.float64]) -> bool:
    """True where no two rows (V, 3) have the same bytes; False where they may have: two that differ may share a number."""
    a, b, c = keys.view(np.uint64).reshape(-1, 3).T
    mixed = np.sort((a * MIX) ^ ((b * MIX >> np.uint64(7)) * MIX) ^ ((c * MIX >> np.uint64(13)) * MIX * MIX))
    return bool((mixed[1:] != mixed[:-1]).all())


def welded(mesh: Mesh, tolerance: float) -> Mesh:
    """Vertices closer than ``tolerance`` merged where that makes whole what rounding has torn apart: the mesh itself
    unless at least half of the edges with a single face find a partner."""
    torn = _single_edges(mesh)
    if torn < TORN * 3 * len(mesh.faces):
        return mesh
    pairs = cKDTree(mesh.vertices).query_pairs(tolerance, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(mesh.vertices),) * 2)
    label = connected_components(links, directed=False)[1]
    first = np.unique(label, return_index=True)[1]
    merged = clean(Mesh(mesh.vertices[first], label[mesh.faces].astype(np.int32)))
    return merged if 2 * _single_edges(merged) <= torn else mesh


def _single_edges(mesh: Mesh) -> int:
    """Number of edges that only one face has."""
    edges = np.sort(np.stack([mesh.faces, mesh.faces[:, [1, 2, 0]]], -1).reshape(-1, 2), axis=1).astype(np.int64)
    return int((np.unique(edges[:, 0] * len(mesh.vertices) + edges[:, 1], return_counts=True)[1] == 1).sum())


def components(mesh: Mesh) -> NDArray[np.int32]:
    """(F,) number of the vertex-connected component of every face."""
    a, b, c = mesh.faces.T
    links = coo_matrix((np.ones(2 * len(a), bool), (np.r_[a, b], np.r_[b, c])), shape=(len(mesh.vertices),) * 2)
    labels: NDArray[np.int32] = connected_components(links, directed=False)[1][a]
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


def unbalanced(mesh: Mesh) -> NDArray[np.bool_]:
    """(F,) True for faces with an edge that is not passed as often one way as the other."""
    forward, count = directed_edges(mesh), len(mesh.vertices)
    start, end = forward // count, forward % count
    _, edge = np.unique(np.minimum(start, end) * count + np.maximum(start, end), return_inverse=True)
    balance = np.bincount(edge, np.where(start < end, 1, -1))
    return (balance[edge] != 0).reshape(-1, 3).any(1)


def _without_twins(mesh: Mesh) -> tuple[NDArray[np.bool_], bool]:
    """(F,) True for one face of each set with the same three vertices; and whether many sets hold both windings.

    Twins of opposite winding are either a two-sided sheet (one stays) or the shared wall of two solids (none may stay,
    or the wall would count as surface): both go where the rest of their connected component is closed without them.
    """
    corners = np.sort(mesh.faces, axis=1).astype(np.int64)
    a, b, c = corners.T
    keys = a * len(mesh.vertices) + b
    order = np.lexsort((c, keys))  # stable: the first of each set is the first in the file
    new = np.r_[True, (keys[order][1:] != keys[order][:-1]) | (c[order][1:] != c[order][:-1])][: len(order)]
    if new.all():
        return np.ones(len(mesh.faces), bool), False
    index = np.empty(len(order), np.int64)
    index[order] = np.cumsum(new) - 1
    first = order[new]
    count = np.bincount(index)
    turns = np.where(_even_order(mesh.faces), 1, -1)
    balance = np.bincount(index, turns)
    keep = np.zeros(len(mesh.faces), bool)
    keep[first] = True
    walls = keep & ((count > 1) & (balance == 0))[index]
    opposed = bool(walls.sum() > OPPOSED * len(first))
    if walls.any():
        component = components(mesh)
        rest = keep & ~walls
        good = np.zeros(component.max() + 1, bool)
        good[np.unique(component[rest])] = True
        good[component[rest][unbalanced(Mesh(mesh.vertices, mesh.faces[rest]))]] = False
        keep &= ~(walls & good[component])
    return keep, opposed


def _even_order(faces: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(F,) True where the corners are a cyclic shift of ascending order."""
    a, b, c = faces.T
    return ((a < b) & (b < c)) | ((b < c) & (c < a)) | ((c < a) & (a < b))
