"""Which side of a patch is seen from outside, by rays."""

import igl
import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh, face_areas

RAYS = 16_000  # rays from each side of all patches together, shared out by area
LEAST, FEWEST = 48, 6  # but from each side of one patch at least so many; fewer where there are very many patches
START = 1e-5  # a ray starts this far off its face, as a share of the longest side
HIDDEN = 0.02  # a side from which fewer rays than this share get away is not seen from outside
TIE = 2.5  # standard deviations by which one side must be seen better than the other


def seen_from_back(mesh: Mesh, patch: NDArray[np.int32], ask: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    """For each patch (K,) that ``ask`` marks: is its back seen better than its front; and the share of rays that get
    away from its better side. False and 1 for the others.

    Takayama et al. 2014, "A Simple Method for Correcting Facet Orientations in Polygon Meshes Based on Ray Casting":
    rays in cosine-weighted directions from points spread evenly over the patch; where none gets away, the side with the
    longer free path is the front. A tie counts as front. The random numbers are always the same.
    """
    generator = np.random.default_rng(0)
    points, face, owner = _spread(mesh, patch, ask, generator)
    normals = _normals(mesh)[face]
    size = float(np.ptp(mesh.bounds, axis=0).max())
    turns = _hemisphere(normals, generator)
    tree = igl.AABB()
    vertices, faces = np.ascontiguousarray(mesh.vertices), np.ascontiguousarray(mesh.faces, np.int64)
    tree.init(vertices, faces)
    away, path = [], []
    count = np.maximum(np.bincount(owner, minlength=len(ask)), 1)
    for side in (1.0, -1.0):
        start = points + side * START * size * normals
        hit, distance, _ = tree.intersect_ray_first(vertices, faces, start, side * turns)
        free = np.asarray(hit).ravel() < 0
        length = np.where(free, 2 * size, np.asarray(distance).ravel().clip(0, 2 * size))
        away.append(np.bincount(owner, free, len(ask)) / count)
        path.append(np.bincount(owner, length, len(ask)) / count)
    front, back = away
    spread = np.sqrt((front * (1 - front) + back * (1 - back)) / count)
    hidden = np.maximum(front, back) < HIDDEN
    result = np.where(hidden, path[1] > 1.05 * path[0], back - front > TIE * spread)
    return result & ask, np.where(ask, np.maximum(front, back), 1.0)


def _spread(
    mesh: Mesh, patch: NDArray[np.int32], ask: NDArray[np.bool_], generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int32]]:
    """Points spread over the marked patches by area, the face of each, and the patch of each."""
    areas = face_areas(mesh) + 1e-300
    order = np.argsort(patch, kind="stable")
    order = order[ask[patch[order]]]
    sums = np.cumsum(areas[order])
    of_patch = np.bincount(patch, areas)[ask]
    ends = np.cumsum(of_patch)
    least = int(np.clip(4 * RAYS // len(ends), FEWEST, LEAST))
    count = np.maximum(np.ceil(RAYS * of_patch / ends[-1]).astype(int), least)
    which = np.repeat(np.arange(len(count)), count)
    step = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    place = ends[which] - of_patch[which] * (1 - (step + generator.random(len(which))) / count[which])
    face = order[np.searchsorted(sums, place, side="right").clip(0, len(order) - 1)]
    u, v = generator.random((2, len(face), 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    a, b, c = mesh.triangles[face].swapaxes(0, 1)
    return a + u * (b - a) + v * (c - a), face, patch[face]


def _normals(mesh: Mesh) -> NDArray[np.float64]:
    """(F, 3) unit normals; zeros for faces without area."""
    a, b, c = mesh.triangles.swapaxes(0, 1)
    normals = np.cross(b - a, c - a)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.where(lengths > 0, lengths, 1)


def _hemisphere(normals: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(P, 3) directions about ``normals`` (P, 3), more of them the smaller the angle (cosine-weighted)."""
    ball = generator.normal(size=normals.shape)
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    return normals * 1.001 + ball  # a unit normal plus a point of the unit sphere
