"""Engines that answer at once, without torch: scripted jobs and answers in the real processes, over the real pipes.

What a job does is told by its seed or category: see ``run``.
"""

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import InputError
from engine.jobs import GenerateJob, Job, SamplesJob
from engine.live_requests import (
    Computer,
    Decode,
    File,
    Filed,
    Hardware,
    Meshes,
    Picture,
    Piece,
    Request,
    Thumbnail,
)
from engine.live_worker import Given
from engine.mailbox import Preview
from engine.project import Project
from engine.protocol import Event, Finished, Note, Progress, Stage
from engine.rows import ShapeRow
from engine.shipped import is_shipped
from tests import fake_runner

FAIL, CRASH_ONCE, SLOW = 13, 14, 15  # seeds of generations that go wrong, or take their time
UNKNOWN = "the fake knows nothing of this job"
WORDS = "the model is made of cheese; train another one"


def run(job: Job, project: Project) -> Generator[Event | Preview, None, None]:
    """A generation that enters shapes into the catalogue; samples are the fake runner's, any other job fails."""
    if not isinstance(job, GenerateJob | SamplesJob):
        project.catalogue.acquire(job.run)
        project.catalogue.end_run(job.run, "failed", UNKNOWN)
        raise InputError(UNKNOWN)
    if isinstance(job, SamplesJob):
        yield from fake_runner.run(job, project)
        return
    project.catalogue.acquire(job.run)
    folder = project.run_folder(job.run)
    try:
        for done in range(job.count):
            if job.seed == FAIL and done == 1:
                raise InputError(WORDS)
            if job.seed == CRASH_ONCE and done == 1 and not (folder / "crashed").exists():
                (folder / "crashed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.1 if job.seed == SLOW else 0.002)
            yield Progress(stage="sample", done=done + 1, total=job.count)
    except GeneratorExit:
        project.catalogue.end_run(job.run, "cancelled")
        raise
    except InputError as error:
        project.catalogue.end_run(job.run, "failed", str(error))
        raise
    shapes = [
        ShapeRow(
            id=f"{job.run}/{i:04d}", run=job.run, row=i, kind="generated", present=("leg", "seat"), added=time.time()
        )
        for i in range(job.count)
    ]
    project.catalogue.add_shapes(shapes)
    yield Note(text="one of them is crooked", warning=True)
    names = [shape.id for shape in shapes]
    nearest = [{"shape": name, "nearest": "airplane-0007", "percentile": 40.0 * i} for i, name in enumerate(names)]
    result = {"run": job.run, "shapes": names, "drawn_again": 2, "nearest": nearest if is_shipped(job.model) else []}
    project.finish(job.run, result)
    project.catalogue.end_run(job.run, "finished")
    yield Finished(result=result)


class FakeAnswers:
    """Every shape is a box; its picture is grey."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def answer(self, request: Request) -> Stage[Given]:
        """See ``engine.live_worker.Answers``."""
        yield Progress(stage="think", done=0, total=1)
        if isinstance(request, Thumbnail):
            path = self._folder / "cache" / f"{request.name.replace('/', '-')}.png"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (32, 32), (90, 120, 150)).save(path)
            return Given(Picture(path=str(path)))
        if isinstance(request, Decode):
            corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32) - 0.5
            faces = np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]], np.int32)
            piece = Piece(name="seat", part="seat", key="k", colour=(0.3, 0.4, 0.6))
            arrays = {"vertices/seat": corners, "faces/seat": faces}
            return Given(Meshes(resolution=request.resolution, pieces=(piece,)), arrays)
        if isinstance(request, File):
            path = self._folder / "cache" / "files" / f"{request.name.replace('/', '-')}.glb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"a box")
            return Given(Filed(path=str(path)))
        if isinstance(request, Hardware):
            return Given(Computer(name="Abacus 3000"))
        raise InputError("the fake knows nothing of this")

    def relieve(self) -> bool:
        """Nothing is kept."""
        return False

    def close(self) -> None:
        """Nothing is open."""
