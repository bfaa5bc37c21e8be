"""A triangle mesh as plain arrays, what can be asked of it, and the geometry of an item."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from engine.geometry.regions import Regions


Column = list[NDArray[np.float64]]


@dataclass(frozen=True)
class Mesh:
    """Triangles in some frame (the holder says which).

    vertices : (V, 3) float64
    faces : (F, 3) int32, counter-clockwise seen from outside
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]

    @property
    def bounds(self) -> NDArray[np.float64]:
        """(2, 3) lower and upper corner of the vertices that faces use."""
        used = used_vertices(self)
        columns = (self.vertices if used.all() else self.vertices[used]).T  # one by one: rows of three take long
        return np.array([[column.min() for column in columns], [column.max() for column in columns]])

    @property
    def triangles(self) -> NDArray[np.float64]:
        """(F, 3, 3) corner positions of every face."""
        return self.vertices[self.faces]


@dataclass(frozen=True)
class Geometry:
    """What an item looks like, in canonical space.

    surface : outer surface of the whole item; closed when ``closed``
    parts : named closed solids, in the order of the source; they may overlap at joints; {} when no parts are known
    to_source : (4, 4) float64, canonical coordinates -> coordinates of the source file
    closed : True when the surface is watertight
    notes : what reading had to change, in words ("faces pointed inwards and were flipped")
    regions : parts that are told by labels on the surface; they count where there are no ``parts``
    complete : True when ``parts`` make up the whole; otherwise some of what is inside the surface has no name
    """

    surface: Mesh
    parts: dict[str, Mesh] = field(default_factory=dict)
    to_source: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    closed: bool = True
    notes: tuple[str, ...] = ()
    regions: "Regions | None" = None
    complete: bool = True


def used_vertices(mesh: Mesh) -> NDArray[np.bool_]:
    """(V,) True for the vertices that faces use."""
    used = np.zeros(len(mesh.vertices), bool)
    used[mesh.faces.ravel()] = True
    return used


def face_areas(mesh: Mesh) -> NDArray[np.float64]:
    """(F,) area of every face, squared units of the mesh's frame."""
    (ux, uy, uz), (vx, vy, vz), _ = sides(mesh)
    x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    return np.sqrt(x * x + y * y + z * z) / 2


def sides(mesh: Mesh) -> tuple[Column, Column, Column]:
    """Sides of all faces, x, y and z (F,) of each: from the first corner to the second and to the third, and between these.

    Columns: what is computed of rows of three numbers takes several times as long.
    """
    columns = [np.ascontiguousarray(column) for column in mesh.vertices.T]
    first, second, third = ([column[corner] for column in columns] for corner in mesh.faces.T.astype(np.intp))
    return _ways(first, second), _ways(first, third), _ways(second, third)


def _ways(start: Column, end: Column) -> Column:
    return [after - before for before, after in zip(start, end, strict=True)]


def volume(mesh: Mesh) -> float:
    """Signed volume, positive when the faces of a closed mesh point outwards (divergence theorem)."""
    if not len(mesh.faces):
        return 0.0
    a, b, c = (mesh.triangles - mesh.bounds.mean(0)).swapaxes(0, 1)
    return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6)


def directed_edges(mesh: Mesh) -> NDArray[np.int64]:
    """(3F,) each face's three edges a -> b as one number a * V + b."""
    faces = mesh.faces.astype(np.int64)
    start, end = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    return start * len(mesh.vertices) + end


def is_closed(mesh: Mesh) -> bool:
    """True when every edge is passed as often one way as the other: the mesh bounds a volume, solids may touch."""
    if not len(mesh.faces):
        return False
    return np.array_equal(np.sort(directed_edges(mesh)), np.sort(directed_edges(flip(mesh))))


def is_watertight(mesh: Mesh) -> bool:
    """True when every edge belongs to exactly two faces that pass it in opposite directions."""
    start, end = (mesh.faces.astype(np.int64)[:, order].ravel() for order in ([0, 1, 2], [1, 2, 0]))
    ways = 2 * (np.minimum(start, end) * len(mesh.vertices) + np.maximum(start, end)) + (start > end)
    if (loops := start == end).any():  # of faces that are none: such an edge is its own reverse
        if len(np.unique(ways[loops])) < loops.sum():
            return False
        ways = ways[~loops]
    ways.sort()  # there and back follow one another
    there, back = ways[::2], ways[1::2]
    twice = len(there) == len(back) and not (there & 1).any() and (back == there + 1).all()
    return bool(len(start) and twice and (there[1:] != there[:-1]).all())


def flip(mesh: Mesh) -> Mesh:
    """The same surface with every face turned over."""
    return Mesh(mesh.vertices, np.ascontiguousarray(mesh.faces[:, ::-1]))


def transform(mesh: Mesh, matrix: NDArray[np.float64]) -> Mesh:
    """Vertices mapped by a (4, 4) affine ``matrix``; mirroring turns the faces so that outside stays outside."""
    moved = Mesh(mesh.vertices @ matrix[:3, :3].T + matrix[:3, 3], mesh.faces)
    return flip(moved) if np.linalg.det(matrix[:3, :3]) < 0 else moved


def join(meshes: Sequence[Mesh]) -> Mesh:
    """All faces in one mesh, without merging anything."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    vertices = np.concatenate([np.zeros((0, 3)), *(mesh.vertices for mesh in meshes)])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]
    return Mesh(vertices, np.concatenate([np.zeros((0, 3), np.int32), *faces]).astype(np.int32))


def drop_unused(mesh: Mesh) -> Mesh:
    """Without the vertices that no face uses; the order of the others is kept."""
    used = used_vertices(mesh)
    if used.all():
        return mesh
    return Mesh(mesh.vertices[used], (np.cumsum(used) - 1).astype(np.int32)[mesh.faces])
