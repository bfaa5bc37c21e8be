"""The window's connection to the engine: owns its processes, and turns what they say into one stream of signals."""

from PySide6.QtCore import QObject, QTimer, Signal

from engine.client import EngineProcess
from engine.jobs import Job
from engine.project import Project
from engine.protocol import TERMINAL, Cancel, Note, Pause, Resume, Submit
from engine.worker import RUNNER

BUSY_MS, IDLE_MS = 30, 250  # between two looks at the pipe


class Session(QObject):
    """One engine process for the jobs of one project. Never blocks while it is open: the pipe is looked at on a timer.

    said(run, event) : everything the engine says of the job that it works on, in order
    pictured(run, preview) : the newest preview; older ones that nobody saw in time are lost
    restarted(run, text) : the engine has died and was started again with the same job; a sentence on it
    """

    said = Signal(str, object)
    pictured = Signal(str, object)
    restarted = Signal(str, str)

    def __init__(self, project: Project, runner: str = RUNNER) -> None:
        super().__init__()
        self._engine = EngineProcess(project.folder, runner=runner)
        self._run = ""
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._listen)

    def start(self) -> None:
        """Start the engine. It loads what it needs by itself; commands wait in the pipe."""
        self._engine.start()
        self._timer.start(IDLE_MS)

    @property
    def run(self) -> str:
        """The run that the engine works on; "" when it is free."""
        return self._run

    @property
    def pid(self) -> int | None:
        """Process of the engine, while it lives."""
        return self._engine.pid

    def submit(self, job: Job) -> None:
        """Give the free engine a job. Raises BusyError, InputError."""
        self._engine.send(Submit(job=job))
        self._run = job.run
        self._timer.start(BUSY_MS)

    def cancel(self) -> None:
        """Ask the job to stop; the last event says that it did."""
        self._engine.send(Cancel())

    def pause(self) -> None:
        """Ask the job to hold."""
        self._engine.send(Pause())

    def resume(self) -> None:
        """Let the job go on."""
        self._engine.send(Resume())

    def force_stop(self) -> None:
        """Stop a job that does not answer."""
        self._engine.force_stop()

    def close(self) -> None:
        """End the engine; a running job saves its state first, for up to ``engine.client.CLOSE_S`` seconds."""
        self._timer.stop()
        self._engine.close()

    def _listen(self) -> None:
        before, run = self._engine.restarts, self._run
        events = self._engine.poll()
        if self._engine.restarts > before and isinstance(events[-1], Note):
            self.restarted.emit(run, events[-1].text)
        if (preview := self._engine.preview()) is not None and run:
            self.pictured.emit(run, preview)
        for event in events:
            if isinstance(event, TERMINAL):
                self._run = ""
                self._timer.start(IDLE_MS)
            self.said.emit(run, event)
