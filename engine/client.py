"""The window's side of an engine process: starts it, talks to it, and deals with its death."""

import atexit
import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Self

import msgspec
import psutil

from engine.errors import BusyError, InputError, StudioError
from engine.mailbox import CAPACITY, Mailbox, Preview
from engine.project import Project
from engine.protocol import (
    TERMINAL,
    Cancel,
    Cancelled,
    Command,
    Event,
    Failed,
    Note,
    Pause,
    Resume,
    Shutdown,
    Submit,
    Throttle,
    decode_command,
    decode_event,
    encode,
)
from engine.worker import RUNNER, engine_main

CLOSE_S = 5.0  # how long a running job may take to save its state when the window closes
AT_ONCE = 1000  # events of one poll, so that a window stays quick whatever the engine says


class EngineProcess:
    """An engine for one project in a process of its own. Torch-free; not for use by several threads at once.

    An engine that dies during a job is started again with the same job, once; at the second death the job has failed, and
    the event and the catalogue say why. An engine that dies without a job is started again by the next command.
    The main module of the program must do its work under ``if __name__ == "__main__"``: the new process imports it.
    """

    def __init__(self, project: Path | str, runner: str = RUNNER, capacity: int = CAPACITY) -> None:
        """project : folder of an existing project. capacity : bytes of the largest preview that needs no file."""
        self.folder = Path(project).resolve()
        self._runner = runner
        self._mailbox = Mailbox.create(capacity)
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._submitted: Submit | None = None
        self._deaths = 0  # during the submitted job
        self._cancelling = False
        self._paused = False
        self._throttle: Throttle | None = None
        # An engine is no daemon, so Python would wait for it for ever at exit.
        atexit.register(self.close)

    # life ------------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start the process unless it is alive. It imports what it needs while the caller goes on."""
        if self.alive:
            return
        self._let_go()
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=engine_main,
            args=(theirs, str(self.folder), self._mailbox.name, self._runner),
            name="engine",
            daemon=False,
        )
        self._process.start()
        theirs.close()  # so that its death is the end of the pipe
        if self._throttle:
            self._write(self._throttle)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.is_alive()

    @property
    def busy(self) -> bool:
        """Whether a job was submitted whose last event has not been polled yet."""
        return self._submitted is not None

    @property
    def pid(self) -> int | None:
        """Process number, while it is alive."""
        return self._process.pid if self._process is not None and self._process.is_alive() else None

    def close(self) -> None:
        """End the engine; a running job saves its state first, within CLOSE_S. The object cannot be used afterwards."""
        atexit.unregister(self.close)
        if self.alive:
            self._write(Shutdown())
            end = time.monotonic() + CLOSE_S
            while self.alive and time.monotonic() < end and not self._drain(0.05)[1]:
                pass
        self._let_go()
        self._mailbox.close()

    def kill(self) -> None:
        """End the process at once, and all that it started. What a job has not saved is lost; poll tells of the death."""
        if self._process is not None and self._process.pid is not None and self._process.is_alive():
            for child in psutil.Process(self._process.pid).children(recursive=True):
                child.kill()
            self._process.kill()
            self._process.join()

    def force_stop(self) -> None:
        """Cancel a job that does not answer: kill the engine. The run is cancelled and resumes from what it has saved."""
        self._cancelling = True
        self.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # talk ------------------------------------------------------------------------------------------------------------
    def send(self, command: Command) -> None:
        """Send a command; starts the engine if a job needs it.

        Raises InputError for a command that breaks a bound, BusyError for a second job.
        """
        try:
            command = decode_command(encode(command))  # constructors do not check bounds
        except (msgspec.DecodeError, TypeError) as error:
            raise InputError(f"this cannot be asked of the engine: {error}") from error
        match command:
            case Submit(job):
                if self._submitted is not None:
                    raise BusyError(f"this engine works on run {self._submitted.job.run}; wait for it or cancel it")
                if not job.run:
                    raise InputError("the job names no run; give it to Project.submit first")
                self._submitted, self._deaths, self._cancelling, self._paused = command, 0, False, False
                self.start()
            case Throttle():
                self._throttle = command
            case Cancel():
                self._cancelling = self.busy
            case Pause() | Resume():
                self._paused = self.busy and isinstance(command, Pause)
            case Shutdown():
                self._cancelling = self.busy
        self._write(command)

    def poll(self, timeout: float = 0.0) -> list[Event]:
        """What the engine has said since the last poll, waiting up to ``timeout`` seconds for something."""
        events, ended = self._drain(timeout)
        return events + self._mourn() if ended else events

    def events(self) -> Iterator[Event]:
        """The events of the submitted job as they come, to the last one."""
        while self.busy:
            yield from self.poll(0.5)

    def preview(self) -> Preview | None:
        """The newest preview, once."""
        return self._mailbox.take()

    # inside ----------------------------------------------------------------------------------------------------------
    def _write(self, command: Command) -> None:
        if self._connection is None:
            return
        with suppress(OSError):  # it has died: the next poll finds the end of the pipe and sees to it
            self._connection.send_bytes(encode(command))

    def _drain(self, timeout: float) -> tuple[list[Event], bool]:
        """Events that have arrived, and whether the engine has died."""
        events: list[Event] = []
        if self._connection is None or self._process is None:
            time.sleep(timeout)
            return events, False
        wait([self._connection, self._process.sentinel], timeout)
        try:
            while len(events) < AT_ONCE and self._connection.poll():
                events.append(self._read(self._connection))
                if isinstance(events[-1], TERMINAL):
                    self._submitted = None
        except (EOFError, OSError):
            return events, True
        # Children of the engine may keep the pipe open after its death.
        return events, not events and not self._process.is_alive()

    def _read(self, connection: Connection) -> Event:
        data = connection.recv_bytes()
        try:
            return decode_event(data)
        except msgspec.DecodeError as error:
            return Note(text=f"the engine said something that this version cannot read ({error})", warning=True)

    def _mourn(self) -> list[Event]:
        """The engine died: go on with a new one, or say why not."""
        cause = self._let_go()
        submitted = self._submitted
        if submitted is None:
            return []
        if not self._cancelling and self._deaths == 0:
            self._deaths = 1
            self.start()
            self._write(submitted)
            if self._paused:
                self._write(Pause())
            return [
                Note(
                    text=f"the engine ended unexpectedly ({cause}); it was started again and the job goes on",
                    warning=True,
                )
            ]
        self._submitted = None
        run = submitted.job.run
        tail = _tail(self.folder, run)
        state, reason = "cancelled", "stopped by force; resume goes on from what was saved"
        if not self._cancelling:
            state, reason = "failed", f"the engine ended twice during this job, at last by {cause}"
        try:
            with Project(self.folder) as project:
                if project.catalogue.run(run).state in ("queued", "running"):
                    project.catalogue.end_run(run, state, f"{reason}\n{tail}" if state == "failed" else reason)
        except StudioError as error:  # above all BusyError: another program has taken the run over and goes on with it
            return [Failed(text=str(error), trace=tail)]
        return [Cancelled() if self._cancelling else Failed(text=f"{reason}; resume tries again", trace=tail)]

    def _let_go(self) -> str:
        """Close the pipe and see the process off; returns how it ended."""
        cause = "it never started"
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.join(1.0)  # without a pipe it ends by itself, if it can
            self.kill()
            self._process.join()
            cause = _cause(self._process.exitcode or 0)
            self._process.close()
            self._process = None
        return cause


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"{name}, often a lack of memory" if name == "SIGKILL" else name


def _tail(folder: Path, run: str) -> str:
    """The last lines of the engine's log: enough for the stacks that faulthandler writes, of a few threads."""
    for log in (folder / "runs" / run / "engine.log", folder / "engine.log"):
        if log.is_file():
            return "\n".join(log.read_bytes()[-16_000:].decode(errors="replace").splitlines()[-60:])
    return ""
