"""One mesh carried from surface to surface, so that a film of shapes is one mesh whose vertices move.

Each vertex goes along the field by Newton steps, x <- x - f(x) grad f / |grad f|^2, until it lies on the next surface;
between the steps it slides along the surface towards the middle of its neighbours, which keeps the triangles even. What
comes out is measured against the next surface's own mesh, and is good or not: nothing here decides by eye.

Limits. The triangles stay the same ones, so shells and handles must too; see `topology`. A vertex finds the nearest zero
downhill: where a feature moves by more than its own thickness between two frames while the rest stays, or grows out of
nothing, vertices are left behind or fold over, which `misfit` tells. A part that moves as a whole may go any distance,
since the best affine motion of the whole is followed first. Creases sharper than the triangles are bridged by them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import igl
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.spatial import cKDTree
from torch import Tensor

from engine.errors import MeshError
from engine.geometry.blocks import CHUNK
from engine.geometry.clean import components
from engine.geometry.export.shaping import smooth_normals
from engine.geometry.mesh import Mesh, face_areas
from engine.protocol import Progress, Stage

Field = Callable[[Tensor], Tensor]
Points = NDArray[np.float64]

MATCHES = 12  # rounds in which the best motion of the whole is looked for
PAIRS = 2000  # pairs of points that it is found from, in each direction; twice as many say how near it brings
AT_ONCE = 20_000  # points whose distances are measured between two events
STAY = 0.2  # weight of the way to the nearest point beside that of the distance along its normal
ROUNDS = 10  # of sliding and one Newton step each
UNFOLD = 12  # rounds at most in which faces that look inwards are smoothed out
UNBEND = 0.7  # share of the way to the middle of the neighbours that their corners go
POLISH = 6  # Newton steps after the last slide
DAMPING = 0.9  # share of a Newton step that is made
LONGEST = 1.0  # voxels that one step may go
SLIDE = 0.5  # share of the way to the middle of the neighbours
PULL = 1.0  # share of the way to the middle of the part of the goal that is nearest
EVEN = 4  # passes in which neighbours even out how they are pulled
SIDES = 4.0  # voxels that turning round counts for in "nearest", so that the two sides of a sheet are told apart
EDGE = 0.75  # length of the mean unit normal of a vertex's faces below which it lies on a sharp edge and does not slide
REACH = 0.25  # voxels from a point to those between which the field's slope is measured
STENCIL = np.array(
    [[0, 0, 0], [1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float64
)  # a point and a tetrahedron
COLLAPSED = 1e-4  # of the mean area, below which a face is gone


@dataclass(frozen=True)
class Misfit:
    """How a carried mesh differs from the surface that it should be.

    error : largest distance between the two surfaces, measured both ways at vertices and middles of faces, in voxels
    flipped : faces that look into the solid
    collapsed : faces without area to speak of
    faces : of how many
    """

    error: float
    flipped: int
    collapsed: int
    faces: int


def topology(mesh: Mesh) -> tuple[int, ...]:
    """Euler characteristic of each shell of a closed mesh, sorted: 2 for a ball, 0 with one handle, -2 with two."""
    if not len(mesh.faces):
        return ()
    of_face = components(mesh)
    found = []
    for shell in range(int(of_face.max()) + 1):
        faces = mesh.faces[of_face == shell]
        found.append(len(np.unique(faces)) - len(faces) // 2)  # V - E + F with E = 3F / 2
    return tuple(sorted(found))


def carry(mesh: Mesh, field: Field, goal: Mesh, resolution: int) -> Stage[Mesh]:
    """``mesh`` moved onto the surface of ``field``; the same faces.

    goal : the field's own mesh, which says where its box is
    resolution : of both meshes, see surface.extract. Raises MeshError when the field gives NaN.
    """
    voxel = 1 / (resolution - 1)
    points = yield from followed(mesh, goal)
    middle = _middles(mesh)
    outline = goal.vertices, smooth_normals(goal).values
    for _ in range(ROUNDS):
        values, slopes = yield from _slope(field, points, voxel)
        points = points + _newton(values, slopes, voxel)
        points = points + _slides(Mesh(points, mesh.faces), middle, slopes)
        pulls = _pulls(points, slopes, *outline, voxel)
        for _ in range(EVEN):
            pulls = (pulls + middle @ pulls) / 2
        points = points + pulls
    for _ in range(UNFOLD):
        values, slopes = yield from _slope(field, points, voxel)
        points = points + _newton(values, slopes, voxel)
        folded = np.unique(mesh.faces[_inward(Mesh(points, mesh.faces), slopes[mesh.faces].sum(1))])
        if not len(folded):
            break
        points[folded] += UNBEND * (middle @ points - points)[folded]
    moving = np.arange(len(points))
    for _ in range(POLISH):
        values, slopes = yield from _slope(field, points[moving], voxel)
        step = _newton(values, slopes, voxel)
        points[moving] += step
        moving = moving[np.linalg.norm(step, axis=1) > 0.01 * voxel]
        if not len(moving):
            break
    return Mesh(points, mesh.faces)


def followed(mesh: Mesh, goal: Mesh) -> Stage[Points]:
    """(V, 3) vertices moved, turned and stretched as a whole towards ``goal``, as far as that brings them nearer.

    The box is followed first, then the best affine motion, by iterated closest points (Besl and McKay 1992).
    """
    (low, high), (new_low, new_high) = mesh.bounds, goal.bounds
    stretched = (mesh.vertices - low) * ((new_high - new_low) / np.maximum(high - low, 1e-12)) + new_low
    starts = [mesh.vertices.copy(), stretched]
    ways = list(starts)
    for points in starts:
        ways.append((yield from _fitted(Mesh(points, mesh.faces), goal)))
    far, some = [], slice(None, None, 1 + len(mesh.vertices) // (2 * PAIRS))
    for points in ways:
        far.append(float(distances(points[some], goal).mean()))
        yield Progress(stage="carry", done=0, total=0)
    return ways[int(np.argmin(far))]


def _fitted(mesh: Mesh, goal: Mesh) -> Stage[Points]:
    """(V, 3) vertices after the affine motion that brings both surfaces together: mostly along the goal's normals, so
    that they can slide on it, a little towards its points, so that they do not slide off."""
    normals = smooth_normals(goal).values
    ours, theirs = (np.arange(0, len(one.vertices), 1 + len(one.vertices) // PAIRS) for one in (mesh, goal))
    tree, points = cKDTree(goal.vertices), mesh.vertices
    for _ in range(MATCHES):
        at = np.concatenate([ours, cKDTree(points).query(goal.vertices[theirs])[1]])
        to = np.concatenate([tree.query(points[ours])[1], theirs])
        now = np.hstack([points[at], np.ones((len(at), 1))])  # (Q, 4)
        gap, facing = goal.vertices[to] - points[at], normals[to]
        across = np.einsum("qi,qj->qij", facing, now).reshape(len(at), 12)
        along = np.einsum("ij,qk->qijk", STAY * np.eye(3), now).reshape(3 * len(at), 12)
        wanted = np.concatenate([np.einsum("qi,qi->q", facing, gap), STAY * gap.ravel()])
        motion = np.linalg.lstsq(np.concatenate([across, along]), wanted, rcond=None)[0].reshape(3, 4)
        points = points + points @ motion[:, :3].T + motion[:, 3]
        yield Progress(stage="carry", done=0, total=0)
    return points


def misfit(mesh: Mesh, field: Field, goal: Mesh, resolution: int) -> Stage[Misfit]:
    """Measure a carried mesh against the ``field`` and its own mesh, ``goal``. Raises MeshError when the field gives NaN."""
    error = 0.0
    for one, other in ((mesh, goal), (goal, mesh)):
        for points in (one.vertices[np.unique(one.faces)], one.triangles.mean(1)):
            for start in range(0, len(points), AT_ONCE):
                error = max(error, float(distances(points[start : start + AT_ONCE], other).max()))
                yield Progress(stage="measure", done=0, total=0)
    _, slopes = yield from _slope(field, mesh.triangles.mean(1), 1 / (resolution - 1))
    inward = _inward(mesh, slopes)
    areas = face_areas(mesh)
    gone = areas < COLLAPSED * areas.mean()
    flipped = int((inward & ~gone).sum())
    return Misfit(error * (resolution - 1), flipped, int(gone.sum()), len(mesh.faces))


def distances(points: Points, mesh: Mesh) -> NDArray[np.float64]:
    """(P,) distance of each point to the surface of ``mesh``."""
    squared, *_ = igl.point_mesh_squared_distance(
        np.ascontiguousarray(points), np.ascontiguousarray(mesh.vertices), np.ascontiguousarray(mesh.faces, np.int64)
    )
    return np.sqrt(np.maximum(np.asarray(squared, np.float64).ravel(), 0))


def _slope(field: Field, points: Points, voxel: float) -> Stage[tuple[NDArray[np.float64], Points]]:
    """Value (P,) and gradient (P, 3) of the field at points; the gradient from a small tetrahedron around each."""
    reach = REACH * voxel
    places = (points[:, None] + reach * STENCIL).reshape(-1, 3).astype(np.float32)  # (P * 5, 3)
    found = np.empty(len(places), np.float64)
    for start in range(0, len(places), CHUNK):
        with torch.no_grad():
            found[start : start + CHUNK] = field(torch.from_numpy(places[start : start + CHUNK])).cpu().numpy()
        yield Progress(stage="carry", done=start, total=len(places))
    if np.isnan(found).any():
        raise MeshError("the field gives NaN, so it has no surface; its weights are damaged or diverged")
    around = found.reshape(-1, 5)
    return around[:, 0], around @ STENCIL / (4 * reach)


def _inward(mesh: Mesh, slopes: Points) -> NDArray[np.bool_]:
    """(F,) True for faces that look to where the field grows, by its slope (F, 3) there."""
    a, b, c = mesh.triangles.swapaxes(0, 1)
    return np.asarray(np.einsum("fi,fi->f", np.cross(b - a, c - a), slopes) > 0, bool)


def _newton(values: NDArray[np.float64], slopes: Points, voxel: float) -> Points:
    """(P, 3) damped steps towards value 0, none longer than LONGEST."""
    square = np.maximum(np.einsum("pi,pi->p", slopes, slopes), 1e-12)
    step = -DAMPING * (values / square)[:, None] * slopes
    length = np.linalg.norm(step, axis=1, keepdims=True)
    return step * np.minimum(1, LONGEST * voxel / np.maximum(length, 1e-12))


def _middles(mesh: Mesh) -> csr_matrix:
    """(V, V) matrix that takes vertices to the middles of their neighbours."""
    count = len(mesh.vertices)
    start, end = mesh.faces.ravel(), mesh.faces[:, [1, 2, 0]].ravel()
    links = csr_matrix((np.ones(2 * len(start)), (np.r_[start, end], np.r_[end, start])), (count, count))
    links.data[:] = 1
    return diags(1 / np.maximum(np.asarray(links.sum(1)).ravel(), 1)) @ links


def _slides(mesh: Mesh, middle: csr_matrix, slopes: Points) -> Points:
    """(V, 3) steps along the surface towards the middle of the neighbours, none on sharp edges."""
    step = SLIDE * (middle @ mesh.vertices - mesh.vertices)
    normal = slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-12)
    step -= np.einsum("vi,vi->v", step, normal)[:, None] * normal
    a, b, c = mesh.triangles.swapaxes(0, 1)
    across = np.cross(b - a, c - a)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30)
    count = len(mesh.vertices)
    corners = mesh.faces.ravel()
    total = np.stack([np.bincount(corners, across[:, axis].repeat(3), count) for axis in range(3)], 1)
    bent = np.linalg.norm(total, axis=1) / np.maximum(np.bincount(corners, minlength=count), 1)
    return step * np.clip((bent - EDGE) / (1 - EDGE), 0, 1)[:, None]


def _pulls(points: Points, slopes: Points, goal: Points, normals: Points, voxel: float) -> Points:
    """(V, 3) steps towards the middle of those points of the goal that are nearest to each vertex (Lloyd's algorithm).

    A tip that grows is nearest to its end alone, which thus follows it. goal, normals : (G, 3)
    """
    facing = -slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-12)
    tree = cKDTree(np.hstack([points, SIDES * voxel / 2 * facing]))
    nearest = tree.query(np.hstack([goal, SIDES * voxel / 2 * normals]))[1]
    number = np.bincount(nearest, minlength=len(points))
    total = np.stack([np.bincount(nearest, goal[:, axis], len(points)) for axis in range(3)], 1)
    return np.where(number[:, None] > 0, PULL * (total / np.maximum(number, 1)[:, None] - points), 0)
