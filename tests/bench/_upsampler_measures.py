"""What `bench upsampler` measures of clouds, and the shapes that it measures on."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.clouds.even import farthest
from engine.clouds.upsampling import around
from engine.datasets.procedural import CATEGORIES, make
from engine.geometry.mesh import Mesh
from engine.geometry.morph import distances
from engine.geometry.occupancy import surface_points

Points = NDArray[np.float64]
POOL = 4_096  # points that even ones are chosen from
ROUGH = 0.2  # of rough clouds: noise in units of the spacing


def unseen(number: int, seed: int) -> Mesh:
    """The surface of a procedural shape, category by category in turn."""
    return make(CATEGORIES[number % len(CATEGORIES)], seed + number).geometry.surface


def given(surface: Mesh, kind: str, count: int, seed: int) -> Points:
    """(count, 3) points of a surface: ``even``, or ``rough``, which are as random and off the surface as drawn ones."""
    generator = np.random.default_rng(seed)
    pool = surface_points(surface, POOL, generator)
    if kind == "even":
        return pool[farthest(pool, count)]
    points = pool[:count]
    near = torch.from_numpy(points[None])
    spacing = around(near, near, own=True)[1][0].numpy()
    return points + ROUGH * spacing[:, None] * generator.normal(size=points.shape)


def between_closest(known: Points, count: int) -> Points:
    """(count, 3) points midway between the closest pairs of neighbours, which are nearer to the surface but uneven."""
    for many in (6, 12, 24):
        many = min(many, len(known) - 1)
        apart, rows = cKDTree(known).query(known, many + 1)
        pairs = np.sort(np.stack([np.repeat(np.arange(len(known)), many), rows[:, 1:].ravel()], 1), 1)
        pairs, first = np.unique(pairs, axis=0, return_index=True)
        if len(pairs) >= count:
            break
    closest = pairs[np.argsort(apart[:, 1:].ravel()[first], kind="stable")[:count]]
    return known[closest].mean(1)


def unevenness(cloud: Points) -> float:
    """Deviation of the distances to the nearest other point over their mean: 0 on a grid, about 0.5 at random."""
    nearest = cKDTree(cloud).query(cloud, 2)[0][:, 1]
    return float(nearest.std() / nearest.mean())


def against_surface(known: Points, new: Points, surface: Mesh, seed: int) -> dict[str, float]:
    """Thousandths of the cube: ``off``, new points from the surface, mean; ``worst``, their 95th percentile; ``holes``,
    even points of the surface from the nearest point of the whole cloud, mean; and ``uneven``."""
    off, cloud = distances(new, surface), np.concatenate([known, new])
    even = surface_points(surface, POOL, np.random.default_rng(seed + 1))
    return {
        "off": 1e3 * float(off.mean()),
        "worst": 1e3 * float(np.quantile(off, 0.95)),
        "holes": 1e3 * float(cKDTree(cloud).query(even)[0].mean()),
        "uneven": unevenness(cloud),
    }


def against_shapes(cloud: Points, shapes: list[Points]) -> dict[str, float]:
    """``uneven``; ``thick``, thousandths of the cube: points from the plane of their 12 neighbours, mean; ``away``, likewise:
    the least mean distance, both ways, of a cloud and dense clouds of real shapes."""
    tree = cKDTree(cloud)
    near = cloud[tree.query(cloud, 13)[1]]  # (P, 13, 3), itself first
    middle = near[:, 1:].mean(1)
    around_it = near[:, 1:] - middle[:, None]
    normal = np.linalg.svd(around_it, full_matrices=False)[2][:, 2]  # (P, 3)
    thick = np.abs(((near[:, 0] - middle) * normal).sum(1)).mean()
    away = min(cKDTree(real).query(cloud)[0].mean() + tree.query(real)[0].mean() for real in shapes)
    return {"uneven": unevenness(cloud), "thick": 1e3 * float(thick), "away": 1e3 * float(away)}


def means(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The mean of each number."""
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}
