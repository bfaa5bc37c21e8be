"""How an engine process ends with its window, whatever it is doing, and where its output goes."""

import faulthandler
import io
import os
import queue
import select
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

GRACE_S = 1.5  # time for a job to save its state once the window is gone
NICE = 10

Inbox = queue.SimpleQueue[bytes | None]  # raw commands; None when the pipe has ended


def settle_in(log: Path) -> None:
    """Make this process a good engine: own session, low priority, faults and output in ``log``, deaf to Ctrl-C.

    Ctrl-C goes to the window or the command line, which then ends the engine in order. Children that an engine starts
    are in its session, so they can be ended with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # One core stays free for the window; read by torch when it is imported, so before that.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, _cores() - 1)))
    # The first optimiser that torch makes creates the folder of a compiler that nobody uses: let it be one that is there.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tempfile.gettempdir())
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.setsid()
        os.nice(NICE)
        guard()
    log_to(log)
    faulthandler.enable(file=2)


def _cores() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def log_to(path: Path) -> None:
    """Send stdout and stderr, also of native code and of children started from now on, to the end of the file ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    # A windowed Python starts without streams; and what is printed here must be on disk before the process dies.
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(_Log(stream, "w", closefd=False)), "utf-8", "replace", line_buffering=True)
        for stream in (1, 2)
    )


class _Log(io.FileIO):
    """Lines that a full disk does not take are lost, and nothing else: no job may fail of its log."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Bytes that are done with."""
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def listen(connection: Connection) -> Inbox:
    """Read the pipe in a thread of its own. When it ends, the job has GRACE_S to save itself, then the process ends."""
    inbox: Inbox = queue.SimpleQueue()

    def read() -> None:
        while True:
            try:
                inbox.put(connection.recv_bytes())
            except (EOFError, OSError):
                break
        inbox.put(None)
        time.sleep(GRACE_S)
        faulthandler.dump_traceback(file=2)  # the log tells where it hung
        end_group()

    threading.Thread(target=read, name="commands", daemon=True).start()
    return inbox


def end_group() -> None:
    """End this process at once, and all that it started."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(1)


def guard() -> None:
    """Fork a watchman that ends this process group soon after the parent's death (POSIX).

    A native call that keeps Python's lock stops every thread here, also the one that reads the pipe; only another
    process can end this one then. The watchman sleeps in one system call and ends with the engine.
    """
    parent = parent_process()
    if parent is None:  # not a spawned child: nobody to outlive
        return
    engine = os.getpid()
    ended, alive = os.pipe()  # the engine keeps ``alive`` open; spawned children do not inherit it
    if os.fork():
        os.close(ended)
        return
    try:  # only system calls from here on: this is a fork of a process with threads
        os.setsid()
        watched = (parent.sentinel, ended)
        for first, last in zip((-1, *sorted(watched)), (*sorted(watched), 65_536), strict=True):
            os.closerange(first + 1, last)
        if ended not in select.select(watched, [], [])[0] and not select.select([ended], [], [], GRACE_S + 0.3)[0]:
            os.killpg(engine, signal.SIGKILL)
    finally:
        os._exit(0)
