"""The queue: jobs that wait, run and have ended. It lies in the project, so it outlives the window and any crash."""

from PySide6.QtCore import QObject, QTimer, Signal

from engine.errors import InputError, StudioError
from engine.jobs import Job
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
from studio.models.queue_file import FILE, QueueFile, read_queue, tasks_of
from studio.models.session import Session
from studio.models.task import ENDED, State, Task, needed_by, words_of_waiting
from studio.models.titles import command_of
from studio.models.troubles import Troubles

__all__ = ["ENDED", "FILE", "Queue", "QueueFile"]

PATIENCE_MS = 5_000  # a cancel that is not obeyed for so long can be forced
MOST_ENDED = 50


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
        self._first: set[str] = set()  # runs for which the running one makes way
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

    def waits(self, run: str) -> str:
        """What a job waits for, as in "waits behind Train a model, 2 h left"; "" where it does not wait."""
        task = self.task(run)
        return words_of_waiting(self.waiting.index(task), self.running, self.held) if task in self.waiting else ""

    def command(self, run: str) -> str:
        """The command that does the same as this job; also of one that was refused and has left no run."""
        task = self.task(run)
        return command_of(task.job if task else self._project.job(run), self._project.folder)

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
        if task is None or task.state in ENDED or (task.state == "stopping" and not task.aside):
            return
        if task.aside:
            task.aside = False  # it stops already, and does not go on any more
        elif task is not self.running:
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
        """Go on with a failed or cancelled job, from what it has saved, or try it again."""
        task = self.task(run)
        if task is None or task.state not in ("failed", "cancelled"):
            return
        if (row := next((row for row in self._project.catalogue.runs() if row.id == run), None)) is None:
            self._project.submit(task.job)  # it was refused before it began, and has left no run
        self.done.remove(task)
        self._retried[run] = (row and row.ended) or 0.0
        self.waiting.append(Task(task.job))
        self._settle()

    def move(self, run: str, to: int) -> None:
        """Put a waiting job at place ``to`` among those that wait."""
        task = self.task(run)
        if task in self.waiting:
            self.waiting.remove(task)
            self.waiting.insert(max(0, to), task)
            self._settle()

    def run_first(self, run: str) -> None:
        """Do a waiting job at once, and what it needs before it: what runs is set aside, keeps what it has, and goes on
        after it. It is not set aside where the job needs it.
        """
        task = self.task(run)
        if task not in self.waiting:
            return
        needed = needed_by(task, [one for one in (self.running, *self.waiting) if one])
        first = [*(one for one in self.waiting if one.run in needed), task]
        self.waiting = first + [one for one in self.waiting if one not in first]
        self.held = False
        if self.running and self.running.run in needed:
            text = f"{task.title} works on what comes of {self.running.title}, so it is done right after that"
            self._troubles.tell(text, note=True)
        elif self.running:
            self._first |= {one.run for one in first}
            if self.running.state in ("running", "paused"):
                self.running.aside, self.running.state = True, "stopping"
                self._session.cancel()
                self._impatience.start()
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
            kept = read_queue(self._project.folder)
        except InputError as error:
            self._troubles.tell_error(error)
            return
        self.held, self._retried = kept.held, dict(kept.retried)
        self.waiting, self.done = tasks_of(kept, self._project)

    def _settle(self) -> None:
        """Keep what is, begin what can be begun, and say that something changed."""
        self._keep()
        if self._open and not self.held and self.running is None and self.waiting:
            self._begin(self.waiting.pop(0))
        self.changed.emit()

    def _begin(self, task: Task) -> None:
        self._first.discard(task.run)
        try:
            self._session.submit(task.job)
        except (StudioError, OSError) as error:
            self._fail(task, str(error))
            return
        task.state = "running"
        self.running = task

    def _keep(self) -> None:
        goes_on = [self.running] if self.running and (self.running.state != "stopping" or self.running.aside) else []
        place = self._place_aside if goes_on and goes_on[0].aside else 0
        going = [*self.waiting[:place], *goes_on, *self.waiting[place:]]
        file = QueueFile(
            waiting=tuple(task.run for task in going),
            ended=tuple(task.run for task in self.done),
            held=self.held,
            retried={run: ended for run, ended in self._retried.items() if self.task(run) in going},
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
            case Cancelled() if task.aside:
                self._put_aside(task)
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

    def _put_aside(self, task: Task) -> None:
        """It has made way, and waits behind the one that goes first."""
        self.running = None
        self._impatience.stop()
        self.waiting.insert(self._place_aside, Task(task.job))
        self.staged.emit(task.run)
        self._settle()

    @property
    def _place_aside(self) -> int:
        """Where the running job would wait if it made way now: behind those for which it does."""
        return max((i for i, task in enumerate(self.waiting, 1) if task.run in self._first), default=0)

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
