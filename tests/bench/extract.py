"""`bench extract`: the search of ``engine.geometry.surface`` against the plain dense grid, same field, one thread, CPU time.

Fields: networks 27-128-128-128-1 fitted here to 12 Princeton aircraft and chairs, and to sheets and square rods two voxels
across at several angles. Networks of the same size that hold those sheets and rods exactly, and the same as analytic
logits, also clipped (saturated) so that nothing shows a voxel or two away from the surface, are there to see that nothing
is missed.
"""

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes
from torch import Tensor

from engine.errors import InputError
from engine.fields.fit import FitData, fit_anchor, fit_fields
from engine.fields.mlp import WeightField
from engine.geometry.blocks import Field
from engine.geometry.canonical import canonical
from engine.geometry.mesh import Geometry, Mesh, is_watertight
from engine.geometry.occupancy import sample
from engine.geometry.read import read
from engine.geometry.surface import extract
from engine.protocol import Progress, Stage
from engine.settings import FitSettings, SampleSettings
from tests.bench._one_thread import one_thread
from tests.bench._thin_boxes import LAYOUT, SETTINGS, boxes_of, exact

ROOT = Path(__file__).parents[2]
PRINCETON = (61, 62, 63, 65, 68, 70, 71, 72, 101, 104, 110, 111)  # 8 aircraft, 4 chairs
BATCH = 64**3  # points per call of the dense grid, as published

SAME = 0.1  # voxels: surfaces nearer than this count as the same

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """One field, both ways. ``distance_voxels`` is no less than the largest distance between the two surfaces."""

    kind: str
    field: str
    dense_s: float
    ours_s: float
    points: int
    faces: int
    faces_dense: int
    distance_voxels: float
    watertight: bool

    @property
    def ratio(self) -> float:
        return self.dense_s / self.ours_s


class Counted:
    """A field that counts the points it was asked for."""

    def __init__(self, field: Field):
        self.field = field
        self.points = 0

    def __call__(self, points: Tensor) -> Tensor:
        self.points += len(points)
        return self.field(points)


def run(quick: bool = False) -> Stage[dict[str, Any]]:
    """Compare on all fields at 256 per axis, then extract one fitted field at 1024. ``quick``: few fields, small grids."""
    with one_thread():
        return (yield from _compare(quick))


def _compare(quick: bool) -> Stage[dict[str, Any]]:
    resolution, largest, coarse = (128, 256, 16) if quick else (256, 1024, None)
    fields: list[tuple[str, str, Field]] = []
    fitted: list[float] = []
    named = [("fitted", f"princeton {number}", _princeton(number)) for number in PRINCETON[: 1 if quick else None]]
    boxes = list(boxes_of(resolution))
    named += [(f"{shape}, fitted", name, box.geometry()) for shape, name, box in boxes[: 2 if quick else None]]
    for number, (kind, name, geometry) in enumerate(named):
        network, iou = yield from _fitted(geometry, number, 200 if quick else FitSettings().steps)
        fields.append((kind, name, network))
        fitted.append(iou)
    fields += list(exact(boxes, resolution))

    rows = []
    for place, (kind, name, field) in enumerate(fields):
        yield Progress(stage="compare", done=place, total=len(fields), message=name)
        plain, plain_s = yield from _timed(dense(field, resolution))
        counted = Counted(field)
        found, found_s = yield from _timed(extract(counted, resolution, coarse=coarse))
        yield Progress(stage="compare", done=place, total=len(fields), message=name)
        away = _distance(plain, found) * (resolution - 1)
        faces = len(found.faces), len(plain.faces)
        rows.append(Row(kind, name, plain_s, found_s, counted.points, *faces, away, is_watertight(found)))
    most = max((row for row in rows if row.kind == "fitted"), key=lambda row: row.faces).field
    chosen = [one for one in fields if one[1] == most] + [one for one in fields if one[0] == "rod, fitted"][:1]
    large = []
    for _, name, field in chosen:
        mesh, large_s = yield from _timed(extract(field, largest))
        about = {"field": name, "cpu_s": round(large_s, 2), "faces": len(mesh.faces), "watertight": is_watertight(mesh)}
        large.append(about)

    same = all(row.distance_voxels < SAME and row.watertight for row in rows)
    networks = [row for row in rows if "analytic" not in row.kind]
    plain_total, found_total = sum(row.dense_s for row in networks), sum(row.ours_s for row in networks)
    return {
        "name": "extract",
        "baseline": {"what": f"dense grid of {resolution}^3, marching cubes once", "cpu_s": round(plain_total, 2)},
        "ours": {"what": "search from coarse to fine", "cpu_s": round(found_total, 2)},
        "ratio": round(min(row.ratio for row in networks), 1) if same else 0.0,
        "details": {
            "ratio_is": (
                "the lowest of all fields that are networks, 0 unless every surface is the same; "
                "analytic fields cost almost nothing per point, so their "
                "times are those of marching cubes: they are here to see that nothing is missed"
            ),
            "goal": {"ratio": 15, "distance_voxels": 0.1, "large_cpu_s": 120, "large_peak_gb": 3},
            "ratio_total": round(plain_total / found_total, 1),
            "by_kind": _by_kind(rows),
            "largest_distance_voxels": round(max(row.distance_voxels for row in rows), 5),
            "same_face_counts": all(row.faces == row.faces_dense for row in rows),
            "all_watertight": all(row.watertight for row in rows),
            "points_dense": resolution**3,
            "fitted_iou": {name: round(iou, 4) for (_, name, _), iou in zip(named, fitted, strict=True)},
            "large": {
                "resolution": largest,
                "peak_gb_of_whole_run": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
                "runs": large,
            },
            "fields": [asdict(row) | {"ratio": round(row.ratio, 1)} for row in rows],
        },
    }


def _by_kind(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    result = {}
    for kind in dict.fromkeys(row.kind for row in rows):
        same = [row for row in rows if row.kind == kind]
        ratios = [row.ratio for row in same]
        result[kind] = {
            "fields": len(same),
            "least_ratio": round(min(ratios), 1),
            "median_ratio": round(float(np.median(ratios)), 1),
            "most_points": max(row.points for row in same),
        }
    return result


def dense(field: Field, resolution: int) -> Stage[Mesh]:
    """The baseline: every vertex of the grid, then marching cubes once over all of it."""
    axis = (torch.arange(resolution, dtype=torch.float64) / (resolution - 1) - 0.5).float()
    grid = np.empty(resolution**3, np.float32)
    for start in range(0, len(grid), BATCH):
        index = torch.arange(start, min(start + BATCH, len(grid)))
        place = (index // resolution**2, index // resolution % resolution, index % resolution)
        points = torch.stack([axis[one] for one in place], 1)
        with torch.no_grad():
            grid[start : start + BATCH] = field(points).numpy()
        yield Progress(stage="dense", done=start, total=len(grid))
    volume = np.pad(grid.reshape((resolution,) * 3), 1, constant_values=-1e6)
    vertices, faces, _, _ = marching_cubes(volume, 0.0, gradient_direction="ascent")
    return Mesh((vertices.astype(np.float64) - 1) / (resolution - 1) - 0.5, faces.astype(np.int32))


def _timed(stage: Stage[T]) -> Stage[tuple[T, float]]:
    """The stage's result and the CPU seconds it took; what the receiver of its events does meanwhile is left out."""
    spent = 0.0
    while True:
        begun = time.process_time()
        try:
            event = next(stage)
        except StopIteration as stop:
            return stop.value, spent + time.process_time() - begun
        spent += time.process_time() - begun
        yield event


def _distance(one: Mesh, other: Mesh) -> float:
    """Largest distance from a vertex of either mesh to the nearest vertex of the other, and the same for face centres.

    Small only when both meshes have the same triangles in the same places, which says more than near surfaces.
    """
    if not len(one.faces) or not len(other.faces):
        return 0.0 if len(one.faces) == len(other.faces) else float("inf")
    away = 0.0
    for mine, theirs in ((one.vertices, other.vertices), (_centres(one), _centres(other))):
        for a, b in ((mine, theirs), (theirs, mine)):
            away = max(away, float(cKDTree(b).query(a)[0].max()))
    return away


def _centres(mesh: Mesh) -> np.ndarray:
    return np.asarray(mesh.vertices[mesh.faces].mean(1))  # (F, 3)


def _princeton(number: int) -> Geometry:
    folder = Path(os.environ.get("SHAPESTUDIO_TEST_DATA", ROOT / "../shared/data")).resolve()
    path = folder / f"psb_segbench/off/{number}.off"
    if not path.is_file():
        raise InputError(f"{path} is absent; set SHAPESTUDIO_TEST_DATA to the folder of real test data")
    return canonical(read(path).surface)


def _fitted(geometry: Geometry, seed: int, steps: int) -> Stage[tuple[WeightField, float]]:
    """Network fitted to a shape by the default recipe, from random weights, and its held-out IoU."""
    train, held_out = (sample(geometry, SampleSettings(), (), seed, unseen) for unseen in (False, True))
    data = [FitData(str(seed), train, held_out)]
    fit = FitSettings(steps=steps, anchor="random", check_every=min(steps, FitSettings().check_every))
    anchor = yield from fit_anchor(data, SETTINGS, fit, LAYOUT, seed=0)
    result = yield from fit_fields(data, SETTINGS, fit, LAYOUT, anchor, seed=0)
    return WeightField(result.weights[0], LAYOUT, SETTINGS), float(result.iou[0])
