"""The queue: jobs that wait, run and have ended. It lies in the project, so it outlives the window and any crash."""

import time
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from engine.errors import StudioError
from engine.jobs import GenerateJob, Job
from engine.project import Project
from engine.protocol import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Note,
    Paused,
    Progress,
    Refused,
    Resumed,
)
from engine.storage import write_json
from studio.models.session import Session
from studio.models.titles import command_of, title_of
from studio.models.troubles import Troubles

State = Literal["waiting", "running", "paused", "stopping", "finished", "failed", "cancelled"]
ENDED = ("finished", "failed", "cancelled")
PATIENCE_MS = 5_000  # a cancel that is not obeyed for so long can be forced
MOST_ENDED = 50
FILE = "queue.json"
VERSION = 1
DRAW, SETTLE = "sample", "whole"  # stages of a generation: all shapes are drawn at once; one by one it is known to stay
DRAWN, ALMOST = 0.1, 0.99  # share of a generation when all are drawn; the most before it has ended


class QueueFile(msgspec.Struct, frozen=True, kw_only=True):
    """queue.json: runs that wait, the running one first; those that ended and are still shown, newest first.

    retried : run -> when it had ended (s since 1970) before it was put into the queue again
    """

    waiting: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    held: bool = False
    retried: dict[str, float] = {}
    version: int = VERSION


@dataclass
class Task:
    """One job in the queue, as far as the window knows.

    done, total : units of ``stage``, 0 of 0 before the first word of it
    stubborn : a cancel was not obeyed in time, so that only force helps
    text, trace : why it failed, and for whom wants to know more; warnings : notes that affect its result
    """

    job: Job
    state: State = "waiting"
    stage: str = ""
    done: int = 0
    total: int = 0
    message: str = ""
    stubborn: bool = False
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


class Queue(QObject):
    """Jobs of a project, one at a time. Every change is in the project's queue.json before anything is done about it.

    changed() : jobs came, went or changed state
    progressed(run) : the running one got on; staged(run) : it came to another stage, so that there may be first results
    ended(run) : a job came to its end, good or bad
    """

    changed = Signal()
    progressed = Signal(str)
    staged = Signal(str)
    ended = Signal(str)

    def __init__(self, project: Project, session: Session, troubles: Troubles) -> None:
        super().__init__()
        self._project, self._session, self._troubles = project, session, troubles
        self.waiting: list[Task] = []
        self.running: Task | None = None
        self.done: list[Task] = []
        self.held = False
        self._retried: dict[str, float] = {}
        self._open = False
        self._impatience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._impatience.timeout.connect(self._lose_patience)
        session.said.connect(self._hear)
        self._recover()

    # what there is ---------------------------------------------------------------------------------------------------
    @property
    def tasks(self) -> list[Task]:
        """Running, waiting in their order, ended (newest first)."""
        return [*([self.running] if self.running else []), *self.waiting, *self.done]

    @property
    def count(self) -> int:
        """Jobs that are not done, the running one too."""
        return len(self.waiting) + (self.running is not None)

    def task(self, run: str) -> Task | None:
        """The task of a run, if it is in the queue."""
        return next((task for task in self.tasks if task.run == run), None)

    def command(self, run: str) -> str:
        """The command that does the same as this job."""
        return command_of(self._project.job(run), self._project.folder)

    # what a person does ----------------------------------------------------------------------------------------------
    def submit(self, job: Job, first: bool = False) -> str:
        """Take a job in, at the end or in front of all that wait; returns its run. Raises InputError for a bad job."""
        task = Task(self._project.submit(job))
        self.waiting.insert(0 if first else len(self.waiting), task)
        self._settle()
        return task.run

    def cancel(self, run: str) -> None:
        """Drop a waiting job, or stop the running one."""
        task = self.task(run)
        if task is None or task.state in (*ENDED, "stopping"):
            return
        if task is not self.running:
            self.waiting.remove(task)
            self._project.catalogue.end_open_run(run, "cancelled", "cancelled before it began")
            self._end(task, "cancelled")
        else:
            task.state = "stopping"
            self._keep()  # it is no longer among those that go on after a crash
            self._session.cancel()
            self._impatience.start()
        self._settle()

    def force_stop(self, run: str) -> None:
        """Stop a job that did not answer to ``cancel``."""
        if self.running and self.running.run == run:
            self._session.force_stop()

    def pause(self, run: str) -> None:
        """Let the running job hold; it says when it does."""
        if self.running and self.running.run == run and self.running.state == "running":
            self._session.pause()

    def resume(self, run: str) -> None:
        """Let a paused job go on."""
        if self.running and self.running.run == run and self.running.state == "paused":
            self._session.resume()

    def hold(self, held: bool) -> None:
        """Begin no further job, or begin again."""
        self.held = held
        self._settle()

    def retry(self, run: str) -> None:
        """Go on with a failed or cancelled job, from what it has saved."""
        task = self.task(run)
        if task is None or task.state not in ("failed", "cancelled"):
            return
        self.done.remove(task)
        self._retried[run] = self._project.catalogue.run(run).ended or 0.0
        self.waiting.append(Task(task.job))
        self._settle()

    def move(self, run: str, to: int) -> None:
        """Put a waiting job at place ``to`` among those that wait."""
        task = self.task(run)
        if task in self.waiting:
            self.waiting.remove(task)
            self.waiting.insert(max(0, to), task)
            self._settle()

    def clear(self, run: str = "") -> None:
        """Take ended jobs out of the list (their results stay); "" = all of them."""
        self.done = [task for task in self.done if run not in ("", task.run)]
        self._settle()

    # life ------------------------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Begin with the first job, now that the engine is there."""
        self._open = True
        self._settle()

    def close(self) -> None:
        """Begin no more. The running job stays first in queue.json and goes on when the project is opened again."""
        self._open = False
        self._impatience.stop()
        self._keep()

    def _recover(self) -> None:
        """What an earlier window left, by queue.json and by how far the runs have come since."""
        try:
            kept = msgspec.json.decode((self._project.folder / FILE).read_bytes(), type=QueueFile)
        except FileNotFoundError:
            return
        except msgspec.DecodeError as error:
            self._troubles.tell(f"the queue of this project could not be read and is empty now ({error})")
            return
        self.held, self._retried = kept.held, dict(kept.retried)
        for run in (*kept.waiting, *kept.ended):
            try:
                task, row = Task(self._project.job(run)), self._project.catalogue.run(run)
            except StudioError:
                continue  # its folder was removed
            goes_on = row.state == "cancelled" or row.ended == kept.retried.get(run, -1.0)  # nobody began it since
            if row.state in ENDED and not (goes_on and run in kept.waiting):
                task.state = row.state  # type: ignore[assignment]
                task.text, _, task.trace = row.reason.partition("\n")
                self.done.append(task)
            elif run in kept.waiting:
                self.waiting.append(task)

    def _settle(self) -> None:
        """Keep what is, begin what can be begun, and say that something changed."""
        self._keep()
        if self._open and not self.held and self.running is None and self.waiting:
            self._begin(self.waiting.pop(0))
        self.changed.emit()

    def _begin(self, task: Task) -> None:
        try:
            self._session.submit(task.job)
        except (StudioError, OSError) as error:
            self._fail(task, str(error))
            return
        task.state = "running"
        self.running = task

    def _keep(self) -> None:
        first = [self.running] if self.running and self.running.state != "stopping" else []
        file = QueueFile(
            waiting=tuple(task.run for task in (*first, *self.waiting)),
            ended=tuple(task.run for task in self.done),
            held=self.held,
            retried={run: ended for run, ended in self._retried.items() if self.task(run) in (*first, *self.waiting)},
        )
        try:
            write_json(self._project.folder / FILE, file)
        except OSError as error:  # a full disk must not stop what runs
            self._troubles.tell_error(error)

    # what the engine says --------------------------------------------------------------------------------------------
    def _hear(self, run: str, event: Event) -> None:
        task = self.running
        if task is None or task.run != run:
            return
        match event:
            case Progress(stage):
                another = stage != task.stage
                task.hear(event)
                self.progressed.emit(run)
                if another:
                    self.staged.emit(run)
                return
            case Note(text, warning):
                task.message = text
                if warning:
                    task.warnings.append(text)
                self.progressed.emit(run)
                return
            case Paused() if task.state == "running":
                task.state = "paused"
                task.rest()
            case Resumed() if task.state == "paused":
                task.state = "running"
            case Refused(text):
                self._troubles.tell(text)
            case Finished(result):
                task.result = result
                self._stop(task, "finished")
                return
            case Cancelled():
                self._stop(task, "cancelled")
                return
            case Failed(text, trace):
                self.running = None
                self._fail(task, text, trace)
                return
            case _:
                return
        self.changed.emit()

    def _stop(self, task: Task, state: State) -> None:
        self.running = None
        self._impatience.stop()
        self._end(task, state)
        self._settle()

    def _fail(self, task: Task, text: str, trace: str = "") -> None:
        task.text, task.trace = text, trace
        self._impatience.stop()
        self._end(task, "failed")
        self._troubles.tell(f"{task.title} did not finish: {text}", trace)
        self._settle()

    def _end(self, task: Task, state: State) -> None:
        task.state = state
        task.stubborn = False
        self.done = [task, *self.done][:MOST_ENDED]
        self.ended.emit(task.run)

    def _lose_patience(self) -> None:
        if self.running and self.running.state == "stopping":
            self.running.stubborn = True
            self.changed.emit()
