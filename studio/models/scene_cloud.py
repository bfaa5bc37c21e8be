"""A cloud of points as the 3D view shows it: every point a small ball, so that styles, sections and shadows are as of all."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from studio.models.scene_contents import PartMesh

RADIUS = 0.35  # of a ball, as a share of how far the points of a flat square of the cube would lie from one another
SMALLEST, LARGEST = 0.004, 0.014  # canonical units
ROUGH = 1.2  # times larger where balls have few faces, which fill less of a round outline
FINE = 3000  # points up to which balls are rounder
EDGE = 2.0  # canonical units: first guesses lie anywhere, and are shown as far away as this
LOW, HIGH = (
    (0.10, 0.16, 0.26),
    (0.62, 0.60, 0.52),
)  # linear RGB of the lowest and highest points, also told apart in grey


def cloud_mesh(
    name: str, points: NDArray[np.floating], colours: NDArray[np.float32] | None = None, rough: bool = False
) -> PartMesh:
    """Balls at points (P, 3), canonical space, in their colours (P, 3) linear RGB 0..1, else lighter the higher they are.

    rough : the balls have fewer faces, since others come soon; of very many points they have in any case
    """
    centres = np.nan_to_num(np.asarray(points, np.float32)).clip(-EDGE, EDGE)
    corners, triangles = _ball(not rough and len(centres) <= FINE)
    radius = np.float32((ROUGH if rough else 1.0) * np.clip(RADIUS / max(len(centres), 1) ** 0.5, SMALLEST, LARGEST))
    count = len(corners)
    faces = np.arange(len(centres), dtype=np.int32)[:, None, None] * count + triangles
    shown = by_height(centres) if colours is None else np.asarray(colours, np.float32).clip(0, 1)
    return PartMesh(
        name,
        (centres[:, None] + radius * corners).reshape(-1, 3),
        faces.reshape(-1, 3),
        normals=np.tile(corners, (len(centres), 1)),
        colours=np.repeat(shown, count, 0),
        points=len(centres),
    )


def by_height(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """(P, 3) linear RGB from `LOW` to `HIGH`, between heights that few points lie beyond."""
    if not len(points):
        return np.zeros((0, 3), np.float32)
    low, high = np.percentile(points[:, 1], (2, 98))
    share = ((points[:, 1] - low) / max(float(high - low), 1e-6)).clip(0, 1)[:, None]
    return ((1 - share) * LOW + share * HIGH).astype(np.float32)


@lru_cache(2)
def _ball(fine: bool) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Corners (V, 3) at distance 1 and faces (F, 3): an icosahedron, or else an octahedron."""
    if fine:
        gold = (1 + 5**0.5) / 2
        ring = np.array([[0, a, b * gold] for a in (-1, 1) for b in (-1, 1)])
        corners = np.concatenate([np.roll(ring, shift, 1) for shift in range(3)]) / np.hypot(1, gold)
    else:
        corners = np.concatenate([np.eye(3), -np.eye(3)])
    near = np.linalg.norm(corners[:, None] - corners, axis=2)
    edge = near[near > 1e-6].min() * 1.01
    number = range(len(corners))
    found = [
        (a, b, c) if np.linalg.det(corners[[a, b, c]]) > 0 else (a, c, b)
        for a in number
        for b in number[a + 1 :]
        for c in number[b + 1 :]
        if max(near[a, b], near[b, c], near[a, c]) < edge
    ]
    return corners.astype(np.float32), np.array(found, np.int32)
