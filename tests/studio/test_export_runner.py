"""A scripted runner of exports for the window's tests; it has no tests of its own. Without torch."""

from collections.abc import Generator
from pathlib import Path

from engine.errors import InputError
from engine.jobs import ExportJob, Job
from engine.mailbox import Preview
from engine.project import Project
from engine.protocol import Event, Finished, Progress
from studio.models.export_presets import file_names


def run(job: Job, project: Project) -> Generator[Event | Preview, None, None]:
    """Writes 5,000 bytes a file; the last of several shapes is refused. Nothing is replaced unasked."""
    assert isinstance(job, ExportJob)
    project.catalogue.acquire(job.run)
    paths = [Path(job.out) / file_names(shape, job.format)[-1] for shape in job.shapes]
    if not job.overwrite and any(path.exists() for path in paths):
        project.catalogue.end_run(job.run, "failed", "it is there")
        raise InputError("it is there")
    Path(job.out).mkdir(parents=True, exist_ok=True)
    refused, files = {}, []
    for done, (shape, path) in enumerate(zip(job.shapes, paths, strict=True)):
        yield Progress(stage="export", done=done, total=len(paths))
        if done and done == len(paths) - 1:
            refused[shape] = "it is made of cheese"
            continue
        path.write_bytes(bytes(5_000))
        about = {"faces": 1_234, "watertight": True, "size": [0.5, 0.25, 1.0], "unit": "m", "health": {"words": []}}
        files.append({"shape": shape, "path": str(path), "parts": [], **about})
    project.catalogue.end_run(job.run, "finished")
    yield Finished(result={"files": files, "empty": [], "refused": refused})
