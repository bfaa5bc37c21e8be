"""Labels from what a file or data set gives: numbers per polygon, clouds carried over to solids, solids by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.clean import components, merge_positions
from engine.geometry.mesh import Mesh, face_areas, volume
from engine.geometry.occupancy import surface_points
from engine.geometry.raw import FaceLabels
from engine.geometry.regions import LABELS, Regions, from_cloud, spread
from engine.storage import seed_of

AGREED = 0.9  # share of a solid's area with one label from which all of it takes that label
KEPT = 0.99  # share of the surface on which carried labels must be those of the nearest labelled point
CHECKS = 20_000  # points on the surface that tell it
MOST_SOLIDS = 32  # solids with a name of their own
REST = "rest"


@dataclass(frozen=True)
class Carried:
    """Labels of a cloud on the surface of a mesh.

    solids : number of solids that took one label as a whole; 0 when every place takes that of the nearest point
    agreement : share of the surface on which ``regions`` and the nearest labelled point of the cloud agree
    tried : the same share for labels by solids, whether or not they were taken
    """

    regions: Regions
    solids: int
    agreement: float
    tried: float


def carry(regions: Regions, mesh: Mesh, seed: int = 0, count: int = LABELS) -> Carried:
    """Labels of a cloud carried to the solids of ``mesh`` (canonical space), so that borders run between solids.

    A solid (connected component) takes one label when AGREED of its area has it; elsewhere, and everywhere when less
    than KEPT of the surface would keep the label of the nearest labelled point, that point decides.
    """
    solid, amount = components_by_place(mesh)
    if amount < 2:
        return Carried(regions, 0, 1.0, 1.0)
    areas = face_areas(mesh)
    points, face = spread(mesh, areas > 0, count, seed)
    label = regions.label_of(points).astype(np.int64)
    weight = (areas / np.maximum(np.bincount(face, minlength=len(areas)), 1))[face]
    names = len(regions.names)
    table = np.bincount(solid[face] * names + label, weight, amount * names).reshape(amount, names)
    one = table.max(1) >= AGREED * np.maximum(table.sum(1), 1e-300)
    carried = from_cloud(points, np.where(one[solid[face]], table.argmax(1)[solid[face]], label), regions.names)
    carried = Regions(carried.points, carried.label, carried.names, regions.unlabelled)
    checks = surface_points(mesh, CHECKS, np.random.default_rng(seed_of("carried labels", seed)))
    before = np.array(regions.names)[regions.label_of(checks)]
    tried = float((np.array(carried.names)[carried.label_of(checks)] == before).mean())
    if tried < KEPT or not one.any():
        return Carried(regions, 0, 1.0, tried)
    return Carried(carried, int(one.sum()), tried, tried)


def by_components(mesh: Mesh, most: int = MOST_SOLIDS) -> FaceLabels:
    """A name for each connected component, "solid 1" and on from the largest volume; beyond ``most`` they are "rest"."""
    solid, amount = components_by_place(mesh)
    order = np.argsort(solid, kind="stable")
    pieces = np.split(mesh.faces[order], np.flatnonzero(np.diff(solid[order])) + 1) if amount else []
    sizes = [abs(volume(Mesh(mesh.vertices, faces))) for faces in pieces]
    rank = np.empty(amount, np.int32)
    rank[np.argsort([-size for size in sizes], kind="stable")] = np.arange(amount)
    names = [f"solid {number}" for number in range(1, min(amount, most) + 1)]
    if amount > most:
        names.append(REST)
    return FaceLabels(tuple(names), np.minimum(rank, most)[solid] if amount else np.zeros(0, np.int32))


def components_by_place(mesh: Mesh) -> tuple[NDArray[np.int32], int]:
    """(F,) number of the connected component of each face, vertices at the same place being one; and how many."""
    if not len(mesh.faces):
        return np.zeros(0, np.int32), 0
    vertices, index = merge_positions(mesh.vertices)
    found = components(Mesh(vertices, index[mesh.faces]))
    return found, int(found.max()) + 1


def of_polygons(labels: NDArray[np.integer], polygon: NDArray[np.integer], names: Mapping[str, str]) -> FaceLabels:
    """Names of faces from a file with one number per polygon; ``polygon`` (F,) is ``Raw.polygon``.

    Polygons beyond the end of ``labels`` have no name. ``names`` as in ``named``.
    """
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
