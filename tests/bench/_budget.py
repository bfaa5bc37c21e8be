"""Jobs of a benchmark within budgets of CPU time: stopped where they would not end in time, and tried with fewer steps."""

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from engine import pipeline
from engine.errors import InputError
from engine.jobs import FitJob, Job, TrainJob
from engine.mailbox import Preview
from engine.project import Project
from engine.protocol import Event, Finished, Note, Progress, Stage
from engine.settings import override
from engine.storage import write_json

ATTEMPTS = 5  # of a fit or a training, each with fewer steps
KEEP_EVERY = 5.0  # CPU seconds that a killed process may leave uncounted


class Account:
    """CPU seconds of each run over all calls, and the steps to try next instead of runs that passed their budget."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept: dict[str, dict[str, Any]] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
        self.spent: dict[str, float] = kept.get("spent", {})
        self.fewer: dict[str, int] = kept.get("fewer", {})

    def keep(self) -> None:
        """Write both, whole or not at all."""
        write_json(self.path, {"spent": self.spent, "fewer": self.fewer})

    def stopped(self, name: str) -> float:
        """CPU seconds of the attempts at a job that came to nothing."""
        return sum(self.spent[run] for run in self.fewer if run.rpartition("-")[0] == name)


class Forecast:
    """When a job will have used up its budget, from the progress of its steps."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.share = 0.8  # of the steps, to try next
        self.kind: tuple[str, int] | None = None
        self.most = 0  # steps done
        self.start = (0, 0.0)  # steps and CPU seconds when this kind of progress was first seen

    def too_long(self, event: Event | Preview, spent: float) -> bool:
        """Whether ``spent`` CPU seconds are over the budget, or the rest will be; looks ahead from a tenth of it."""
        if isinstance(event, Progress) and event.stage in ("fit", "train"):
            if self.kind != (event.stage, event.total):
                self.kind, self.start = (event.stage, event.total), (event.done, spent)
                self.most = event.done
            self.most = max(self.most, event.done)  # judging a group of shapes is told as progress of it, from 0 again
            steps, seconds = self.most - self.start[0], spent - self.start[1]
            if steps > 0 and seconds > 0.1 * self.budget:
                whole = seconds / steps * event.total
                fixed = max(0.0, self.start[1] - seconds / steps * self.start[0])
                self.share = min(0.9, max(0.05, (0.9 * self.budget - fixed) / whole))
                if fixed + whole > self.budget:
                    return True
        return spent > self.budget


def done(job: Job, project: Project, account: Account, budget: float = float("inf")) -> Stage[dict[str, Any] | None]:
    """The job's result, from disk when it is done; None where it does not end within ``budget`` CPU seconds."""
    if (project.run_folder(job.run) / "result.json").exists():
        found: dict[str, Any] = msgspec.json.decode((project.run_folder(job.run) / "result.json").read_bytes())
        return found
    forecast, begun, before = Forecast(budget), _cpu(), account.spent.get(job.run, 0.0)
    kept = account.spent[job.run] = before
    account.keep()
    with closing(pipeline.run(job, project)) as events:
        try:
            for event in events:
                spent = account.spent[job.run] = before + _cpu() - begun
                if isinstance(event, Finished):
                    return event.result
                if spent - kept > KEEP_EVERY:
                    kept = spent
                    account.keep()
                if forecast.too_long(event, spent):
                    assert isinstance(job, FitJob | TrainJob)
                    account.fewer[job.run] = max(1, int(steps_of(job) * forecast.share))
                    return None
                yield event
        finally:
            account.keep()
    return None


def _cpu() -> float:
    """CPU seconds of this process and of those children that have ended."""
    return sum(os.times()[:4])


def steps_of(job: FitJob | TrainJob) -> int:
    """What a budget cuts: steps per shape or of the experts, or of the denoiser."""
    return job.settings.fit.steps if isinstance(job, FitJob) else job.settings.train.steps


def within(
    job: FitJob | TrainJob, budget: float, project: Project, account: Account
) -> Stage[tuple[FitJob | TrainJob, dict[str, Any]]]:
    """The attempt at a job that ended within its budget of CPU seconds, and its result; InputError after some attempts.

    The attempts are the runs ``<run>-1``, ``<run>-2`` and so on; which of them were stopped is in the account.
    """
    group, steps = "fit" if isinstance(job, FitJob) else "train", steps_of(job)
    for attempt in range(1, ATTEMPTS + 1):
        settings = override(job.settings, [f"{group}.steps={steps}"])
        own = replace(job, run=f"{job.run}-{attempt}", settings=settings)
        if own.run not in account.fewer:
            result = yield from done(own, project, account, budget)
            if result is not None:
                return own, result
        steps = account.fewer[own.run]
        yield Note(text=f"{own.run} would not end within {budget:g} CPU-s: anew with {steps} steps", warning=True)
    raise InputError(f"{job.run} does not end within {budget:g} CPU-s; raise the budget")
