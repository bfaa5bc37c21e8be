"""From the polygons of a file to triangles: unusable faces are left out and counted, polygons are cut."""

from collections.abc import Mapping, Sequence

import manifold3d
import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.mesh import Mesh
from engine.geometry.raw import FaceLabels, Raw
from engine.geometry.readers.limits import Limits, check_faces, check_vertices

Spans = Sequence[tuple[int, str]]


def assemble(
    vertices: NDArray[np.float64],
    sizes: NDArray[np.int64],
    corners: NDArray[np.int64],
    limits: Limits,
    labels: Mapping[str, FaceLabels] | None = None,
    notes: Sequence[str] = (),
) -> Raw:
    """Raw mesh of the polygons of a file.

    vertices : (V, 3) float64, may hold NaN
    sizes : (P,) number of corners of each polygon
    corners : (sum of sizes,) vertex numbers of all polygons in turn; numbers outside 0..V-1 mean a missing vertex
    labels : by polygon, (P,) index each

    Raises MeshError: no polygon can be used, or there are more triangles or vertices than ``limits`` allow.
    """
    check_vertices(len(vertices), limits)
    check_faces(int(np.maximum(sizes - 2, 0).sum()), limits)
    keep, causes = _usable(vertices, sizes, corners)
    if not keep.any():
        reason = f" ({'; '.join(causes)})" if causes else ""
        raise MeshError(f"the file holds no faces that can be used{reason}; save it anew as a mesh")
    number = np.flatnonzero(keep)
    if len(number) < len(keep):
        corners, sizes = corners[np.repeat(keep, sizes)], sizes[keep]
    faces, source = triangulate(vertices, sizes, corners)
    polygon = number[source]
    named = {scheme: _by_face(names, polygon) for scheme, names in (labels or {}).items()}
    return Raw(
        Mesh(vertices, faces.astype(np.int32)),
        polygon.astype(np.int32),
        {scheme: names for scheme, names in named.items() if names.names},
        (*notes, *(f"left out {cause}" for cause in causes)),
    )


def spans(starts: Spans, count: int) -> FaceLabels:
    """Labels of ``count`` polygons from (first polygon, name) in order: a name holds until the next; "" is no name."""
    names = {name: place for place, name in enumerate(dict.fromkeys(name for _, name in starts if name))}
    first = np.array([0, *(start for start, _ in starts), count], np.int64)
    index = np.array([-1, *(names.get(name, -1) for _, name in starts)], np.int32)
    return FaceLabels(tuple(names), np.repeat(index, np.diff(first)))


def faces_in_words(count: int) -> str:
    """ "1 face" or "1,234 faces"."""
    return f"{count:,} face{'s' * (count != 1)}"


def triangulate(
    vertices: NDArray[np.float64], sizes: NDArray[np.int64], corners: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Triangles (F, 3) in the order of the polygons, and the polygon (F,) of each; a polygon of n corners gives n - 2.

    Convex polygons become a fan from their first corner; others are cut by ear clipping in their own plane, which is the
    one of Newell's normal. A polygon without area becomes a fan too.
    """
    if (sizes == 3).all():
        return corners.reshape(-1, 3), np.arange(len(sizes))
    first = np.cumsum(sizes) - sizes
    pieces, owners = [], []
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        polygons = corners[first[members][:, None] + np.arange(size)]
        pieces.append(polygons[np.arange(len(members))[:, None, None], _cut(vertices[polygons])].reshape(-1, 3))
        owners.append(np.repeat(members, size - 2))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(pieces)[order], owner[order]


def _usable(
    vertices: NDArray[np.float64], sizes: NDArray[np.int64], corners: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], list[str]]:
    """Which polygons can be used, and what is wrong with the others in words."""
    exists = (corners >= 0) & (corners < len(vertices))
    finite = np.isfinite(vertices).all(1)
    few = sizes < 3
    missing = _any(~exists, sizes) & ~few
    broken = np.zeros(len(sizes), bool)
    if not finite.all():
        broken = _any(exists & ~np.append(finite, True)[np.where(exists, corners, -1)], sizes) & ~few & ~missing
    causes = (
        (few, "with fewer than three corners"),
        (missing, "naming a vertex that does not exist"),
        (broken, "with a coordinate that is not a finite number"),
    )
    words = [f"{faces_in_words(int(where.sum()))} {cause}" for where, cause in causes if where.any()]
    return ~(few | missing | broken), words


def _any(corner: NDArray[np.bool_], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(P,) whether something holds for any corner of each polygon."""
    before = np.concatenate([[0], np.cumsum(corner)])
    ends = np.cumsum(sizes)
    return before[ends] > before[ends - sizes]


def _by_face(labels: FaceLabels, polygon: NDArray[np.int64]) -> FaceLabels:
    """Labels of triangles from those of polygons; only names that are used, in order of first use."""
    index = labels.index[polygon]
    used, first = np.unique(index, return_index=True)
    used = used[np.argsort(first)]
    used = used[used >= 0]
    rank = np.full(len(labels.names) + 1, -1, np.int32)  # the last one is for -1
    rank[used] = np.arange(len(used))
    return FaceLabels(tuple(labels.names[name] for name in used), rank[index])


def _cut(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """(K, n - 2, 3) corners of the triangles of K polygons (K, n, 3) of the same size."""
    count, size = points.shape[:2]
    fan = np.stack([np.zeros(size - 2, int), np.arange(1, size - 1), np.arange(2, size)], 1)
    cut = np.tile(fan, (count, 1, 1))
    if size == 3:
        return cut
    with np.errstate(over="ignore", invalid="ignore"):
        arms = points - points[:, :1]
        reach = np.abs(arms).max((1, 2), keepdims=True)
        arms = arms / np.where(reach > 0, reach, 1)
    normal, good = _fan_areas(arms)
    flat = ~(np.abs(normal).max(1) > 1e-12)  # also where numbers are too large
    if size == 4:  # the other diagonal
        turned = np.roll(arms, -1, 1)
        other = ~good & ~flat & _fan_areas(turned - turned[:, :1])[1]
        cut[other] = (fan + 1) % 4
        good |= other
    for polygon in np.flatnonzero(~good & ~flat):
        cut[polygon] = _clip_ears(arms[polygon], normal[polygon], fan)
    return cut


def _fan_areas(arms: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Newell's normal (K, 3) of polygons that start at the origin, and whether all triangles of their fan face its way."""
    with np.errstate(over="ignore", invalid="ignore"):
        crosses = np.cross(arms[:, 1:-1], arms[:, 2:])
        normal = crosses.sum(1)
        facing = np.einsum("kni,ki->kn", crosses, normal)
        return normal, (facing > 1e-12 * np.abs(facing).sum(1, keepdims=True)).all(1)


def _clip_ears(arms: NDArray[np.float64], normal: NDArray[np.float64], fan: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n - 2, 3) corners of one polygon's triangles; the fan when its outline crosses itself beyond repair."""
    normal = normal / np.linalg.norm(normal)
    side = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    side /= np.linalg.norm(side)
    flat = np.stack([arms @ side, arms @ np.cross(normal, side)], 1)
    triangles = np.asarray(manifold3d.triangulate([flat]), np.int64).reshape(-1, 3)
    return triangles if len(triangles) == len(fan) else fan
