"""Shape Studio's engine: meshes in, neural fields, diffusion, new meshes out. Importing it does not import torch."""

from collections.abc import Iterator

from engine.jobs import Job
from engine.mailbox import Preview
from engine.project import Project
from engine.protocol import Event

__version__ = "0.1.0"
__all__ = ["Project", "run"]


def run(job: Job, project: Project) -> Iterator[Event | Preview]:
    """Run a job in this process, event by event; the last event is ``Finished`` with the job's result.

    >>> for event in run(FitJob(settings=preset("semantic", "tiny")), Project("chairs")): print(event)

    Raises StudioError when the job cannot go on; the run can be resumed by running the same job again.
    """
    from engine import pipeline

    return pipeline.run(job, project)
