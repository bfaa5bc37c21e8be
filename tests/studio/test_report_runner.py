"""A scripted runner of evaluations for the window's tests; it has no tests of its own. Without torch."""

import shutil
from collections.abc import Generator

from engine.jobs import EvaluateJob, Job, ReportJob
from engine.mailbox import Preview
from engine.project import Project
from engine.protocol import Event, Finished, Progress


def run(job: Job, project: Project) -> Generator[Event | Preview, None, None]:
    """Every evaluation finds what lies in the project's given.json."""
    assert isinstance(job, EvaluateJob | ReportJob)
    project.catalogue.acquire(job.run)
    folder = project.run_folder(job.run)
    yield Progress(stage="decode", done=0, total=1)
    if isinstance(job, EvaluateJob):
        shutil.copyfile(project.folder / "given.json", folder / "evaluation.json")
    (folder / "report.html").write_text("<title>Report</title>")
    project.catalogue.end_run(job.run, "finished")
    yield Finished(result={"run": job.run})
