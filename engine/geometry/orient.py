"""Faces turned so that their fronts look outwards, patch by patch, whatever the file said."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.canonical import inside_out
from engine.geometry.inside import inside
from engine.geometry.mesh import Mesh, drop_unused, volume
from engine.geometry.patches import closed_groups, consistent, wound
from engine.geometry.visible import seen_from_back

PROBES = 24  # vertices of a solid that must all lie inside another one


@dataclass(frozen=True)
class Oriented:
    """A mesh in groups of faces that are wound alike and look outwards.

    group : (F,) int32, number of the group of each face: a closed solid or an open patch
    closed : (K,) bool, which groups bound a volume of their own
    seen : (F,) float64, the share of rays that get away from the better side of the face's patch; 1 for closed ones
    turned : share of the faces whose winding was changed
    hollows : number of closed groups that bound a hollow
    """

    mesh: Mesh
    group: NDArray[np.int32]
    closed: NDArray[np.bool_]
    seen: NDArray[np.float64]
    turned: float
    hollows: int


def orient(mesh: Mesh, trusted: bool = True) -> Oriented:
    """Faces of every patch wound alike, and each patch turned outwards; always the same for the same mesh.

    Closed groups: outwards by volume, except hollows: a group inside another one and wound the other way, in a file
    whose winding is ``trusted``. Open patches: the side that is better seen from outside becomes the front; they stay
    as they came when neither is.
    """
    alike, patch = consistent(mesh)
    group, closed = closed_groups(alike, patch)
    flips = np.zeros(len(closed), bool)
    seen, hollows = np.ones(len(mesh.faces)), 0
    if closed.any():
        flips, hollows = _solids_to_flip(alike, group, closed, trusted)
    if not closed.all():
        turn, shown = seen_from_back(alike, group, ~closed)
        flips, seen = flips | turn, shown[group]
    faces = wound(alike.faces, flips[group])
    result = Mesh(mesh.vertices, faces)
    if flips[~closed].any():  # patches may close each other now
        group, closed = closed_groups(result, group)
        seen = np.where(closed[group], 1.0, seen)
    turned = float((faces[:, 1] != mesh.faces[:, 1]).mean())
    return Oriented(result, group, closed, seen, turned, hollows)


def as_it_came(mesh: Mesh) -> Oriented:
    """The same mesh in its groups, turned over as a whole where it is inside out; what is seen is not measured."""
    alike, patch = consistent(mesh)
    group, closed = closed_groups(alike, patch)
    turned = np.bincount(group, alike.faces[:, 1] != mesh.faces[:, 1]) > 0
    back = inside_out(mesh)
    faces = wound(mesh.faces, np.full(len(mesh.faces), back))
    return Oriented(Mesh(mesh.vertices, faces), group, closed & ~turned, np.ones(len(faces)), float(back), 0)


def groups_of(mesh: Mesh, group: NDArray[np.int32], wanted: NDArray[np.bool_]) -> list[Mesh]:
    """The groups that ``wanted`` (K,) marks as meshes of their own, in order of number."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(wanted) + 1))
    return [
        drop_unused(Mesh(mesh.vertices, mesh.faces[order[starts[k] : starts[k + 1]]])) for k in np.flatnonzero(wanted)
    ]


def containers(solids: list[Mesh]) -> list[int]:
    """For each closed solid the number of the smallest larger one that it lies in as a whole, or -1."""
    sizes = np.array([abs(volume(solid)) for solid in solids])
    boxes = np.array([solid.bounds for solid in solids]).reshape(-1, 2, 3)
    result = []
    for k, solid in enumerate(solids):
        within = (boxes[:, 0] <= boxes[k, 0]).all(1) & (boxes[:, 1] >= boxes[k, 1]).all(1) & (sizes > sizes[k])
        probes = solid.vertices[np.linspace(0, len(solid.vertices) - 1, min(PROBES, len(solid.vertices))).astype(int)]
        found = (int(j) for j in np.flatnonzero(within)[np.argsort(sizes[within])] if inside(solids[j], probes).all())
        result.append(next(found, -1))
    return result


def _solids_to_flip(
    mesh: Mesh, group: NDArray[np.int32], closed: NDArray[np.bool_], trusted: bool
) -> tuple[NDArray[np.bool_], int]:
    """(K,) which closed groups are to be turned over, and how many of them bound hollows."""
    solids = groups_of(mesh, group, closed)
    was = np.array([volume(solid) >= 0 for solid in solids])
    outwards = np.ones(len(solids), bool)
    if trusted and len(solids) > 1:
        inner = containers(solids)
        for k in np.argsort([-abs(volume(solid)) for solid in solids]):
            if inner[k] >= 0:  # within a solid: a hollow if wound the other way; within a hollow: always a solid
                outwards[k] = not outwards[inner[k]] or was[k] == was[inner[k]]
    flips = np.zeros(len(closed), bool)
    flips[np.flatnonzero(closed)] = was != outwards
    return flips, int((~outwards).sum())
