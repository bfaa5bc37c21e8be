"""Mesh files in (through trimesh), and the clean-up that makes a mesh usable: merged vertices, no twins, no slivers."""

from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from engine.errors import MeshError
from engine.geometry.mesh import (
    Geometry,
    Mesh,
    directed_edges,
    drop_unused,
    face_areas,
    is_closed,
    join,
    transform,
    volume,
)
from engine.geometry.solids import union

FORMATS = (".obj", ".off", ".stl", ".ply", ".glb")
OPTIONS: dict[str, dict[str, Any]] = {
    ".obj": {"split_objects": True, "group_material": False, "skip_materials": True, "maintain_order": True},
    ".glb": {"skip_materials": True},
}


def read(path: Path) -> Geometry:
    """Cleaned mesh of an OBJ, OFF, STL, PLY or GLB file, in the file's own coordinates (``to_source`` is the identity).

    Named objects or scene nodes become parts when there are several and each is a closed solid; the surface is then
    their union. Raises MeshError: no such file, unknown extension, unreadable, no faces, coordinates not finite.
    """
    if path.suffix.lower() not in FORMATS:
        raise MeshError(f"{path}: unknown mesh format {path.suffix!r}; known formats: {', '.join(FORMATS)}")
    if not path.is_file():
        raise MeshError(f"{path}: there is no such file")
    pieces = {name: _checked(path, name, mesh) for name, mesh in load_pieces(path).items()}
    if not pieces:
        raise MeshError(f"{path}: the file holds no faces that can be read; is it a point cloud, or cut short?")
    solids = {name: clean(mesh) for name, mesh in pieces.items()}
    if len(solids) > 1 and all(is_closed(solid) and volume(solid) != 0 for solid in solids.values()):
        try:
            return Geometry(union(list(solids.values())), solids)
        except MeshError as error:
            note = f"parts could not be united ({error}), so walls between them count as surface"
            surface = join(list(solids.values()))
            return Geometry(surface, solids, closed=is_closed(surface), notes=(note,))
    surface = clean(join(list(pieces.values())))
    if not len(surface.faces):
        raise MeshError(f"{path}: all {sum(len(m.faces) for m in pieces.values())} faces have zero area")
    return Geometry(surface, closed=is_closed(surface))


def clean(mesh: Mesh) -> Mesh:
    """Vertices merged by exact position; no twin faces, no zero-area faces, no unused vertices.

    Zero-area faces with three different corners stay when a closed mesh would be opened without them.
    """
    vertices, index = _merge_positions(mesh.vertices)
    faces = index[mesh.faces]
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    merged = _drop_twins(Mesh(vertices, faces))
    thin = face_areas(merged) == 0
    if thin.any():
        without = Mesh(vertices, merged.faces[~thin])
        if not is_closed(merged) or is_closed(without):
            merged = without
    return drop_unused(merged)


def load_pieces(path: Path) -> dict[str, Mesh]:
    """Meshes of a file by name of node or object, exactly as stored. Raises MeshError when it cannot be read."""
    kind = path.suffix.lower()
    try:
        scene = trimesh.load_scene(path, process=False, **OPTIONS.get(kind, {}))
    except Exception as error:  # readers of broken files raise anything; the cause is kept and shown
        reason = " ".join(str(error).split())[:200]
        raise MeshError(f"{path}: cannot be read as {kind[1:].upper()} ({reason or type(error).__name__})") from error
    meshes: dict[str, Mesh] = {}
    order = list(scene.geometry)  # of the file for GLB; this reader takes the objects of an OBJ from last to first
    rank = {name: -place if kind == ".obj" else place for place, name in enumerate(order)}
    for node in sorted(scene.graph.nodes_geometry, key=lambda node: rank[scene.graph[node][1]]):
        matrix, name = scene.graph[node]
        piece = scene.geometry[name]
        if isinstance(piece, trimesh.Trimesh) and len(piece.faces):
            if np.shape(piece.vertices)[1:] != (3,):
                raise MeshError(f"{path}: the vertices of {name!r} do not have three coordinates")
            raw = Mesh(np.array(piece.vertices, np.float64), np.array(piece.faces, np.int32))
            meshes[str(node)] = transform(raw, np.array(matrix, np.float64))
    return meshes


def _checked(path: Path, name: str, mesh: Mesh) -> Mesh:
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        raise MeshError(f"{path}: a face of {name!r} names a vertex that does not exist")
    mesh = drop_unused(mesh)
    if not np.isfinite(mesh.vertices).all():
        raise MeshError(f"{path}: {name!r} has coordinates that are not finite numbers (NaN or infinity)")
    return mesh


def _merge_positions(vertices: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Unique positions in order of first use, and for each vertex the number of its position."""
    keys = np.ascontiguousarray(vertices + 0.0)  # -0.0 becomes 0.0, so that both compare equal as bytes
    _, first, index = np.unique(keys.view("V24").ravel(), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return keys[first[order]], rank[index].astype(np.int32)


def _drop_twins(mesh: Mesh) -> Mesh:
    """One face of each set with the same three vertices.

    Twins of opposite winding are either a two-sided sheet (one stays) or the shared wall of two solids (none may stay,
    or the wall would count as surface): both go where the rest of their connected component is closed without them.
    """
    corners = np.sort(mesh.faces, axis=1).astype(np.int64)
    _, first, index, count = np.unique(corners, axis=0, return_index=True, return_inverse=True, return_counts=True)
    if len(first) == len(mesh.faces):
        return mesh
    index = index.ravel()
    turns = np.where(_even_order(mesh.faces), 1, -1)
    balance = np.bincount(index, turns)
    keep = np.zeros(len(mesh.faces), bool)
    keep[first] = True
    walls = keep & ((count > 1) & (balance == 0))[index]
    if walls.any():
        component = _components(mesh)
        rest = keep & ~walls
        good = np.zeros(component.max() + 1, bool)
        good[np.unique(component[rest])] = True
        good[component[rest][_unbalanced(Mesh(mesh.vertices, mesh.faces[rest]))]] = False
        keep &= ~(walls & good[component])
    return Mesh(mesh.vertices, mesh.faces[keep])


def _even_order(faces: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(F,) True where the corners are a cyclic shift of ascending order."""
    a, b, c = faces.T
    return ((a < b) & (b < c)) | ((b < c) & (c < a)) | ((c < a) & (a < b))


def _components(mesh: Mesh) -> NDArray[np.int32]:
    """(F,) number of the vertex-connected component of every face."""
    a, b, c = mesh.faces.T
    links = coo_matrix((np.ones(2 * len(a), bool), (np.r_[a, b], np.r_[b, c])), shape=(len(mesh.vertices),) * 2)
    return connected_components(links, directed=False)[1][a]


def _unbalanced(mesh: Mesh) -> NDArray[np.bool_]:
    """(F,) True for faces with an edge that is not passed as often one way as the other."""
    forward, count = directed_edges(mesh), len(mesh.vertices)
    start, end = forward // count, forward % count
    _, edge = np.unique(np.minimum(start, end) * count + np.maximum(start, end), return_inverse=True)
    balance = np.bincount(edge, np.where(start < end, 1, -1))
    return (balance[edge] != 0).reshape(-1, 3).any(1)
