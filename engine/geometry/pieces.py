"""What an item without named parts comes apart into: connected solids, with the hollows and crumbs that belong to them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.geometry.carry import pieces_of
from engine.geometry.mesh import Geometry, Mesh, face_areas, is_closed, join, volume
from engine.geometry.orient import containers, groups_of
from engine.geometry.raw import FaceLabels
from engine.geometry.regions import from_faces

MOST_SOLIDS = 32  # pieces with a name of their own
CRUMB = 0.003  # share of the area under which a piece is none of its own
LOST = 0.01  # cube units by which a union may fall short of its solids
FLAT = 1e-9  # cubes of the longest side: a solid with less volume is none


def in_pieces(geometry: Geometry) -> Geometry:
    """The same item with a name for each of its pieces: "solid 1" and on, from the largest area.

    The pieces are the connected solids of its surface, or of its parts where it has some; they become ``parts`` when each
    is closed, else labels on the surface. Where parts are labels on the surface already, those are its pieces.
    """
    if geometry.regions is not None and not geometry.parts:
        return geometry
    sources = list(geometry.parts.values()) or [geometry.surface]
    found = [_pieces(source) for source in sources]
    starts = np.cumsum([0, *(index.max(initial=-1) + 1 for index in found)])
    mesh = join(sources)
    labels = _named(mesh, np.concatenate([index + start for index, start in zip(found, starts, strict=False)]))
    solids = groups_of(mesh, labels.index, np.ones(len(labels.names), bool))
    if all(is_closed(solid) and volume(solid) > FLAT for solid in solids):
        complete = geometry.complete or not geometry.parts
        return replace(geometry, parts=dict(zip(labels.names, solids, strict=True)), regions=None, complete=complete)
    return geometry if geometry.parts else replace(geometry, regions=from_faces(mesh, labels))


def keeps_all(parts: Mapping[str, Mesh], united: Sequence[Mesh]) -> bool:
    """Whether what was made of meshes reaches as far as they do: of solids that go through themselves some is lost."""
    return np.allclose(join(list(parts.values())).bounds, join(united).bounds, atol=LOST)


def by_labels(geometry: Geometry, names: Mapping[str, str]) -> Geometry:
    """The item with its solid parts as labels on their surfaces, called by ``names``; nothing is united."""
    solids = list(geometry.parts.values())
    called = tuple(dict.fromkeys(names.get(name, name) for name in geometry.parts))
    index = [called.index(names.get(name, name)) for name in geometry.parts]
    faces = np.repeat(np.array(index, np.int32), [len(solid.faces) for solid in solids])
    return replace(geometry, parts={}, complete=True, regions=from_faces(join(solids), FaceLabels(called, faces)))


def by_pieces(mesh: Mesh) -> FaceLabels:
    """A name for the faces of each piece of a mesh, in any frame: "solid 1" and on, from the largest area."""
    return _named(mesh, _pieces(mesh))


def _pieces(mesh: Mesh) -> NDArray[np.int32]:
    """(F,) number of the connected piece of each face; a hollow belongs to the solid that it is in.

    A hollow is a closed piece within another one that is wound the other way.
    """
    piece, count = pieces_of(mesh)
    if count < 2:
        return piece
    solids = groups_of(mesh, piece, np.ones(count, bool))
    volumes = np.array([volume(solid) if is_closed(solid) else 0.0 for solid in solids])
    if (volumes >= 0).all() or (volumes <= 0).all():
        return piece
    owner: NDArray[np.int32] = np.arange(count, dtype=np.int32)
    for k, outer in enumerate(containers(solids)):
        if outer >= 0 and volumes[k] * volumes[outer] < 0:
            owner[k] = outer
    return owner[piece].astype(np.int32)


def _named(mesh: Mesh, piece: NDArray[np.int32]) -> FaceLabels:
    """Names for pieces (F,); crumbs, and all beyond MOST_SOLIDS, go to the nearest other piece by their boxes."""
    if not len(mesh.faces):
        return FaceLabels((), np.zeros(0, np.int32))
    numbers, index = np.unique(piece, return_inverse=True)
    areas = np.bincount(index, face_areas(mesh), len(numbers))
    low, high = np.full((len(numbers), 3), np.inf), np.full((len(numbers), 3), -np.inf)
    corners = mesh.triangles
    np.minimum.at(low, index, corners.min(1))
    np.maximum.at(high, index, corners.max(1))
    order = np.argsort(-areas, kind="stable")
    large = order[: max(1, min(MOST_SOLIDS, int((areas >= CRUMB * areas.sum()).sum())))]
    rank = np.empty(len(numbers), np.int32)
    rank[large] = np.arange(len(large))
    for k in order[len(large) :]:
        apart = np.linalg.norm(np.maximum(0, np.maximum(low[large] - high[k], low[k] - high[large])), axis=1)
        middles = np.linalg.norm((low[large] + high[large] - low[k] - high[k]) / 2, axis=1)
        rank[k] = np.lexsort((middles, apart))[0]
    return FaceLabels(tuple(f"solid {number}" for number in range(1, len(large) + 1)), rank[index].astype(np.int32))
