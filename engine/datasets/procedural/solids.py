"""Closed analytic solids, from which the procedural shapes are put together.

All lengths are in the raw units of a shape (about one unit for the whole thing); +Y up, +Z front, X to the side.
Coordinates are rounded to a millionth, so that another machine's sine does not change a shape.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from manifold3d import Manifold, Mesh64, OpType
from numpy.typing import NDArray

from engine.errors import MeshError

Array = NDArray[np.float64]
Points = Array | Sequence[Any]  # rows of numbers
Vector = Array | Sequence[float]


def solid(vertices: Array, faces: NDArray[np.int64]) -> Manifold:
    """The solid bounded by vertices (V, 3) and faces (F, 3); an inside-out surface is turned round."""
    corners = vertices[faces]  # (F, 3, 3)
    inside_out = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() < 0
    order = faces[:, ::-1] if inside_out else faces
    made = Manifold(Mesh64(np.ascontiguousarray(np.round(vertices, 6)), np.ascontiguousarray(order, dtype=np.uint64)))
    if made.is_empty():
        raise MeshError(f"a procedural solid is not closed ({made.status().name}); report this seed")
    return made


def loft(rings: Points, start: Vector | None = None, end: Vector | None = None, ring: bool = False) -> Manifold:
    """The skin over rings (S, M, 3), closed at both ends by a fan round ``start`` and ``end`` (default: the ends' centres).

    ring : True joins the last ring to the first instead (a torus)
    """
    r = np.asarray(rings, dtype=np.float64)
    count, size = r.shape[:2]
    a = np.arange(size)
    b = (a + 1) % size
    rows = np.arange(count if ring else count - 1)[:, None]
    low, high = rows * size, (rows + 1) % count * size
    quads = np.stack([low + a, low + b, high + b, high + a], axis=-1).reshape(-1, 4)  # (S', M, 4) -> (S' * M, 4)
    faces = [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
    vertices = r.reshape(-1, 3)
    if not ring:
        tips = np.stack([np.mean(r[0], 0) if start is None else start, np.mean(r[-1], 0) if end is None else end])
        vertices = np.concatenate([vertices, tips])
        first, last = np.full(size, count * size), (count - 1) * size
        faces += [np.stack([b, a, first], -1), np.stack([last + a, last + b, first + 1], -1)]
    return solid(vertices, np.concatenate(faces))


def superellipse(width: float, height: float, exponent: float = 2.0, count: int = 32) -> Array:
    """(M, 2) points of |2x/width|^n + |2y/height|^n = 1; n = 2 an ellipse, larger n ever more of a rectangle."""
    angle = np.arange(count) * (2 * np.pi / count)
    c, s = np.cos(angle), np.sin(angle)
    radius = (np.abs(c) ** exponent + np.abs(s) ** exponent) ** (-1 / exponent)
    return np.stack([c * radius * width / 2, s * radius * height / 2], axis=-1)


def rounded_rectangle(width: float, height: float, radius: float, steps: int = 6) -> Array:
    """(M, 2) outline with circular corners, M = 4 * (steps + 1)."""
    radius = min(radius, 0.499 * min(width, height))
    angle = np.linspace(0, np.pi / 2, steps + 1)
    corners = []
    for quarter, (sx, sy) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        turn = angle + quarter * np.pi / 2
        centre = np.array([sx * (width / 2 - radius), sy * (height / 2 - radius)])
        corners.append(centre + radius * np.stack([np.cos(turn), np.sin(turn)], axis=-1))
    return np.concatenate(corners)


def slab(outline: Array, thickness: float, bevel: float = 0.0, belly: float = 0.0) -> Manifold:
    """A plate in the plane y = 0 with outline (M, 2) of (x, z), convex about its centre, y from -thickness/2 to thickness/2.

    bevel : radius of its rounded edges; belly : how far the middles of both faces stand out (a cushion)
    """
    bevel = float(min(bevel, 0.49 * thickness))
    centre = (outline.min(0) + outline.max(0)) / 2
    half = (outline.max(0) - outline.min(0)) / 2
    rows: list[tuple[float, float]] = []  # (inset, y), from the middle of the lower face round to that of the upper one
    arc = np.linspace(0, np.pi / 2, 5 if bevel > 0 else 1)
    edge = [(bevel * (1 - np.sin(t)), bevel * np.cos(t) + thickness / 2 - bevel) for t in arc]  # top rim to the side
    if belly > 0:
        inner = np.linspace(0.75, 0.15, 4)
        rows += [(-f, thickness / 2 + belly * (1 - (1 - f) ** 2)) for f in inner]
        rows += edge
    else:
        rows += edge
    upper = rows
    lower = [(i, -y) for i, y in reversed(rows)] if bevel > 0 or belly > 0 else [(0.0, -thickness / 2)]
    rings = []
    for inset, y in [*upper, *lower]:
        scale = 1 - inset / half if inset >= 0 else np.full(2, 1 + inset)
        flat = centre + (outline - centre) * scale
        rings.append(np.stack([flat[:, 0], np.full(len(flat), y), flat[:, 1]], axis=-1))
    tip = thickness / 2 + belly
    return loft(rings, np.array([centre[0], tip, centre[1]]), np.array([centre[0], -tip, centre[1]]))


def box(size: Sequence[float], radius: float = 0.0, centre: Vector = (0.0, 0.0, 0.0)) -> Manifold:
    """A box of size (x, y, z) with rounded edges."""
    width, height, depth = size
    radius = min(radius, 0.49 * min(size))
    return slab(rounded_rectangle(width, depth, max(radius, 0.004)), height, radius).translate(centre)


def lathe(profile: Points, count: int = 40, exponent: float = 2.0, ring: bool = False) -> Manifold:
    """A profile (K, 2) of (radius, y) turned about the y axis, over a superellipse instead of a circle if asked.

    Its ends lie on the axis (radius 0) or are closed flat; ring : the profile is a closed loop off the axis.
    """
    p = np.asarray(profile, dtype=np.float64)
    on_axis = p[:, 0] < 1e-9
    body = p[~on_axis]
    round_ = superellipse(2, 2, exponent, count)  # (M, 2)
    rings = np.empty((len(body), count, 3))
    rings[:, :, [0, 2]] = body[:, None, :1] * round_
    rings[:, :, 1] = body[:, None, 1]
    if ring:
        return loft(rings, ring=True)
    return loft(rings, [0.0, p[0, 1], 0.0], [0.0, p[-1, 1], 0.0])


def ellipsoid(radii: Vector, centre: Vector, count: int = 28) -> Manifold:
    angle = np.linspace(-np.pi / 2, np.pi / 2, count // 2 + 1)
    profile = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    profile[[0, -1], 0] = 0
    return lathe(profile, count).scale(radii).translate(centre)


def spline(points: Points, count: int = 32, ring: bool = False) -> Array:
    """(count, D) points of the Catmull-Rom curve through points (K, D)."""
    p = np.asarray(points, dtype=np.float64)
    ends = [p[-1:], p, p[:2]] if ring else [2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]]
    q = np.concatenate(ends)
    pieces = len(q) - 3
    where = np.linspace(0, pieces, count, endpoint=not ring)
    k = np.minimum(where.astype(int), pieces - 1)
    t = (where - k)[:, None]
    a, b, c, d = q[k], q[k + 1], q[k + 2], q[k + 3]
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)


def rounded_path(points: Points, radius: float, steps: int = 6) -> Array:
    """A polyline (K, 3) whose inner corners are replaced by curves that start ``radius`` before the corner."""
    p = np.asarray(points, dtype=np.float64)
    out = [p[:1]]
    for before, corner, after in zip(p[:-2], p[1:-1], p[2:], strict=True):
        back, on = before - corner, after - corner
        reach = min(radius, 0.48 * float(np.linalg.norm(back)), 0.48 * float(np.linalg.norm(on)))
        a, b = corner + reach * back / np.linalg.norm(back), corner + reach * on / np.linalg.norm(on)
        t = np.linspace(0, 1, steps + 1)[:, None]
        out.append((1 - t) ** 2 * a + 2 * t * (1 - t) * corner + t**2 * b)
    return np.concatenate([*out, p[-1:]])


def sweep(
    path: Points, section: Array, scale: Vector | float = 1.0, up: Vector | None = None, ring: bool = False
) -> Manifold:
    """A section (M, 2) carried along path (K, 3), its second axis nearest to ``up``; scale: per point, or per point and axis.

    Without ``up`` the frame is carried without twist from a start across the path.
    """
    p = np.asarray(path, dtype=np.float64)
    step = (np.roll(p, -1, 0) - np.roll(p, 1, 0)) if ring else np.gradient(p, axis=0)
    tangent = step / np.linalg.norm(step, axis=1, keepdims=True)
    if up is None:
        v = np.eye(3)[np.argmin(np.abs(tangent[0]))]
        ups = []
        for t in tangent:
            v = v - t * (v @ t)
            v = v / np.linalg.norm(v)
            ups.append(v)
        above = np.array(ups)
    else:
        above = np.asarray(up, dtype=np.float64) - tangent * (tangent @ np.asarray(up, dtype=np.float64))[:, None]
        above /= np.linalg.norm(above, axis=1, keepdims=True)
    side = np.cross(above, tangent)
    s = np.asarray(scale, dtype=np.float64)
    s = np.broadcast_to(s[:, None] if s.ndim == 1 else s, (len(p), 2))
    flat = section[None] * s[:, None]  # (K, M, 2)
    return loft(p[:, None] + flat[..., :1] * side[:, None] + flat[..., 1:] * above[:, None], ring=ring)


def tube(path: Points, radius: float, count: int = 14, ring: bool = False) -> Manifold:
    """A round tube along path (K, 3)."""
    return sweep(path, superellipse(2 * radius, 2 * radius, 2.0, count), ring=ring)


def bar(a: Vector, b: Vector, start: float, end: float, square: bool = False) -> Manifold:
    """A straight round or square bar from a to b whose thickness goes from ``start`` to ``end``."""
    section = rounded_rectangle(1, 1, 0.15, 2) if square else superellipse(1, 1, 2.0, 18)
    t = np.linspace(0, 1, 5)[:, None]
    return sweep((1 - t) * np.asarray(a) + t * np.asarray(b), section, np.linspace(start, end, 5))


def both(one: Manifold) -> list[Manifold]:
    """A solid and its mirror image at x = 0."""
    return [one, one.mirror((1.0, 0.0, 0.0))]


def standing(solids: Sequence[Manifold], top: float) -> list[Manifold]:
    """What of some legs lies between the floor, where slanted ones become flat, and ``top``,
    where they would pierce a seat."""
    return [union(solids).trim_by_plane((0.0, 1.0, 0.0), 0.0).trim_by_plane((0.0, -1.0, 0.0), -top)]


def union(solids: Sequence[Manifold]) -> Manifold:
    return Manifold.batch_boolean(list(solids), OpType.Add)
