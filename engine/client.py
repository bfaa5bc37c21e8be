"""The window's side of an engine process: starts it, talks to it, and deals with its death."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec

from engine.errors import BusyError, InputError, StudioError, explain
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
from engine.spawned import Spawned, last_lines
from engine.worker import RUNNER, engine_main

STOPPED = "stopped by force; resume goes on from what was saved"


class EngineProcess:
    """An engine for one project in a process of its own. Torch-free; not for use by several threads at once.

    An engine that dies during a job is started again with the same job, once; at the second death the job has failed, and
    the event and the catalogue say why. An engine that dies without a job is started again by the next command.
    The main module of the program must do its work under ``if __name__ == "__main__"``: the new process imports it.
    """

    def __init__(self, project: Path | str, runner: str = RUNNER, capacity: int = CAPACITY) -> None:
        """project : folder of an existing project. capacity : bytes of the largest preview that needs no file."""
        self.folder = Path(project).resolve()
        self._mailbox = Mailbox.create(capacity)
        arguments = (str(self.folder), self._mailbox.name, runner)
        self._engine = Spawned(engine_main, arguments, self.close)
        self._submitted: Submit | None = None
        self._deaths = 0  # during the submitted job
        self.restarts = 0  # times that it died during a job and was started again
        self._cancelling = False
        self._paused = False
        self._throttle: Throttle | None = None

    # life ------------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start the process unless it is alive. It imports what it needs while the caller goes on."""
        if self._engine.start() and self._throttle:
            self._write(self._throttle)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._engine.alive

    @property
    def busy(self) -> bool:
        """Whether a job was submitted whose last event has not been polled yet."""
        return self._submitted is not None

    @property
    def pid(self) -> int | None:
        """Process number, while it is alive."""
        return self._engine.pid

    def fileno(self) -> int | None:
        """What a window can wait on: readable when there is something to poll for. Another one after each start."""
        return self._engine.fileno()

    def close(self) -> None:
        """End the engine; a running job saves its state first, within CLOSE_S. The object cannot be used afterwards.

        Of an engine that had died, and that nobody had polled since, the run is left as stopped too.
        """
        self._engine.end(encode(Shutdown()))
        self._mailbox.close()
        if self._submitted is not None:
            with contextlib.suppress(StudioError, sqlite3.Error):  # such as another program that has taken the run over
                self._end_run(self._submitted.job.run, ("running",), "cancelled", STOPPED)

    def kill(self) -> None:
        """End the process at once, and all that it started. What a job has not saved is lost; poll tells of the death."""
        self._engine.kill()

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
        messages, ended = self._engine.drain(timeout)
        events = [self._read(data) for data in messages]
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
        self._engine.write(encode(command))

    def _read(self, data: bytes) -> Event:
        try:
            event = decode_event(data)
        except msgspec.DecodeError as error:
            return Note(text=f"the engine said something that this version cannot read ({error})", warning=True)
        if isinstance(event, TERMINAL):
            self._submitted = None
        return event

    def _mourn(self) -> list[Event]:
        """The engine died: go on with a new one, or say why not."""
        cause = self._engine.let_go()
        submitted = self._submitted
        if submitted is None:
            return []
        if not self._cancelling and self._deaths == 0:
            self._deaths = 1
            self.restarts += 1
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
        state, reason = "cancelled", STOPPED
        if not self._cancelling:
            state, reason = "failed", f"the engine ended twice during this job, at last by {cause}"
        try:
            self._end_run(run, ("queued", "running"), state, f"{reason}\n{tail}" if state == "failed" else reason)
        except (StudioError, sqlite3.Error) as error:
            # Above all BusyError: another program has taken the run over and goes on with it.
            return [Failed(text=explain(error), trace=tail)]
        return [Cancelled() if self._cancelling else Failed(text=f"{reason}; resume tries again", trace=tail)]

    def _end_run(self, run: str, states: tuple[str, ...], state: str, reason: str) -> None:
        """Write down how a run has ended whose engine is no more, where it is in one of ``states``."""
        with Project(self.folder) as project:
            if project.catalogue.run(run).state in states:
                project.catalogue.end_run(run, state, reason)


def _tail(folder: Path, run: str) -> str:
    """The last lines of the engine's log."""
    own = folder / "runs" / run / "engine.log"
    return last_lines(own if own.is_file() else folder / "engine.log")
