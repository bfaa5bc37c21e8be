"""Procedural shapes as items of a project."""

import time
from typing import Any

import numpy as np

from engine.datasets import procedural
from engine.datasets.marks import forget_painting
from engine.datasets.splits import POINTS, split_of, warn_of_duplicates, write_cloud
from engine.datasets.summary import result_of
from engine.geometry.file import save_geometry
from engine.geometry.judge import judge
from engine.geometry.mesh import Geometry
from engine.geometry.occupancy import surface_points
from engine.jobs import SamplesJob
from engine.project import Project
from engine.protocol import Progress, Stage
from engine.rows import ItemRow
from engine.storage import digest, seed_of


def make_samples(job: SamplesJob, project: Project) -> Stage[dict[str, Any]]:
    """Make ``count`` procedural items; item i of a seed is the same whatever the count."""
    items: list[ItemRow] = []
    for i in range(job.count):
        yield Progress(stage="make shapes", done=i, total=job.count)
        shape = procedural.make(job.category, seed_of(job.seed, i) % 2**31)
        ident = f"{job.category}-{job.seed}-{i:05d}"
        about = f"procedural/{procedural.VERSION}/{job.category}/{shape.seed}"
        judgement = judge(shape.geometry.surface, (), False, 0.0, {})
        _keep(project, ident, shape.geometry)
        row = ItemRow(
            id=ident,
            kind="procedural",
            category=job.category,
            path=about,
            hash=digest(about.encode()),
            verdict=judgement.verdict,
            reason=judgement.reason,
            split=split_of(ident),
            parts=tuple(shape.geometry.parts),
            captions=shape.captions,
            attributes=shape.attributes,
            origin=f"procedural generator, version {procedural.VERSION}",
            licence="CC0-1.0",
            added=time.time(),
        )
        project.catalogue.add_items([row])
        items.append(row)
    yield Progress(stage="make shapes", done=job.count, total=job.count)
    yield from warn_of_duplicates(project, items)
    return result_of(items)


def _keep(project: Project, ident: str, geometry: Geometry) -> None:
    path = project.geometry_path(ident)
    save_geometry(path, geometry)
    forget_painting(path.parent)
    generator = np.random.default_rng(seed_of("cloud", ident))
    cloud = surface_points(geometry.surface, 2 * POINTS, generator).reshape(2, POINTS, 3)
    write_cloud(path.with_name("cloud.safetensors"), cloud.astype(np.float32))
