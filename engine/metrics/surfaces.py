"""Surface points of items and of decoded shapes: what is measured of them, drawn anew from a seed and the shape's name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from trimesh import Trimesh
from trimesh.sample import sample_surface

from engine.errors import EmptyShapeError
from engine.geometry.mesh import Geometry, Mesh, join
from engine.geometry.occupancy import surface_points
from engine.geometry.regions import part_meshes_of
from engine.method import Field
from engine.parts.pose import PosedField
from engine.settings import ProtocolSettings
from engine.storage import seed_of

Cloud = NDArray[np.float64]
TRIES = 50  # of drawing points where nearly all lie inside other parts


@dataclass(frozen=True)
class Surface:
    """Points on one shape, in canonical space.

    whole : (P, 3) on its outer surface
    parts : (Q, 3) on the whole surface of each part that it has, by name; copies of a part belong to the part
    """

    whole: Cloud
    parts: Mapping[str, Cloud]


def item_surface(name: str, geometry: Geometry, protocol: ProtocolSettings) -> Surface:
    """Points of an item, from its own mesh. Raises MeshError when it has no area."""
    parts = {
        part: surface_points(mesh, protocol.part_points, _stream(protocol, name, part))
        for part, mesh in part_meshes_of(geometry).items()
    }
    return Surface(surface_points(geometry.surface, protocol.points, _stream(protocol, name, "")), parts)


def shape_surface(
    name: str, solids: Mapping[str, Mesh], field: Field, level: float, protocol: ProtocolSettings
) -> Surface:
    """Points of a decoded shape: its solids by part ("" without parts) and the field that they come from."""
    together: dict[str, list[Mesh]] = {}
    for part, mesh in by_part(solids, field):
        together.setdefault(part, []).append(mesh)
    parts = {
        part: surface_points(join(meshes), protocol.part_points, _stream(protocol, name, part))
        for part, meshes in together.items()
        if part
    }
    return Surface(outer_points(solids, field, level, protocol.points, _stream(protocol, name, ""))[0], parts)


def cloud_surface(name: str, cloud: NDArray[np.float32], protocol: ProtocolSettings) -> Surface:
    """Some of the points of a cloud (P, 3), as many as the protocol asks for; they are taken to lie on its surface."""
    some = _stream(protocol, name, "").permutation(len(cloud))[: protocol.points]
    return Surface(cloud[np.sort(some)].astype(np.float64), {})


def by_part(solids: Mapping[str, Mesh], field: Field) -> list[tuple[str, Mesh]]:
    """The solids of a decoded shape, each with the part that it is, or is a copy of, whatever the copy is called."""
    owner = field.part_of if isinstance(field, PosedField) else {}
    return [(owner.get(name, name), mesh) for name, mesh in solids.items()]


def outer_points(
    solids: Mapping[str, Mesh], field: Field, level: float, count: int, generator: np.random.Generator
) -> tuple[Cloud, Cloud]:
    """(count, 3) points and their unit normals on the outer surface of a union of solids, even over its area.

    What lies inside another part, where that part's logit is above ``level``, is drawn again. EmptyShapeError when there
    is no surface.
    """
    meshes = [mesh for mesh in solids.values() if len(mesh.faces)]
    names = [name for name, mesh in solids.items() if len(mesh.faces)]
    if not meshes:
        raise EmptyShapeError("the field has no inside anywhere in the cube")
    surface = Trimesh(join(meshes).vertices, join(meshes).faces, process=False)
    starts = np.cumsum([len(mesh.faces) for mesh in meshes])
    points, normals, have = [], [], 0
    for _ in range(TRIES):
        some, face = sample_surface(surface, count, seed=generator)
        outer = _outside_others(np.asarray(some), np.searchsorted(starts, face, side="right"), names, field, level)
        points.append(np.asarray(some)[outer])
        normals.append(surface.face_normals[face[outer]])
        have += int(outer.sum())
        if have >= count:
            return np.concatenate(points)[:count], np.concatenate(normals)[:count]
    raise EmptyShapeError("nearly all of the surface lies inside the shape; look at it, its parts hide one another")


def _outside_others(
    points: Cloud, part: NDArray[np.int64], names: Sequence[str], field: Field, level: float
) -> NDArray[np.bool_]:
    """(P,) whether points on the parts ``part`` (P,) of ``names`` are inside none of the other parts."""
    outside = np.ones(len(points), bool)
    for number, name in enumerate(names) if len(names) > 1 else ():
        others = np.flatnonzero(outside & (part != number))
        with torch.no_grad():
            logits = field.part(name)(torch.from_numpy(points[others].astype(np.float32)))
        outside[others] = logits.cpu().numpy() <= level
    return outside


def _stream(protocol: ProtocolSettings, name: str, part: str) -> np.random.Generator:
    return np.random.default_rng(seed_of("surface", protocol.seed, name, part))
