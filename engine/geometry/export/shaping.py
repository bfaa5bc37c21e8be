"""What an export changes about a mesh: smoothing, fewer faces, normals and UVs."""

import igl
import numpy as np
import xatlas
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, diags

from engine.errors import MeshError
from engine.geometry.clean import clean
from engine.geometry.export.scene import PerCorner
from engine.geometry.mesh import Mesh, is_watertight, volume
from engine.geometry.solids import union

FORWARD, BACK = 0.5, -0.53  # steps of a pass (Taubin 1995, lambda and mu: 1/lambda + 1/mu = 0.11 passes unchanged)
LEAST = 4  # faces of the smallest closed surface
ATLAS = 1000.0  # longest side while unwrapping: xatlas leaves out faces with an area below 1e-7, whatever the unit
SHRUNK = 0.03  # share of the volume that smoothing may take without a word
LOST = 0.05  # share of the volume that fewer faces may take without a word
OFF = 0.02  # share by which a face budget may be missed


def all_smoothed(meshes: dict[str, Mesh], passes: int) -> tuple[dict[str, Mesh], tuple[str, ...]]:
    """Meshes smoothed, and notes on those of which it took more than steps and noise, in words."""
    done, notes = {}, []
    for name, mesh in meshes.items():
        solid = clean(mesh)
        done[name] = smoothed(solid, passes)
        if is_watertight(solid) and (gone := 1 - volume(done[name]) / volume(solid)) > SHRUNK:
            words = f"smoothing took {gone:.0%} of the volume of {name!r}, whose faces are too large for that"
            notes.append(f"{words}; ask for fewer passes")
    return done, tuple(notes)


def smoothed(mesh: Mesh, passes: int) -> Mesh:
    """Steps and noise evened out without shrinking (Taubin, A signal processing approach to fair surface design, 1995).

    Each pass moves every vertex towards the mean of its neighbours and then back by slightly more. Faces stay.
    """
    count = len(mesh.vertices)
    start, end = mesh.faces.ravel(), mesh.faces[:, [1, 2, 0]].ravel()
    links = coo_matrix((np.ones(2 * len(start)), (np.r_[start, end], np.r_[end, start])), (count, count)).tocsr()
    links.data[:] = 1
    degree = np.asarray(links.sum(1)).ravel()
    mean = diags(1 / np.maximum(degree, 1)) @ links
    alone = degree == 0
    points = mesh.vertices
    for _ in range(passes):
        for step in (FORWARD, BACK):
            points = points + step * np.where(alone[:, None], 0, mean @ points - points)
    return Mesh(points, mesh.faces)


def within_budget(meshes: dict[str, Mesh], budget: int) -> tuple[dict[str, Mesh], tuple[str, ...]]:
    """Meshes with ``budget`` faces in all, within 2 %, shared out by their present faces; and notes in words.

    Edges are collapsed by quadric error (Garland and Heckbert 1997, by libigl), which keeps closed surfaces closed.
    Raises MeshError: a mesh is not closed and manifold, or the budget cannot be met.
    """
    present = sum(len(mesh.faces) for mesh in meshes.values())
    if present <= budget:
        return meshes, (f"the shape has {present:,} faces, no more than the {budget:,} asked for; none were added",)
    if budget < LEAST * len(meshes):
        raise MeshError(
            f"a budget of {budget:,} faces is too small: {len(meshes)} closed objects need at least "
            f"{LEAST * len(meshes)}; ask for more, or for the union"
        )
    wanted = _shares({name: len(mesh.faces) for name, mesh in meshes.items()}, budget)
    done = {name: _decimated(name, mesh, wanted[name]) for name, mesh in meshes.items()}
    reached = sum(len(mesh.faces) for mesh in done.values())
    if abs(reached - budget) > max(OFF * budget, 1):  # a closed surface has an even number of faces
        raise MeshError(
            f"a budget of {budget:,} faces was asked for and {reached:,} were reached; collapsing more edges would tear "
            "the surface: ask for more faces"
        )
    before, after = (sum(abs(volume(mesh)) for mesh in group.values()) for group in (meshes, done))
    gone = 1 - after / before if before else 0.0
    words = f"with {reached:,} faces it has {gone:.0%} less volume than with {present:,}; ask for more to keep its form"
    return done, (words,) if gone > LOST else ()


def _shares(faces: dict[str, int], budget: int) -> dict[str, int]:
    """An even number of faces for each mesh, LEAST or more, in proportion to those it has, ``budget`` or one less in all."""
    pairs, total = budget // 2 - LEAST // 2 * len(faces), sum(faces.values())
    sums = np.floor(np.cumsum([0, *faces.values()]) / total * pairs + 0.5).astype(int)
    return {name: LEAST + 2 * int(more) for name, more in zip(faces, np.diff(sums), strict=True)}


def _decimated(name: str, mesh: Mesh, faces: int) -> Mesh:
    solid = clean(mesh)
    if not is_watertight(solid):
        raise MeshError(
            f"{name!r} is not closed, and only closed surfaces are given fewer faces; export it with all its faces, or "
            "repair it first"
        )
    if faces >= len(solid.faces):
        return solid
    solid = union([solid])  # manifold: vertices where surfaces merely touch are doubled
    points, corners, *_ = igl.qslim(np.asfortranarray(solid.vertices), np.asfortranarray(solid.faces), faces, False)
    found = Mesh(np.ascontiguousarray(points), np.ascontiguousarray(corners, np.int32))
    if not len(found.faces) or not is_watertight(found) or not np.isfinite(found.vertices).all():
        raise MeshError(f"{name!r} does not stay closed with {faces:,} faces; ask for more")
    return found


def smooth_normals(mesh: Mesh) -> PerCorner:
    """(V, 3) unit normals of vertices, faces weighted by area."""
    normal = _crossed(mesh)
    corners, count = mesh.faces.ravel(), len(mesh.vertices)
    total: NDArray[np.float64] = np.stack(
        [1.0 * np.bincount(corners, normal[:, axis].repeat(3), count) for axis in range(3)], 1
    )
    return PerCorner(_unit(total), mesh.faces)


def flat_normals(mesh: Mesh) -> PerCorner:
    """(F, 3) unit normals of faces."""
    index = np.arange(len(mesh.faces), dtype=np.int32)[:, None].repeat(3, 1)
    return PerCorner(_unit(_crossed(mesh)), index)


def unwrapped(mesh: Mesh) -> PerCorner:
    """UVs of a mesh in one atlas, 0..1, without overlaps (xatlas). Seconds for 10,000 faces.

    Raises MeshError when the mesh cannot be unwrapped.
    """
    low, high = mesh.bounds
    points = (mesh.vertices - low) * (ATLAS / max(float((high - low).max()), 1e-300))
    place, corners, uvs = xatlas.parametrize(np.ascontiguousarray(points, np.float32), mesh.faces)
    if not np.array_equal(place[corners], mesh.faces) or not np.isfinite(uvs).all():
        raise MeshError("the surface cannot be unwrapped into UVs; export it without them")
    return PerCorner(uvs.astype(np.float64), corners.astype(np.int32))


def _crossed(mesh: Mesh) -> NDArray[np.float64]:
    """(F, 3) normals of faces, twice as long as their area."""
    a, b, c = mesh.triangles.swapaxes(0, 1)
    return np.cross(b - a, c - a)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors; +Y where there is no direction."""
    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(size > 0, vectors / np.maximum(size, 1e-300), [0.0, 1.0, 0.0])
