"""One job of the queue, as far as the window knows: its state, how far it is, and how long it still takes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from engine.jobs import GenerateJob, Job
from engine.protocol import Progress
from studio.models.titles import counted, duration, title_of

State = Literal["waiting", "running", "paused", "stopping", "finished", "failed", "cancelled"]
ENDED = ("finished", "failed", "cancelled")
DRAW, SETTLE = "sample", "whole"  # stages of a generation: all shapes are drawn at once; one by one it is known to stay
DRAWN, ALMOST = 0.1, 0.99  # share of a generation when all are drawn; the most before it has ended


@dataclass
class Task:
    """A job and what became of it.

    done, total : units of ``stage``, 0 of 0 before the first word of it
    stubborn : a cancel was not obeyed in time, so that only force helps
    aside : it stops to let another one go first, and goes on after that
    text, trace : why it failed, and for whom wants to know more; warnings : notes that affect its result
    """

    job: Job
    state: State = "waiting"
    stage: str = ""
    done: int = 0
    total: int = 0
    message: str = ""
    stubborn: bool = False
    aside: bool = False
    text: str = ""
    trace: str = ""
    warnings: list[str] = field(default_factory=list)
    result: dict[str, object] = field(default_factory=dict)
    _begun: tuple[str, int, float] = ("", 0, 0.0)
    _counted: tuple[int, int] = (0, 0)  # done, total of the stage that tells how long it still takes
    _ahead: float = 0.0  # of a generation: the share of all of it

    @property
    def run(self) -> str:
        """The run that the job is done in."""
        return self.job.run

    @property
    def title(self) -> str:
        """What it does."""
        return title_of(self.job)

    @property
    def share(self) -> float | None:
        """How much of the stage is done, 0 to 1, of a generation how much of all; None while that is not known."""
        if isinstance(self.job, GenerateJob):
            return self._ahead or None
        return min(self.done / self.total, 1.0) if self.total else None

    @property
    def seconds_left(self) -> float | None:
        """Of this stage, of a generation until all shapes are there, by the speed so far; None in the first two seconds."""
        _, first, began = self._begun
        done, total = self._counted
        spent = time.monotonic() - began
        if self.state != "running" or done <= first or spent < 2:
            return None
        return (total - done) * spent / (done - first)

    def hear(self, event: Progress) -> None:
        """Take over how far it is."""
        if isinstance(self.job, GenerateJob):
            self._ahead = max(self._ahead, _share_of(self.job, event))
        if not isinstance(self.job, GenerateJob) or event.stage == (SETTLE if self.job.whole else DRAW):
            self._counted = event.done, event.total
            if self._begun[0] != event.stage:
                self._begun = (event.stage, event.done, time.monotonic())
        self.stage, self.done, self.total, self.message = event.stage, event.done, event.total, event.message

    def rest(self) -> None:
        """Forget the speed, which says nothing across a pause."""
        self._begun = ("", 0, 0.0)


def _share_of(job: GenerateJob, event: Progress) -> float:
    """Share of a generation that is done by one word of it: shapes that stay of all; 0 of a stage that says nothing."""
    most = {SETTLE: 1.0, DRAW: DRAWN if job.whole else 1.0}.get(event.stage, 0.0)
    return min(most * event.done / event.total, ALMOST) if event.total else 0.0


def words_of_waiting(before: int, running: Task | None, held: bool) -> str:
    """What a job waits for that has so many others ``before`` it, besides the running one; ``held``: none is begun."""
    if running is None:
        return "waits: the queue is on hold" if held else "waits for the engine"
    left = running.seconds_left
    more = f" and {counted(before, 'more job')}" if before else ""
    return f"waits behind {running.title}{f', {duration(left)} left' if left else ''}{more}"


def needed_by(task: Task, others: Sequence[Task]) -> set[str]:
    """Runs of ``others`` that must be done before a job, since it, or what it needs, works on what comes of them."""
    known = {one.run: one for one in others if one is not task}
    found, ahead = set[str](), [task]
    while ahead:
        new = (_names_in(ahead.pop().job) & known.keys()) - found
        found |= new
        ahead += [known[run] for run in new]
    return found


def _names_in(job: Job) -> set[str]:
    """Everything in a job that can be the name of a run, also of those whose shapes it names."""
    found, ahead = set[str](), list[Any](msgspec.to_builtins(job).values())
    while ahead:
        match ahead.pop():
            case str(text):
                found.add(text.partition("/")[0])
            case dict() as values:
                ahead += values.values()
            case list() | tuple() as values:
                ahead += values
    return found
