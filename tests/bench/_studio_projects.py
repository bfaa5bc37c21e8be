"""The projects that `bench studio` opens: one with shapes of the models that come with the program, one with 5,000 cards."""

import os
import shutil
import time
from pathlib import Path

from PIL import Image, ImageDraw

from engine import pipeline, shipped
from engine.errors import InputError
from engine.jobs import GenerateJob, Job, SamplesJob
from engine.project import Project
from engine.protocol import Finished, Stage
from engine.rows import ShapeRow
from tests.bench._studio_jobs import MODELS, SHORT_FIT

SHAPES = 12  # of each model
PARTS = {"chair": ("seat", "back", "leg"), "airplane": ("body", "wing", "tail", "engine")}
PICTURES, SIDE = 24, 256  # different ones, pixels per side
PER_RUN = 250


def work_project(folder: Path) -> Stage[Path]:
    """Twelve chairs and twelve aeroplanes, and a fit on which a training can go on as long as it is let; made once."""
    _begin(folder)
    with Project(folder) as project:
        for name in MODELS:
            if name not in shipped.names():
                raise InputError(f"the model {name} is not shipped yet; make it with `make models`")
            job = GenerateJob(
                run=name, model=f"{shipped.PREFIX}{name}", count=SHAPES, seed=3, picture=False, whole=False
            )
            yield from _run(job, project)
        yield from _run(SamplesJob(run="items", category="airplane", count=8), project)
        yield from _run(SHORT_FIT, project)
    return folder


def large_project(folder: Path, count: int) -> Path:
    """``count`` shapes as their rows and pictures have them, without latents; made once."""
    _begin(folder)
    with Project(folder) as project:
        if len(project.catalogue.shapes()) >= count:
            return folder
        pictures = [_picture(folder / "cache" / f"bench-{i}.png", i) for i in range(PICTURES)]
        for start in range(0, count, PER_RUN):
            name = MODELS[start // PER_RUN % len(MODELS)]
            job = GenerateJob(model=f"{shipped.PREFIX}{name}", count=PER_RUN, seed=start, picture=False)
            run = project.submit(job).run
            project.catalogue.acquire(run)
            rows = [_row(run, i, name) for i in range(min(PER_RUN, count - start))]
            project.catalogue.add_shapes(rows)
            nearest = [
                {"shape": row.id, "nearest": f"{name}-0-{row.row:05d}", "percentile": 100.0 * row.row / PER_RUN}
                for row in rows
            ]
            project.finish(run, {"run": run, "shapes": [row.id for row in rows], "nearest": nearest})
            project.catalogue.end_run(run, "finished")
            there = folder / "cache" / "thumbnails" / run
            there.mkdir(parents=True, exist_ok=True)
            for row in rows:
                os.link(pictures[(start + row.row) % PICTURES], there / f"{row.row:04d}-{SIDE}.png")
    return folder


def _row(run: str, number: int, name: str) -> ShapeRow:
    present = tuple(part for i, part in enumerate(PARTS[name]) if i == 0 or number % (i + 2))
    return ShapeRow(id=f"{run}/{number:04d}", run=run, row=number, kind="generated", present=present, added=time.time())


def _picture(path: Path, number: int) -> Path:
    """A shaded ball, of the size that drawn pictures have on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (SIDE, SIDE), "white")
    pencil = ImageDraw.Draw(image)
    for ring in range(100):
        shade = 2 * ring + 40
        box = (20 + ring, 20 + ring, SIDE - 20 - ring, SIDE - 20 - ring)
        pencil.ellipse(box, fill=(shade, (shade + 10 * number) % 256, 200 - ring))
    image.save(path)
    return path


def _begin(folder: Path) -> None:
    if not (folder / "project.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        Project.create(folder).close()


def _run(job: Job, project: Project) -> Stage[None]:
    """The job to its end; at once where it is finished."""
    for event in pipeline.run(job, project):
        if isinstance(event, Finished):
            return
        yield event
    raise InputError(f"{job.run} did not finish")
