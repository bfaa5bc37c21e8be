"""Procedural shapes as items of a project."""

import time
from typing import Any

from engine.datasets import procedural
from engine.datasets.keeping import keep_geometry
from engine.datasets.splits import split_of, warn_of_duplicates
from engine.datasets.summary import result_of
from engine.geometry.judge import judge
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
        keep_geometry(project.geometry_path(ident).parent, shape.geometry)
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
