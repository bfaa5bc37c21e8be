"""Named parts that are told by labels on the surface instead of solids of their own, and the surface of each part."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import igl
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.errors import InputError, MeshError
from engine.geometry.mesh import Geometry, Mesh, drop_unused, face_areas, join
from engine.geometry.raw import FaceLabels
from engine.geometry.refine import edge_lengths, halved

LABELS = 30_000  # labelled points on the surface of an item whose faces are labelled
FEW = 3  # labelled points that even the smallest face gets, or one where there are very many faces
CROWD = 10  # ... which is when FEW points for each face are more than this many times what was asked for
COARSE, FINE = 0.05, 0.01  # longest edge of the faces of a part, within it and at its border, cube units
MOST_FACES = 200_000  # beyond this, borders stay as fine as they are
ROUNDS = 32  # of cutting: more than any face needs, but corners on one line can be halved for ever
TOUCH = 1e-5  # cube units: a face of the whole that is so near to a solid is one of its own
REST = "rest"
PLASTIC = 1 / 1.32471795724474602596 ** np.arange(1, 3)  # steps of Roberts' even sequence "R2" (2018)


@dataclass(frozen=True)
class Regions:
    """A cloud of labelled points on the surface of an item, in canonical space: each place belongs to the nearest one.

    points : (L, 3) float32
    label : (L,) int16 into ``names``
    names : the parts, in the order of the source; each has points
    unlabelled : share of the source's points, or of its area, that had no label; such points are not kept
    """

    points: NDArray[np.float32]
    label: NDArray[np.int16]
    names: tuple[str, ...]
    unlabelled: float = 0.0

    @cached_property
    def tree(self) -> cKDTree:
        """Search tree over ``points``."""
        return cKDTree(self.points.astype(np.float64))

    def label_of(self, points: NDArray[np.floating]) -> NDArray[np.int16]:
        """(P, 3) -> (P,) int16, label of the nearest labelled point."""
        return self.label[self.tree.query(points)[1]]

    def names_at(self, points: NDArray[np.floating]) -> NDArray[np.str_]:
        """(P, 3) -> (P,) name of the nearest labelled point."""
        return np.array(self.names)[self.label_of(points)]

    def points_of(self, name: str) -> NDArray[np.float32]:
        """(N, 3) labelled points of one part."""
        return self.points[self.label == self.names.index(name)]


def from_cloud(points: NDArray[np.floating], labels: NDArray[np.integer], names: Sequence[str]) -> Regions:
    """Regions of a labelled cloud: ``points`` (P, 3) in canonical space, ``labels`` (P,) into ``names``, -1 for none.

    Names without points are left out. Raises MeshError: counts differ, no point has a label, a label has no name.
    """
    if len(points) != len(labels):
        raise MeshError(f"{len(labels):,} labels for {len(points):,} points; give one label for each point")
    used = np.flatnonzero(np.bincount(labels[labels >= 0], minlength=len(names)))
    if not len(used):
        raise MeshError("none of the points has a label, so they name no parts")
    if used[-1] >= len(names):
        raise MeshError(f"label {used[-1]} has no name; {len(names)} names were given")
    if len(used) > np.iinfo(np.int16).max:
        raise MeshError(f"{len(used):,} different labels are too many; join some of them")
    kept = labels >= 0
    if not np.isfinite(points[kept]).all():
        raise MeshError("some labelled points have coordinates that are not finite numbers")
    label = np.searchsorted(used, labels[kept]).astype(np.int16)
    chosen = tuple(names[k] for k in used.tolist())
    return Regions(points[kept].astype(np.float32), label, chosen, float(1 - kept.mean()))


def from_faces(mesh: Mesh, labels: FaceLabels, count: int = LABELS, seed: int = 0) -> Regions:
    """Regions of a mesh in canonical space whose faces are labelled: about ``count`` points spread evenly on them.

    Every labelled face has its centroid among them. Raises MeshError when no face with an area has a label.
    """
    if len(labels.index) != len(mesh.faces):
        raise MeshError(f"{len(labels.index):,} labels for {len(mesh.faces):,} faces; give one label for each face")
    areas = face_areas(mesh)
    wanted = (labels.index >= 0) & (areas > 0)
    if not wanted.any():
        raise MeshError("none of the faces has a label, so they name no parts")
    points, face = spread(mesh, wanted, count, seed)
    found = from_cloud(points, labels.index[face], labels.names)
    return Regions(found.points, found.label, found.names, float(1 - areas[wanted].sum() / areas.sum()))


def spread(
    mesh: Mesh, wanted: NDArray[np.bool_], count: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of about ``count`` points spread evenly over the whole mesh, those (P, 3) on ``wanted`` (F,) faces; their faces.

    Each wanted face has some points, the first of them its centroid. Faces with the same corners get the same points, so
    that labels of twins are seen to contradict each other.
    """
    areas = face_areas(mesh)
    few = FEW if FEW * wanted.sum() <= CROWD * count else 1
    number = np.where(wanted, np.maximum(np.ceil(count * areas / areas.sum()), few), 0).astype(np.int64)
    face = np.repeat(np.arange(len(areas)), number)
    rank = np.arange(len(face)) - np.repeat(np.cumsum(number) - number, number)
    u, v = ((np.random.default_rng(seed).random(2) + rank[:, None] * PLASTIC) % 1).T
    over = u + v > 1  # fold the unit square onto the triangle
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    u[rank == 0] = v[rank == 0] = 1 / 3
    place = np.empty(len(mesh.vertices), np.int64)
    place[np.lexsort(mesh.vertices.T)] = np.arange(len(place))
    corners = np.take_along_axis(mesh.faces, np.argsort(place[mesh.faces], axis=1), 1)
    a, b, c = mesh.vertices[corners[face]].swapaxes(0, 1)
    return a + u[:, None] * (b - a) + v[:, None] * (c - a), face


def part_names(geometry: Geometry) -> tuple[str, ...]:
    """Names of the parts of an item, solids or regions."""
    return tuple(geometry.parts) or (geometry.regions.names if geometry.regions else ())


def part_surface(geometry: Geometry, name: str) -> Mesh:
    """What one part looks like: its solid, or its faces of the item's surface. Raises InputError for an unknown name."""
    if name not in part_names(geometry):
        raise InputError(f"there is no part named {name!r}; the parts are {', '.join(part_names(geometry)) or 'none'}")
    return part_meshes_of(geometry).get(name, Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32)))


def part_meshes_of(geometry: Geometry, fine: float = FINE) -> dict[str, Mesh]:
    """What each part looks like, in order; parts without any surface are not in it.

    Solids as they are. Regions: the faces of the surface by the label nearest to their centroid, long faces cut first so
    that borders run where they should (to FINE); these meshes are open. A part too small to be nearest to any centroid
    gets the faces nearest to its points.
    """
    if geometry.parts or geometry.regions is None:
        return dict(geometry.parts)
    mesh, label = _cut_at_borders(geometry.surface, geometry.regions, fine)
    missing = np.setdiff1d(np.arange(len(geometry.regions.names)), label)
    if len(missing) and len(mesh.faces):
        middles = cKDTree(mesh.triangles.mean(1))
        for k in missing.tolist():
            label[np.unique(middles.query(geometry.regions.points_of(geometry.regions.names[k]))[1])] = k
    found = {name: Mesh(mesh.vertices, mesh.faces[label == k]) for k, name in enumerate(geometry.regions.names)}
    return {name: drop_unused(part) for name, part in found.items() if len(part.faces)}


def whole_in_pieces(geometry: Geometry, fine: float = FINE) -> dict[str, Mesh]:
    """All that an item is made of, to be shown or written: its parts, and under "rest" what belongs to none of them."""
    pieces = part_meshes_of(geometry, fine)
    if not geometry.parts or geometry.complete:
        return pieces
    solids, mesh = join(list(geometry.parts.values())), geometry.surface
    tree = igl.AABB()
    vertices, faces = np.ascontiguousarray(solids.vertices, np.float64), np.ascontiguousarray(solids.faces, np.int64)
    tree.init(vertices, faces)
    squared, *_ = tree.squared_distance(vertices, faces, np.ascontiguousarray(mesh.triangles.mean(1), np.float64))
    rest = mesh.faces[np.sqrt(squared) > TOUCH]
    return pieces | ({REST: drop_unused(Mesh(mesh.vertices, rest))} if len(rest) else {})


def _cut_at_borders(mesh: Mesh, regions: Regions, fine: float) -> tuple[Mesh, NDArray[np.int16]]:
    """The mesh with faces cut where labels meet, and the label of each face."""
    for _ in range(ROUNDS):
        middle = regions.label_of(mesh.triangles.mean(1))
        mixed = (regions.label_of(mesh.vertices)[mesh.faces] != middle[:, None]).any(1)
        longest = edge_lengths(mesh).max(1, initial=0.0)
        marked = (longest > max(COARSE, fine)) | (mixed & (longest > fine))
        if not marked.any() or len(mesh.faces) > MOST_FACES:
            return mesh, middle
        mesh = halved(mesh, marked)
    return mesh, regions.label_of(mesh.triangles.mean(1))
