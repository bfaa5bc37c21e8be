"""How fit a mesh is for printing and for other programs: what is measured, and what it means in plain words."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import igl
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.geometry.clean import clean, components
from engine.geometry.mesh import Mesh, face_areas, is_watertight, sides, used_vertices, volume

N = TypeVar("N", int, float)
RAYS = 2000  # spread evenly over the area: a thin place of less than about a 2000th of it may be missed
GRAZE = 1e-6  # of the longest side: where rays start below the surface, and what counts as no wall at all
FACING = 0.5  # cosine of 60 degrees
NEEDLE = 1e-6  # height over longest edge below which a face is degenerate
MOST_PAIRS = 20_000_000  # pairs of boxes looked at in one level; a mesh with more has faces in heaps
CHUNK = 200_000  # pairs of faces tested at once
BELOW = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int64)  # the four pairs below a pair of boxes
SLACK = 1e-9  # of the edge and of the face: touching is not crossing


class Health(msgspec.Struct, frozen=True):
    """What was found. Lengths, areas and volumes are in units of the mesh.

    faces, vertices : as given
    watertight : every edge belongs to exactly two faces that pass it in opposite directions, once vertices at the same
        place are merged
    shells : pieces that hang together by vertices
    self_intersections : pairs of faces that pass through each other; None where it was not asked for, or where there are
        too many near ones to count
    volume : enclosed volume, solids inside out count as negative; None unless watertight
    thinnest_wall : length of the shortest of 2,000 rays that go from the surface straight inwards until they come out
        where the surface faces away from them, within 60 degrees; None unless watertight, or where nobody asked
    thinnest_at : where that ray starts
    thin : share of the surface whose walls are below the least one that was asked for; 0 when none was
    degenerate : faces without area, or so narrow that they have no direction
    words : what that means, one sentence each, worst first; () when nothing is wrong
    """

    faces: int
    vertices: int
    watertight: bool
    shells: int
    self_intersections: int | None
    volume: float | None
    thinnest_wall: float | None
    thinnest_at: tuple[float, float, float] | None
    thin: float
    degenerate: int
    words: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """True when nothing is wrong."""
        return not self.words


def health(mesh: Mesh, least_wall: float = 0.0, crossing: bool = True, thickness: bool = True) -> Health:
    """Measure a mesh in any frame; the same mesh gives the same answer. 1.3 s for 100,000 faces, most of it for crossings.

    least_wall : walls below this (units of the mesh) are told of, as a printer would ask
    crossing : whether to look for self-intersections
    thickness : whether to look for thin walls
    """
    bad = int((~np.isfinite(mesh.vertices[used_vertices(mesh)]).all(1)).sum())
    if bad or not len(mesh.faces):
        reason = f"{bad:,} vertices are not finite numbers." if bad else "The mesh has no faces."
        return Health(len(mesh.faces), len(mesh.vertices), False, 0, 0, None, None, None, 0.0, 0, (reason,))
    solid = clean(mesh)
    closed = is_watertight(solid)
    narrow = degenerate(mesh)
    shells = int(components(solid).max()) + 1 if len(solid.faces) else 0
    found = crossings(solid) if crossing else None
    holds = volume(solid) if closed else None
    lengths, starts = walls(solid) if closed and thickness else (np.zeros(0), np.zeros((0, 3)))
    wall = float(lengths.min()) if len(lengths) else None
    place = tuple(starts[lengths.argmin()].tolist()) if len(lengths) else None
    thin = float((lengths < least_wall).sum()) / RAYS
    words = (
        *_border(solid, closed, holds),
        *(_passing(found) if crossing else []),
        *([f"It has {shells:,} pieces that do not hang together."] if shells > 1 else []),
        *(
            [f"{_share(thin)} of its walls are thinner than {least_wall:.3g}, the thinnest is {wall:.3g}."]
            if thin
            else []
        ),
        *([f"{narrow:,} faces have no area or no direction."] if narrow else []),
    )
    return Health(len(mesh.faces), len(mesh.vertices), closed, shells, found, holds, wall, place, thin, narrow, words)


def together(pieces: Mapping[str, Health]) -> Health:
    """Several objects of one file as one: sums, the thinnest of all walls, and words that name their object."""
    found = list(pieces.values())
    if len(found) == 1:
        return found[0]
    walls = [(piece.thinnest_wall, piece.thinnest_at) for piece in found if piece.thinnest_wall is not None]
    wall, place = min(walls, key=lambda pair: pair[0]) if walls else (None, None)
    return Health(
        sum(piece.faces for piece in found),
        sum(piece.vertices for piece in found),
        all(piece.watertight for piece in found),
        sum(piece.shells for piece in found),
        _sum([piece.self_intersections for piece in found]),
        _sum([piece.volume for piece in found]),
        wall,
        place,
        max(piece.thin for piece in found),
        sum(piece.degenerate for piece in found),
        tuple(f"{name}: {words}" for name, piece in pieces.items() for words in piece.words),
    )


def _sum(values: Sequence[N | None]) -> N | None:
    """The sum, None where one of them is not known."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(values) else None


def degenerate(mesh: Mesh) -> int:
    """Number of faces whose height is less than a millionth of their longest edge."""
    lengths = [x * x + y * y + z * z for x, y, z in sides(mesh)]  # squared
    longest = np.maximum(np.maximum(lengths[0], lengths[1]), lengths[2])
    return int((2 * face_areas(mesh) <= NEEDLE * longest).sum())


def walls(mesh: Mesh, rays: int = RAYS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lengths (W,) and starts (W, 3) of those of ``rays`` rays from the surface of a closed mesh straight inwards that come
    out of a wall: where the surface faces away from them, within 60 degrees. Others have cut off a corner.

    A wedge gets thinner towards its edge and has no least wall; a plate has, and so does a hollow shape.
    """
    solid = mesh if volume(mesh) >= 0 else Mesh(mesh.vertices, mesh.faces[:, ::-1])
    points, normals = _spread(solid, rays)
    size = float(np.ptp(solid.bounds, axis=0).max())
    vertices, faces = np.ascontiguousarray(solid.vertices), np.ascontiguousarray(solid.faces, np.int64)
    tree = igl.AABB()
    tree.init(vertices, faces)
    starts = np.ascontiguousarray(points - GRAZE * size * normals)
    hit, lengths, _ = tree.intersect_ray_first(vertices, faces, starts, np.ascontiguousarray(-normals))
    lengths, hit = np.asarray(lengths, np.float64).ravel(), np.asarray(hit, np.int64).ravel()
    corners = solid.triangles[hit.clip(0)]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = -(across * normals).sum(1) >= FACING * np.linalg.norm(across, axis=1)
    found = np.isfinite(lengths) & (hit >= 0) & facing
    return lengths[found] + GRAZE * size, points[found]


def _share(part: float) -> str:
    return f"{part:.0%}" if part >= 0.01 else "Less than 1%"


def _spread(mesh: Mesh, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(count, 3) points spread evenly over the area and the unit normals there; always the same ones."""
    generator = np.random.default_rng(0)
    sums = np.cumsum(face_areas(mesh))
    place = (np.arange(count) + generator.random(count)) / count * sums[-1]
    corners = mesh.triangles[np.searchsorted(sums, place, side="right").clip(0, len(sums) - 1)]
    points = np.einsum("sc,scd->sd", generator.dirichlet(np.ones(3), count), corners)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return points, across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-300)


def _border(mesh: Mesh, closed: bool, holds: float | None) -> list[str]:
    if not closed:
        edges = np.sort(np.stack([mesh.faces, mesh.faces[:, [1, 2, 0]]], -1).reshape(-1, 2), axis=1)
        count = np.unique(edges, axis=0, return_counts=True)[1] if len(edges) else np.zeros(0, int)
        single, many = int((count == 1).sum()), int((count > 2).sum())
        if not single and not many:
            return ["The surface is not closed: faces next to each other are wound in different directions."]
        found = [f"{single:,} edges have one face" if single else "", f"{many:,} have more than two" if many else ""]
        return [f"The surface is not closed: {' and '.join(filter(None, found))}."]
    return ["The surface is inside out."] if holds is not None and holds < 0 else []


def _passing(crossing: int | None) -> list[str]:
    if crossing is None:
        return [f"Faces lie so close that passing through each other was not counted (over {MOST_PAIRS:,} pairs)."]
    return [f"The surface passes through itself: {crossing:,} pairs of faces cross."] if crossing else []


def crossings(mesh: Mesh) -> int | None:
    """Number of pairs of faces of which an edge of one passes through the other; None above MOST_PAIRS near pairs.

    Faces that touch, or lie in one plane, do not count.
    """
    pairs = _near(mesh)
    if pairs is None:
        return None
    return sum(int(_cross(mesh, pairs[start : start + CHUNK]).sum()) for start in range(0, len(pairs), CHUNK))


def _near(mesh: Mesh) -> NDArray[np.int64] | None:
    """(Q, 2) pairs of faces whose boxes meet. Faces are sorted along a Morton curve; each level of the tree joins two
    boxes of the one below."""
    corners = mesh.triangles
    low, high = corners.min(1), corners.max(1)
    order: NDArray[np.int64] = np.argsort(_morton((low + high) / 2))
    depth = max(int(np.ceil(np.log2(max(len(order), 1)))), 0)
    empty = np.full((2**depth - len(order), 3), np.inf)
    levels = [(np.vstack([low[order], empty]), np.vstack([high[order], -empty]))]
    for _ in range(depth):
        below_low, below_high = levels[-1]
        levels.append((np.minimum(below_low[::2], below_low[1::2]), np.maximum(below_high[::2], below_high[1::2])))
    pairs: NDArray[np.int64] = np.zeros((1, 2), np.int64)
    for lower, upper in reversed(levels[:-1]):
        pairs = (2 * pairs[:, None] + BELOW).reshape(-1, 2)
        pairs = pairs[pairs[:, 0] <= pairs[:, 1]]
        a, b = pairs.T
        meet = (lower[a, 0] <= upper[b, 0]) & (lower[b, 0] <= upper[a, 0])
        for axis in (1, 2):
            meet &= (lower[a, axis] <= upper[b, axis]) & (lower[b, axis] <= upper[a, axis])
        pairs = pairs[meet]
        if len(pairs) > MOST_PAIRS:
            return None
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    return order[pairs]


def _morton(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """(P,) place of points on a Z-order curve of 2^20 cells a side."""
    span = float(np.ptp(points, axis=0).max()) if len(points) else 0.0
    cells = ((points - points.min(0)) / max(span, 1e-300) * (2**20 - 1)).astype(np.int64)
    code = np.zeros(len(points), np.int64)
    for bit in range(20):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return code


def _cross(mesh: Mesh, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(Q,) True where an edge of either face passes through the other."""
    found = np.zeros(len(pairs), bool)
    for one, other in (pairs.T, pairs.T[::-1]):
        triangle, edges = mesh.faces[one], mesh.faces[other]
        for k in range(3):
            ends = edges[:, [k, (k + 1) % 3]]
            apart = ~(triangle[:, :, None] == ends[:, None, :]).any((1, 2)) & ~found
            if apart.any():
                points, segment = mesh.vertices[triangle[apart]], mesh.vertices[ends[apart]]
                found[apart] = _pierces(points, segment)
    return found


def _pierces(triangle: NDArray[np.float64], segment: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(Q,) a segment (Q, 2, 3) passes through the inside of a triangle (Q, 3, 3); Moeller and Trumbore 1997."""
    first, second = triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]
    way, start = segment[:, 1] - segment[:, 0], segment[:, 0] - triangle[:, 0]
    normal = np.cross(first, second)
    across = -np.einsum("qi,qi->q", way, normal)
    scale = np.linalg.norm(way, axis=1) * np.linalg.norm(normal, axis=1)
    turn = np.cross(start, way)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.einsum("qi,qi->q", start, normal) / across
        u = np.einsum("qi,qi->q", second, turn) / across
        v = -np.einsum("qi,qi->q", first, turn) / across
        inside = (np.minimum(t, 1 - t) > SLACK) & (np.minimum(np.minimum(u, v), 1 - u - v) > SLACK)
    return np.asarray(inside & (np.abs(across) > 1e-12 * scale), bool)
