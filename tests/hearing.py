"""Stages and jobs with their results, and what was heard of them."""

from typing import Any, TypeVar

from engine import Project, run
from engine.jobs import Job
from engine.protocol import Finished, Note, Stage
from engine.stages import ended, retold

T = TypeVar("T")


def heard(stage: Stage[T]) -> tuple[T, list[Any]]:
    """The result of a stage, and its events."""
    events: list[Any] = []
    return ended(retold(stage, events.append)), events


def finished(job: Job, project: Project, notes: list[str] | None = None) -> dict[str, Any]:
    """The result of a job, which is run to its end; what it said is put into ``notes``."""
    event: Any = None
    for event in run(job, project):
        if isinstance(event, Note) and notes is not None:
            notes.append(event.text)
    assert isinstance(event, Finished)
    return event.result
