"""A generation that shows its shapes while they form, and keeps what is finished when it is stopped; nothing is computed.

A file ``go`` in the run's folder with a number lets it come so far: 1 = one picture, 2 = the first two are finished, 3 = all.
"""

import time
from collections.abc import Generator

import msgspec
import numpy as np

from engine.finished import KEPT
from engine.forming import KIND, NOTHING, SEEN, STAYS
from engine.jobs import GenerateJob, Job
from engine.mailbox import Preview
from engine.project import Project
from engine.protocol import Event, Finished, Progress
from engine.rows import ShapeRow
from engine.storage import write_json
from tests import fake_runner

COLOUR = (200, 40, 90)


def run(job: Job, project: Project) -> Generator[Event | Preview, None, None]:
    """See above; what is no generation is the fake runner's."""
    if not isinstance(job, GenerateJob):
        yield from fake_runner.run(job, project)
        return
    project.catalogue.acquire(job.run)
    folder = project.run_folder(job.run)
    pictures = np.zeros((job.count, 8, 8, 3), np.uint8)
    state = np.full(job.count, NOTHING, np.uint8)
    step = 0
    try:
        while step < 3:
            gone = folder / "go"
            wanted = int(gone.read_text() or 0) if gone.exists() else 0
            if wanted > step:
                step += 1
                pictures[:] = COLOUR
                state[:] = SEEN
                state[: {1: 0, 2: 2, 3: job.count}[step]] = STAYS
                if step == 2:  # what stays is a shape of the project at once
                    kept = _keep(project, job, 2)
                    write_json(folder / KEPT, {"shapes": kept, "nearest": [], "loose": [], "joints": _joints(kept)})
                yield Preview(KIND, {"pictures": pictures, "state": state})
            time.sleep(0.02)
            yield Progress(stage="whole", done=int((state == STAYS).sum()), total=job.count)
    except GeneratorExit:
        kept = _keep(project, job, int((state == STAYS).sum()))
        write_json(folder / KEPT, {"shapes": kept, "nearest": _near(kept), "loose": [], "joints": _joints(kept)})
        project.catalogue.end_run(job.run, "cancelled")
        raise
    names = _keep(project, job, job.count)
    result = {"run": job.run, "shapes": names, "nearest": _near(names), "loose": names[-1:], "joints": _joints(names)}
    project.finish(job.run, result)
    project.catalogue.end_run(job.run, "finished")
    yield Finished(result=msgspec.to_builtins(result))


def _keep(project: Project, job: GenerateJob, count: int) -> list[str]:
    names = [f"{job.run}/{i:04d}" for i in range(count)]
    rows = [
        ShapeRow(id=name, run=job.run, row=i, kind="generated", present=("seat",), added=time.time())
        for i, name in enumerate(names)
    ]
    project.catalogue.add_shapes(rows)
    return names


def _near(names: list[str]) -> list[dict[str, object]]:
    return [{"shape": name, "nearest": f"chair-{i}", "percentile": 40.0} for i, name in enumerate(names)]


def _joints(names: list[str]) -> list[dict[str, object]]:
    """The second hangs by a thread."""
    return [{"shape": name, "width": 0.01 if i == 1 else 0.1, "delicate": i == 1} for i, name in enumerate(names)]
