"""Meshes without labels, named after the shape that a model knows and that is most like them.

Of the model's training shapes that one is taken whose inside agrees best with that of the mesh. Each place on the mesh then
belongs to the part of that shape which is nearest to it, as logits tell; labels of its own are not looked at.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.geometry.file import load_geometry, save_geometry
from engine.geometry.mesh import Geometry
from engine.geometry.occupancy import occupied, surface_points
from engine.geometry.regions import LABELS, from_cloud
from engine.known import read_known
from engine.method import Representation, Shapes
from engine.project import Project
from engine.protocol import Progress, Stage
from engine.rows import ItemRow
from engine.shapes import model_path
from engine.shipping.pack import representation_of
from tests.bench._real_parts import row_of

ROUGH, FINE = 512, 4_096  # points at which many shapes, and then the best of them, are compared
BEST = 8
TOGETHER = 64  # shapes


def bring_unnamed(project: Project, item: ItemRow, model: str) -> Stage[ItemRow]:
    """The item once more, with part names of a shipped model instead of its own; what the project has already stays."""
    ident = f"{item.id}-unnamed"
    if all(other.id != ident for other in project.catalogue.items()):
        geometry = load_geometry(project.geometry_path(item.id))
        named = yield from borrowed(replace(geometry, parts={}, regions=None, complete=True), model, project)
        path = project.geometry_path(ident)
        save_geometry(path, named)
        project.catalogue.add_items([row_of(ident, item.category, named, path)])
    return project.catalogue.item(ident)


def borrowed(geometry: Geometry, model: str, project: Project) -> Stage[Geometry]:
    """A mesh without labels -> with labels on its surface."""
    shapes = read_known(model, project).shapes
    representation = representation_of(Path(model_path(model, project)))
    rows = np.arange(len(shapes.latent))
    for count, kept in ((ROUGH, BEST), (FINE, 1)):
        points = _points(geometry, count)
        agree = yield from _agreement(representation, shapes, rows, points, occupied(geometry, points))
        rows = rows[np.argsort(-agree, kind="stable")[:kept]]
    places = surface_points(geometry.surface, LABELS, np.random.default_rng(0))
    logits = _logits(representation, shapes, rows, places)[0]  # (K, P)
    names = tuple(part.name for part in representation.parts)
    return replace(geometry, regions=from_cloud(places, logits.argmax(0).numpy(), names))


def _points(geometry: Geometry, count: int) -> NDArray[np.float64]:
    """(count, 3): half of them about the surface, the others anywhere in its box."""
    random = np.random.default_rng(count)
    near = surface_points(geometry.surface, count // 2, random)
    low, high = geometry.surface.bounds
    return np.concatenate([near + random.normal(0, 0.03, near.shape), random.uniform(low, high, near.shape)])


def _agreement(
    representation: Representation,
    shapes: Shapes,
    rows: NDArray[np.int64],
    points: NDArray[np.float64],
    inside: NDArray[np.bool_],
) -> Stage[NDArray[np.float64]]:
    """(N,) IoU of the shapes ``rows`` (N,) with an inside that is known at points (P, 3)."""
    found = []
    for start in range(0, len(rows), TOGETHER):
        yield Progress(stage="borrow", done=start, total=len(rows))
        within = (_logits(representation, shapes, rows[start : start + TOGETHER], points) > 0).any(1).numpy()
        found.append((within & inside).sum(1) / (within | inside).sum(1))
    return np.concatenate(found)


def _logits(representation: Representation, shapes: Shapes, rows: NDArray[np.int64], points: NDArray) -> Tensor:
    """(N, K, P) of each part; absent ones are nowhere."""
    index = torch.from_numpy(rows)
    assert shapes.present is not None
    there = shapes.present[index]
    some = replace(shapes, latent=shapes.latent[index], present=there)
    with torch.no_grad():
        logits = representation.part_logits(some, torch.from_numpy(points.astype(np.float32)))
    return torch.where(there[..., None], logits, -torch.inf)
