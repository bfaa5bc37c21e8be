"""How different the shapes of a category are from each other: the measure that keeps near-identical shapes out."""

import numpy as np

from engine.datasets.procedural import make
from engine.errors import InputError
from engine.geometry.occupancy import surface_points
from engine.metrics.chamfer import chamfer, chamfer_matrix
from engine.protocol import Progress, Stage
from engine.storage import seed_of


def variety(category: str, count: int, points: int = 512) -> Stage[dict[str, float]]:
    """Distances of the shapes with seeds 0 to count - 1 to their nearest neighbours among each other, all pairs measured.

    Chamfer distance (`engine.metrics.chamfer`) between clouds of ``points`` points of the unions' outer surfaces. Keys:
    ``median``, ``p05``, ``p95``, and ``floor``, the median distance of two clouds of one and the same shape, below which
    nothing can be told apart. Raises InputError for fewer than two shapes or an unknown category.
    """
    if count < 2:
        raise InputError(f"variety needs at least two shapes to compare, not {count}")
    clouds, floor = [], []
    for seed in range(count):
        yield Progress(stage="make shapes", done=seed, total=count)
        surface = make(category, seed).geometry.surface
        generator = np.random.default_rng(seed_of("variety", category, seed))
        first, second = (surface_points(surface, points, generator) for _ in range(2))
        clouds.append(first)
        floor.append(chamfer(first, second))
    distance = yield from chamfer_matrix(np.stack(clouds))
    np.fill_diagonal(distance, np.inf)
    p05, median, p95 = np.percentile(distance.min(1), [5, 50, 95])
    return {"median": float(median), "p05": float(p05), "p95": float(p95), "floor": float(np.median(floor))}
