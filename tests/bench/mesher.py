"""`bench mesher`: clean clouds of 2,048 points become meshes, and how near these come to the shapes the points are from.

A thousand procedural shapes of all six categories. Chamfer distances are those of 2,048 points on the mesh to 2,048 others
on the shape; "real" is that of two such samplings of the shape itself, which is the least that can be expected. IoU is
that of the inside on even points. The baseline is what needs no thought: all that is within a spacing of a point, which
is closed too, but swollen, and hollow. What is known of a shape is kept at once, so a run that was stopped goes on.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from engine.cloud_settings import CloudMeshSettings
from engine.datasets.procedural import CATEGORIES, VERSION, make
from engine.geometry.from_cloud import mesh_of_cloud, spacing_of
from engine.geometry.inside import inside
from engine.geometry.mesh import Mesh, is_watertight
from engine.geometry.occupancy import occupied, surface_points
from engine.geometry.surface import extract
from engine.metrics.chamfer import chamfer
from engine.metrics.reconstruction import iou
from engine.protocol import Progress, Stage
from engine.settings import Settings
from engine.storage import digest, write_json

ROOT = Path(__file__).parents[2]
GOAL = {"watertight": 0.95, "over_real": 2.0}
FIRST = 900_000  # of the seeds: no model has learned from these
EVEN = 8_192  # points by which IoU is told
GRID = 128  # of the baseline


class Recipe(Settings, frozen=True):
    """What is done; its digest is part of the folder's name."""

    shapes: int = 1_000
    points: int = 2_048
    mesher: CloudMeshSettings = CloudMeshSettings()
    version: int = VERSION
    ours: int = 3  # raise it when the mesher gives other meshes with the same settings


def run(quick: bool = False) -> Stage[dict[str, Any]]:
    """The benchmark's JSON object."""
    recipe = Recipe(shapes=6, points=512) if quick else Recipe()
    cache = Path(os.environ.get("SHAPESTUDIO_BENCH_CACHE", ROOT / "build/bench")) / "mesher"
    folder = cache / digest(msgspec.json.encode(recipe))
    rows = []
    for number in range(recipe.shapes):
        path = folder / f"{number:04d}.json"
        if not path.exists():
            write_json(path, (yield from _measured(recipe, number)))
        rows.append(msgspec.json.decode(path.read_bytes()))
        yield Progress(stage="shapes", done=number + 1, total=recipe.shapes)
    return judged(recipe, rows)


def _measured(recipe: Recipe, number: int) -> Stage[dict[str, Any]]:
    """One shape, both ways."""
    category, seed = CATEGORIES[number % len(CATEGORIES)], FIRST + number
    shape, generator = make(category, seed).geometry, np.random.default_rng(seed)
    cloud = surface_points(shape.surface, recipe.points, generator)
    one, other = (surface_points(shape.surface, 2_048, generator) for _ in range(2))
    even = generator.uniform(-0.5, 0.5, (EVEN, 3))
    truth = occupied(shape, even)

    def told(mesh: Mesh, watertight: bool, cpu_s: float) -> dict[str, Any]:
        distance = chamfer(surface_points(mesh, 2_048, generator), one)
        common = iou(inside(mesh, even), truth)
        return {"chamfer": distance, "iou": common, "watertight": watertight, "cpu_s": cpu_s}

    begun = time.process_time()
    found = yield from mesh_of_cloud(cloud, settings=recipe.mesher)
    ours = told(found.mesh, found.watertight, time.process_time() - begun)
    begun = time.process_time()
    balls = yield from extract(_balls(cloud), GRID)
    theirs = told(balls, is_watertight(balls), time.process_time() - begun)
    return {"category": category, "seed": seed, "real": chamfer(one, other), "ours": ours, "balls": theirs}


def _balls(cloud: NDArray[np.float64]) -> Callable[[Tensor], Tensor]:
    """The union of balls about points, as wide as points are apart."""
    tree, radius = cKDTree(cloud), spacing_of(cloud)
    return lambda points: torch.from_numpy((radius - tree.query(points.numpy())[0]).astype(np.float32))


def judged(recipe: Recipe, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The benchmark's result: medians of Chamfer distances over those of the shapes themselves."""

    def told(way: str, some: list[dict[str, Any]]) -> dict[str, float]:
        return {
            "over_real": round(median(row[way]["chamfer"] for row in some) / median(row["real"] for row in some), 3),
            "iou": round(mean(row[way]["iou"] for row in some), 4),
            "watertight": round(mean(row[way]["watertight"] for row in some), 4),
            "cpu_s": round(median(row[way]["cpu_s"] for row in some), 2),
        }

    ours, theirs = told("ours", rows), told("balls", rows)
    return {
        "name": "mesher",
        "baseline": {"what": "union of balls, as wide as the points are apart", **theirs},
        "ours": {"what": "the solid of the Gauss formula, thin parts bridged", **ours},
        "ratio": round(theirs["over_real"] / ours["over_real"], 2),
        "details": {
            "ratio_is": "median Chamfer distance to the shape, of the union of balls over ours",
            "goal": GOAL,
            "shapes": len(rows),
            "points": recipe.points,
            "real_chamfer": median(row["real"] for row in rows),
            "categories": {
                name: {way: told(way, some) for way in ("ours", "balls")}
                for name in CATEGORIES
                if (some := [row for row in rows if row["category"] == name])
            },
        },
    }
