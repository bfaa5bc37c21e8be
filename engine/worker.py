"""The engine process: takes commands from the pipe, drives one job at a time, sends its events back.

Only this module knows of cancel, pause and throttling; a job is a generator that knows nothing of them.
"""

import importlib
import math
import os
import queue
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import psutil

from engine.errors import InputError, StudioError, explain
from engine.jobs import VERSION, Job
from engine.lifeline import Inbox, listen, log_to, settle_in
from engine.mailbox import Mailbox, Preview, TooLargeError
from engine.project import Project
from engine.protocol import (
    Cancel,
    Cancelled,
    Command,
    Event,
    Failed,
    Finished,
    Pause,
    Paused,
    Progress,
    Refused,
    Resume,
    Resumed,
    Saved,
    Shutdown,
    Submit,
    Throttle,
    decode_command,
    encode,
)
from engine.storage import write_tensors

RUNNER = "engine.pipeline:run"
BEAT_S = 10.0  # heartbeat of the lease while a job is held
BEHIND = 5  # nice levels that jobs stand behind small requests
PROGRESS_S = 0.05  # progress of one stage goes to the window at most so often
LARGEST_SHARE = 0.95
# torch's own class for the GPU, which cannot be named here without importing torch, and its RuntimeError for the CPU

Runner = Callable[[Job, Project], Generator[Event | Preview, None, Any]]


def engine_main(connection: Connection, project_folder: str, mailbox_name: str, runner: str = RUNNER) -> None:
    """Main function of a spawned engine process; returns when told to shut down or when the pipe ends.

    project_folder : the one project that this engine works on.
    mailbox_name : slab for previews, see ``engine.mailbox``.
    runner : "module:function" that makes the generator of a job; imported here, since it brings in torch.
    """
    log = Path(project_folder) / "engine.log"
    settle_in(log)
    _step_back()
    _Engine(connection, listen(connection), Path(project_folder), Mailbox.attach(mailbox_name), runner).serve()


def _step_back() -> None:
    """Leave the processor to the live engine where both want it. Where Linux shares time between sessions rather than
    between processes, the session steps back by as much."""
    if sys.platform == "win32":
        psutil.Process().nice(psutil.IDLE_PRIORITY_CLASS)
        return
    os.nice(BEHIND)
    with suppress(OSError):  # no such file where time is shared otherwise
        Path("/proc/self/autogroup").write_text(str(BEHIND))


class _Engine:
    """One pipe, at most one job. ``inbox`` is filled by the thread that reads the pipe; None in it is the end."""

    def __init__(self, connection: Connection, inbox: Inbox, folder: Path, mailbox: Mailbox, runner: str) -> None:
        self._connection = connection
        self._inbox = inbox
        self._folder = folder
        self._mailbox = mailbox
        self._runner = runner
        self._share = 0.0
        self._ending = False
        self._last_progress = ("", 0.0)

    def serve(self) -> None:
        """Obey commands until the end."""
        self._say_in_log("ready")
        try:
            _load(self._runner)  # while nobody waits for it
        except Exception:  # noqa: BLE001 the first job tries again, and its answer tells
            traceback.print_exc()
        while not self._ending:
            match self._next(None):
                case Submit(job):
                    self._work(job)
                case Refused() as answer:
                    self._say(answer)
                case Failed() as answer:
                    self._say(answer)
        self._mailbox.close()

    # commands --------------------------------------------------------------------------------------------------------
    def _next(self, timeout: float | None, running: str = "") -> Command | Refused | Failed | None:
        """The next command, with those handled that concern no job. None: no command within ``timeout`` seconds.

        What cannot be obeyed becomes the answer to it: Refused, or Failed for a job that would have been next.
        """
        try:
            data = self._inbox.get(timeout=timeout) if timeout is None or timeout > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return None
        if data is None:
            self._ending = True
            return Shutdown()
        try:
            command = decode_command(data)
        except msgspec.DecodeError as error:
            text = f"the engine cannot read a command ({error}); restart Shape Studio if it has been updated"
            return Failed(text=text) if _is_submit(data) and not running else Refused(text=text)
        match command:
            case Shutdown():
                self._ending = True
            case Throttle(share):
                if not math.isfinite(share):
                    return Refused(text=f"a share of the time lies between 0 and {LARGEST_SHARE}, not {share}")
                self._share = min(max(share, 0.0), LARGEST_SHARE)
            case Submit(job) if running:
                return Refused(
                    text=f"run {job.run} was not started: this engine works on run {running}; wait for it or cancel it"
                )
        return command

    def _hold(self, project: Project, run: str, worked: float) -> bool:
        """Between two events: obey, sleep when throttled, wait when paused. False: the job is to stop.

        worked : seconds that the job took since the last event.
        """
        free = time.monotonic() + worked * self._share / (1.0 - self._share)
        paused = False
        beaten = time.monotonic()
        while True:
            wait = BEAT_S if paused else min(BEAT_S, free - time.monotonic())
            match self._next(wait, run):
                case Cancel() | Shutdown():
                    return False
                case Pause() if not paused:
                    paused = True
                    self._say(Paused())
                case Resume() if paused:
                    paused = False
                    self._say(Resumed())
                case Throttle():
                    free = time.monotonic()  # the new share counts from the next event on
                case Refused() as answer:
                    self._say(answer)
                case None if not paused and time.monotonic() >= free:
                    return True
            if time.monotonic() - beaten >= BEAT_S:
                project.catalogue.beat(run)
                beaten = time.monotonic()

    # jobs ------------------------------------------------------------------------------------------------------------
    def _work(self, job: Job) -> None:
        """Run a job to its end, good or bad; the engine lives on."""
        try:
            with Project(self._folder) as project:
                end = self._attempt(job, project)
        except (StudioError, OSError, sqlite3.Error) as error:  # the project itself
            traceback.print_exc()
            end = _failure(error)
        self._say(end)
        log_to(self._folder / "engine.log")

    def _attempt(self, job: Job, project: Project) -> Event:
        try:
            if not job.run:
                raise InputError("the job names no run; give it to Project.submit first")
            if job.version > VERSION:
                raise InputError(f"the job is of a newer version ({job.version}); update Shape Studio to run it")
            log_to(project.run_folder(job.run) / "engine.log")
            self._say_in_log(f"run {job.run}")
            return self._drive(job, project)
        except (Exception, SystemExit) as error:  # noqa: BLE001 the one place where a job's fault becomes an event
            traceback.print_exc()
            end = _failure(error)
        project.catalogue.end_open_run(job.run, "failed", end.text)  # unless the job has seen to it itself
        return end

    def _drive(self, job: Job, project: Project) -> Event:
        """Step through the job's events; returns the last one."""
        finished: Event | None = None
        steps = _load(self._runner)(job, project)
        try:
            started = time.monotonic()
            for event in steps:
                if isinstance(event, Finished):
                    finished = event  # said when the generator has ended too
                    continue
                if isinstance(event, Preview):
                    self._show(event, project.run_folder(job.run))
                else:
                    self._say(event)
                if not self._hold(project, job.run, time.monotonic() - started):
                    steps.close()  # raises GeneratorExit inside: the job saves its state
                    return Cancelled()
                started = time.monotonic()
        finally:
            steps.close()
        if finished is None:
            raise RuntimeError("the job ended without a result")
        encode(finished)  # a result that cannot be sent is a failure of the job
        return finished

    # answers ---------------------------------------------------------------------------------------------------------
    def _say(self, event: Event) -> None:
        if isinstance(event, Progress):
            now = time.monotonic()
            stage, last = self._last_progress
            if event.stage == stage and now - last < PROGRESS_S and event.done < event.total:
                return
            self._last_progress = (event.stage, now)
        data = encode(event)
        try:
            self._connection.send_bytes(data)
        except OSError:  # the window is gone; the thread that reads the pipe has seen it too and ends the job in order
            self._ending = True

    def _show(self, preview: Preview, folder: Path) -> None:
        try:
            self._mailbox.post(preview)
        except TooLargeError:
            path = folder / "previews" / f"{preview.kind}.safetensors"
            write_tensors(path, dict(preview.arrays))
            self._say(Saved(kind=preview.kind, path=str(path)))

    def _say_in_log(self, text: str) -> None:
        print(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} engine {os.getpid()}: {text}")


def _load(runner: str) -> Runner:
    module, _, name = runner.partition(":")
    function: Runner = getattr(importlib.import_module(module), name)
    return function


class _Kind(msgspec.Struct):
    type: str


def _is_submit(data: bytes) -> bool:
    try:
        return msgspec.msgpack.decode(data, type=_Kind).type == "submit"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _failure(error: BaseException) -> Failed:
    """What to tell a person about an error; its traceback is for the log."""
    return Failed(text=explain(error), trace="".join(traceback.format_exception(error)))
