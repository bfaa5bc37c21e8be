"""Open meshes made closed where little is missing: small holes, slits, touching edges."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from engine.geometry.clean import components
from engine.geometry.mesh import Mesh, directed_edges, drop_unused, face_areas

WIDEST = 0.1  # a hole up to this wide is filled, as a share of the longest side
SMALL = 5e-3  # so is any hole whose filling is smaller than this, in squares of the longest side
PART = 0.8  # a filling must be smaller than this share of the piece it closes, or it would only double a sheet
EXACT = 40  # corners up to which the smallest filling is sought


def fill_holes(mesh: Mesh) -> tuple[Mesh, int, int]:
    """Small holes and slits closed: the mesh, how many were filled, and how many stay open because they are large.

    The boundary is taken as a chain: the edges that are passed more often one way than the other. Its loops are filled,
    so slits between a long edge and several short ones close too, and so do walls that only one of two solids has.
    """
    size = float(np.ptp(mesh.bounds, axis=0).max())
    added, filled, left = [], 0, 0
    component = components(mesh)
    areas = np.zeros(len(mesh.vertices))  # of the component of each vertex
    areas[mesh.faces] = np.bincount(component, face_areas(mesh))[component][:, None]
    for loop in loops(mesh):
        points = mesh.vertices[loop]
        wide = float(np.ptp(points, axis=0).max())
        cut, area = _smallest_filling(points) if len(loop) <= EXACT else (_fan(len(loop)), _fan_area(points))
        small = wide <= WIDEST * size or area <= SMALL * size**2
        if small and area <= PART * areas[loop[0]]:
            added.append(loop[cut])
            filled += 1
        else:
            left += 1
    if not added:
        return mesh, 0, left
    faces = np.concatenate([mesh.faces, *added]).astype(np.int32)
    return drop_unused(without_opposites(Mesh(mesh.vertices, faces))), filled, left


def loops(mesh: Mesh) -> Iterator[NDArray[np.int64]]:
    """The boundary as closed loops of different vertices (L,), each in the direction that a filling face would pass it.

    Every vertex of the boundary chain is entered as often as it is left, so walking on always comes round.
    """
    count = len(mesh.vertices)
    forward = directed_edges(mesh)
    start, end = forward // count, forward % count
    key, index = np.unique(np.minimum(start, end) * count + np.maximum(start, end), return_inverse=True)
    balance = np.bincount(index, np.where(start < end, 1, -1)).astype(np.int64)
    open_edges = np.flatnonzero(balance)
    low, high = key[open_edges] // count, key[open_edges] % count
    up = balance[open_edges] < 0  # fillings pass the edge the way that is missing
    times = np.abs(balance[open_edges])
    tails, heads = np.repeat(np.where(up, low, high), times), np.repeat(np.where(up, high, low), times)
    ways: dict[int, list[int]] = {}
    for tail, head in zip(tails.tolist(), heads.tolist(), strict=True):
        ways.setdefault(tail, []).append(head)
    for first in list(ways):
        while ways[first]:
            path, place = [first], {first: 0}
            while path:
                options = ways[path[-1]]
                if not options:  # the start of a walk whose loops are all cut off
                    break
                head = options.pop()
                if head in place:
                    at = place[head]
                    if len(path) - at >= 3:
                        yield np.array(path[at:])
                    for vertex in path[at + 1 :]:
                        del place[vertex]
                    del path[at + 1 :]
                else:
                    place[head] = len(path)
                    path.append(head)


def without_opposites(mesh: Mesh) -> Mesh:
    """Without pairs of faces that cover the same triangle in opposite directions; balances stay as they are."""
    corners = np.sort(mesh.faces, axis=1)
    _, index, count = np.unique(corners, axis=0, return_inverse=True, return_counts=True)
    if (count == 1).all():
        return mesh
    index = index.ravel()
    rolled = np.take_along_axis(mesh.faces, (mesh.faces.argmin(1)[:, None] + np.arange(3)) % 3, 1)
    even = rolled[:, 1] < rolled[:, 2]
    balance = np.bincount(index, np.where(even, 1, -1)).astype(int)
    order = np.lexsort((np.arange(len(index)), even, index))
    keep = np.zeros(len(index), bool)
    for wanted in (True, False):
        some = order[even[order] == wanted]
        new = np.r_[True, index[some][1:] != index[some][:-1]][: len(some)]
        rank = np.arange(len(some)) - np.maximum.accumulate(np.where(new, np.arange(len(some)), 0))
        keep[some] = rank < (balance[index[some]] if wanted else -balance[index[some]])
    return Mesh(mesh.vertices, mesh.faces[keep])


def _smallest_filling(points: NDArray[np.float64]) -> tuple[NDArray[np.int64], float]:
    """Triangles (L - 2, 3) of least area that fill the loop ``points`` (L, 3), and their area.

    Barequet and Sharir 1995, "Filling gaps in the boundary of a polyhedron" (dynamic programming over sub-loops).
    """
    n = len(points)
    best = np.zeros((n, n))
    cut = np.zeros((n, n), int)
    for gap in range(2, n):
        for i in range(n - gap):
            k = i + gap
            middle = np.arange(i + 1, k)
            area = np.linalg.norm(np.cross(points[middle] - points[i], points[k] - points[i]), axis=1) / 2
            total = best[i, middle] + best[middle, k] + area
            at = int(total.argmin())
            best[i, k], cut[i, k] = total[at], middle[at]
    found, todo = [], [(0, n - 1)]
    while todo:
        i, k = todo.pop()
        if k - i >= 2:
            m = int(cut[i, k])
            found.append((i, m, k))
            todo += [(i, m), (m, k)]
    return np.array(found), float(best[0, n - 1])


def _fan(count: int) -> NDArray[np.int64]:
    """Triangles (L - 2, 3) from the first corner to every side."""
    middle = np.arange(1, count - 1)
    return np.stack([np.zeros_like(middle), middle, middle + 1], 1)


def _fan_area(points: NDArray[np.float64]) -> float:
    a, b = points[1:-1] - points[0], points[2:] - points[0]
    return float(np.linalg.norm(np.cross(a, b), axis=1).sum() / 2)
