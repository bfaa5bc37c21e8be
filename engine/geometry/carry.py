"""Labels from what a file or data set gives: numbers per polygon, clouds carried over to solids."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.errors import MeshError
from engine.geometry.canonical import LONGEST_SIDE
from engine.geometry.clean import components, merge_positions
from engine.geometry.inside import inside
from engine.geometry.mesh import Geometry, Mesh, drop_unused, face_areas, is_closed, join, volume
from engine.geometry.occupancy import surface_points
from engine.geometry.raw import FaceLabels
from engine.geometry.regions import LABELS, Regions, from_cloud, spread
from engine.geometry.rename import rename
from engine.geometry.separate import separate
from engine.storage import seed_of

AGREED = 0.9  # share of a solid's area with one label from which all of it takes that label
KEPT = 0.99  # share of the surface on which carried labels must be those of the nearest labelled point
SHORT = 1e-3  # cube units before the surface: inside there means that another solid hides the place
BURIED = 1e-6  # what hidden places weigh, since labels of the surface say little of them
MISCOUNT = 0.1  # share of the polygons by which a label file may be too long or too short
CHECKS = 20_000  # points on the surface that tell it
FAR, ELSEWHERE = 0.04, 0.3  # of the longest side; share of a cloud so far off from which it is not of this surface


@dataclass(frozen=True)
class Carried:
    """An item with the labels of a cloud.

    geometry : with ``parts`` where every solid took one label, else with ``regions``
    solids : number of solids that took one label as a whole; 0 when every place takes that of the nearest point
    agreement : share of the surface on which it and the nearest labelled point of the cloud agree
    tried : the same share for labels by solids, whether or not they were taken
    """

    geometry: Geometry
    solids: int
    agreement: float
    tried: float


def carry(geometry: Geometry, regions: Regions, seed: int = 0) -> Carried:
    """An item with the labels of a cloud (canonical space), so that borders run between solids where they can.

    The solids are the item's own parts, whose names are replaced, or else the connected pieces of its surface. A solid
    takes one label when AGREED of its outer area has it. Elsewhere, and everywhere when less than KEPT of the surface would
    keep the label of the nearest labelled point or a name would be lost, that point decides. Raises MeshError for a cloud
    that does not lie on the surface: it is of another shape, or turned otherwise.
    """
    checks = surface_points(geometry.surface, CHECKS, np.random.default_rng(seed_of("carried labels", seed)))
    off = float((cKDTree(checks).query(regions.points)[0] > FAR * LONGEST_SIDE).mean())
    if off > ELSEWHERE:
        raise MeshError(
            f"{off:.0%} of the labelled points lie off this surface, so they are of another shape of the same name, or "
            "turned otherwise; import them apart from each other"
        )
    solids = list(geometry.parts.values()) or solids_of(geometry.surface)
    plain = replace(geometry, parts={}, regions=regions, complete=True)
    if len(solids) < 2:
        return Carried(plain, 0, 1.0, 1.0)
    mesh = join(solids)
    areas = face_areas(mesh)
    points, face = spread(mesh, areas > 0, LABELS, seed)
    solid = np.repeat(np.arange(len(solids)), [len(part.faces) for part in solids])
    label = regions.label_of(points).astype(np.int64)
    weight = (areas / np.maximum(np.bincount(face, minlength=len(areas)), 1))[face]
    weight *= np.where(inside(geometry.surface, points + SHORT * unit_normals(mesh)[face]), BURIED, 1)
    size = (len(solids), len(regions.names))
    table = np.bincount(solid[face] * size[1] + label, weight, size[0] * size[1]).reshape(size)
    one, most = table.max(1) >= AGREED * np.maximum(table.sum(1), 1e-300), table.argmax(1)
    found = from_cloud(points, np.where(one[solid[face]], most[solid[face]], label), regions.names)
    tried = float((found.names_at(checks) == regions.names_at(checks)).mean())
    if tried < KEPT or not one.any() or len(found.names) < len(regions.names):
        return Carried(plain, 0, 1.0, tried)
    if one.all() and all(is_closed(part) and volume(part) > 0 for part in solids):
        order = np.argsort(most, kind="stable").tolist()
        apart = replace(geometry, parts={str(k): solids[k] for k in order}, regions=None)
        named_solids = rename(apart, {str(k): regions.names[most[k]] for k in order})
        return Carried(named_solids, len(solids), tried, tried)
    found = Regions(found.points, found.label, found.names, regions.unlabelled)
    return Carried(replace(plain, regions=found), int(one.sum()), tried, tried)


def unit_normals(mesh: Mesh) -> NDArray[np.float64]:
    """(F, 3) unit normals of the faces; zero for faces without an area."""
    a, b, c = mesh.triangles.swapaxes(0, 1)
    normal = np.cross(b - a, c - a)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)


def solids_of(mesh: Mesh) -> list[Mesh]:
    """The connected pieces of a mesh as meshes of their own; solids of a closed mesh that only touch come apart."""
    piece, amount = pieces_of(mesh)
    order = np.argsort(piece, kind="stable")
    ends = np.cumsum(np.bincount(piece, minlength=amount))
    return [drop_unused(Mesh(mesh.vertices, faces)) for faces in np.split(mesh.faces[order], ends[:-1]) if len(faces)]


def pieces_of(mesh: Mesh) -> tuple[NDArray[np.int32], int]:
    """(F,) number of the connected piece of each face, vertices at the same place being one; and how many.

    Solids of a closed mesh that only touch each other are different pieces.
    """
    if not len(mesh.faces):
        return np.zeros(0, np.int32), 0
    vertices, index = merge_positions(mesh.vertices)
    merged = Mesh(vertices, index[mesh.faces])
    found = components(separate(merged) if is_closed(merged) else merged)
    return found, int(found.max()) + 1


def of_polygons(labels: NDArray[np.integer], polygon: NDArray[np.integer], names: Mapping[str, str]) -> FaceLabels:
    """Names of faces from a file with one number per polygon; ``polygon`` (F,) is ``Raw.polygon``.

    Polygons beyond the end of ``labels`` have no name. ``names`` as in ``named``. Raises MeshError when the counts differ by
    more than polygons that were left out can explain: then the labels are of another mesh.
    """
    count = int(polygon.max(initial=-1)) + 1
    if abs(len(labels) - count) > MISCOUNT * count:
        raise MeshError(f"there are {len(labels):,} labels for {count:,} faces, so they are of another mesh")
    found, index = named(labels, names)
    known = polygon < len(labels)
    return FaceLabels(found, np.where(known, index[np.where(known, polygon, 0)], -1).astype(np.int32))


def named(labels: NDArray[np.integer], names: Mapping[str, str]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Names for the numbers of a label file, in order of number, and (N,) each one's place in them, -1 for none.

    names : number as text -> name; numbers that are not in it become "part N". Negative numbers mean no label, and so
        does 0 where the names do not start there.
    """
    numbers, index = np.unique(labels, return_inverse=True)
    none = [number < 0 or (number == 0 and bool(names) and "0" not in names) for number in numbers.tolist()]
    found = [names.get(str(number), f"part {number}") for number in numbers[~np.array(none, bool)].tolist()]
    chosen = tuple(dict.fromkeys(found))
    places = iter([chosen.index(name) for name in found])
    return chosen, np.array([-1 if no else next(places) for no in none], np.int32)[index.ravel()]
