"""A watertight mesh through a point cloud that has no normals; nothing is learned."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from engine.cloud_settings import CloudMeshSettings
from engine.errors import MeshError
from engine.geometry.crumbs import shells
from engine.geometry.from_cloud_field import on_surface, solid_of
from engine.geometry.from_cloud_thin import with_bridges
from engine.geometry.mesh import Mesh, is_watertight, join, volume
from engine.geometry.surface import extract
from engine.protocol import Stage

CELLS, COARSEST = 4.0, 64  # of the grid that the surface is read from, to a spacing; and least per side
FEWEST = 32  # points that a surface is laid through
ROOM = 0.9  # longest side of the cloud in the cube: beyond the points there is room for the surface
FLAT = 1e-6  # deviation from a plane, of a cloud of side ROOM, that is none
NEIGHBOURS = 6  # that tell how dense points are
NOISY = 0.3  # smoothness from which points are moved to the surface before thin parts are bridged: clean ones lie on it
BLENDED = 3  # points whose colours a vertex has
FAR = 2.0  # spacings: points farther than that from the surface are told of
TOLD = 0.02  # share of such points that is worth a word


@dataclass(frozen=True)
class CloudMesh:
    """What was laid through a cloud, in its own frame.

    mesh : outwards wound; watertight : as checked
    colours : (V, 3) float32 linear RGB of the vertices; None where the points have none
    kept : (P,) bool, the points that count; the others were taken for outliers
    laid : (Q, 3) float64, those that count, of noisy clouds on the surface that they are of; of many some
    spacing : usual distance of neighbouring points, in units of the cloud
    notes : what a person should know, in sentences
    """

    mesh: Mesh
    watertight: bool
    colours: NDArray[np.float32] | None
    kept: NDArray[np.bool_]
    laid: NDArray[np.float64]
    spacing: float
    notes: tuple[str, ...]


def mesh_of_cloud(
    points: NDArray[np.floating],
    colours: NDArray[np.floating] | None = None,
    settings: CloudMeshSettings | None = None,
) -> Stage[CloudMesh]:
    """Mesh of points (P, 3) in any frame, best some hundreds to some thousands; colours (P, 3) linear RGB.

    Outliers and doubles are left out, the surface is that of `solid_of`, hollows inside are filled, pieces that hardly any
    point lies on are left out. Raises MeshError: too few points, not finite, all in one place, or they bound nothing.
    """
    settings = settings or CloudMeshSettings()
    every = np.asarray(points, np.float64)
    kept = kept_points(every, settings.outliers)
    low, high = every[kept].min(0), every[kept].max(0)
    scale, middle = ROOM / float((high - low).max()), (low + high) / 2
    place = _thinned((every[kept] - middle) * scale, settings.most_points)
    if np.linalg.svd(place - place.mean(0), compute_uv=False)[-1] < FLAT * len(place) ** 0.5:
        raise MeshError("all points of the cloud lie in one plane, so they bound nothing")
    spacing = spacing_of(place)
    solid = yield from solid_of(place, spacing, settings.smoothness, settings.blur)
    size = int(np.clip(CELLS / spacing, COARSEST, settings.resolution))
    laid = on_surface(place, spacing, solid) if settings.smoothness >= NOISY else place
    values = yield from with_bridges(laid, spacing, solid, size)
    whole = yield from extract(_field(values), size, coarse=size)
    body, left_out = _without_crumbs(whole, place, settings.crumbs)
    if not len(body.faces):
        raise MeshError("the points bound nothing: give more points, spread over a closed surface, or less smoothness")
    away = cKDTree(body.vertices).query(place)[0] > FAR * spacing
    dropped = int((~kept).sum())
    notes = (
        *([f"{dropped:,} of {len(every):,} points lie apart and were left out."] if dropped else []),
        *([f"{left_out:,} small pieces that hardly any point lies on were left out."] if left_out else []),
        *([f"{away.mean():.0%} of the points lie beside the surface."] if away.mean() > TOLD else []),
    )
    mesh = Mesh(body.vertices / scale + middle, body.faces)
    shades = None if colours is None else colours_at(mesh.vertices, every[kept], np.asarray(colours)[kept])
    return CloudMesh(mesh, is_watertight(mesh), shades, kept, laid / scale + middle, spacing / scale, notes)


def kept_points(points: NDArray[np.float64], outliers: float) -> NDArray[np.bool_]:
    """(P,) which points of a cloud (P, 3) count. Raises MeshError where they are no cloud.

    Outliers have neighbours, the next and those after it, ``outliers`` times as far as usual.
    """
    if points.ndim != 2 or points.shape[1] != 3:
        raise MeshError(f"a cloud needs points of shape (points, 3), not {points.shape}")
    if not np.isfinite(points).all():
        raise MeshError(
            "the cloud has coordinates that are not finite numbers (NaN or infinity); leave those points out"
        )
    if len(np.unique(points, axis=0)) < FEWEST:
        raise MeshError(f"a surface needs at least {FEWEST} different points; the cloud has fewer")
    if not outliers:
        return np.ones(len(points), bool)
    reach = cKDTree(points).query(points, NEIGHBOURS + 1)[0][:, 1:].mean(1)
    kept: NDArray[np.bool_] = reach <= outliers * np.median(reach)
    return kept if kept.sum() >= FEWEST else np.ones(len(points), bool)


def spacing_of(points: NDArray[np.float64]) -> float:
    """Usual distance of neighbours: the side of the square that one of the points (P, 3) has of the surface."""
    reach = cKDTree(points).query(points, NEIGHBOURS + 1)[0][:, -1]
    return float(np.sqrt(np.pi / NEIGHBOURS * np.median(np.square(reach))))


def colours_at(
    places: NDArray[np.float64], points: NDArray[np.float64], colours: NDArray[np.floating]
) -> NDArray[np.float32]:
    """(V, 3) colours at places (V, 3): of the nearest of points (P, 3), the nearer the more."""
    distance, index = cKDTree(points).query(places, BLENDED)
    weight = 1 / np.maximum(distance, 1e-9 * float(np.ptp(points)))
    blended = (weight[..., None] * colours[index]).sum(1) / weight.sum(1, keepdims=True)
    return blended.astype(np.float32)


def _field(values: NDArray[np.float32]) -> Callable[[Tensor], Tensor]:
    """Values (R, R, R) in the cube as a field that is asked at these very places."""
    known, size = torch.from_numpy(values), len(values)

    def logits(points: Tensor) -> Tensor:
        x, y, z = ((points + 0.5) * (size - 1)).round().long().unbind(1)
        return known[x, y, z]

    return logits


def _thinned(points: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """One point, the mean, of each cell of a grid, whose cells are as large as it takes to have at most ``most``."""
    cell = 1e-6
    while True:
        cells, index = np.unique(np.floor(points / cell).astype(np.int64), axis=0, return_inverse=True)
        if len(cells) <= most:
            break
        cell = max(1.25 * cell, 1e-3)
    count = np.bincount(index.ravel())
    return np.stack([np.bincount(index.ravel(), points[:, axis]) / count for axis in range(3)], 1)


def _without_crumbs(mesh: Mesh, points: NDArray[np.float64], share: float) -> tuple[Mesh, int]:
    """Without hollows and without pieces on which fewer than ``share`` of the points lie -> the rest, how many pieces went.

    One piece always stays.
    """
    pieces = [piece for piece in shells(mesh) if volume(piece) > 0] if len(mesh.faces) else []
    if len(pieces) < 2:
        return join(pieces), 0
    owner = np.repeat(np.arange(len(pieces)), [len(piece.vertices) for piece in pieces])
    nearest = owner[cKDTree(join(pieces).vertices).query(points)[1]]
    held = Counter(nearest.tolist())
    stays = [k for k in range(len(pieces)) if held[k] >= share * len(points)] or [0]
    return join([pieces[k] for k in stays]), len(pieces) - len(stays)
