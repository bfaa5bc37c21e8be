"""A spawned engine process and the pipe to it: started, spoken to, and seen off. Knows nothing of what is said."""

import atexit
import multiprocessing
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import psutil

CLOSE_S = 5.0  # how long an engine may take to save its state when the window closes
AT_ONCE = 1000  # messages of one look, so that a window stays quick whatever the engine says


class Spawned:
    """One process at a time, started anew after its death. Torch-free; not for use by several threads at once.

    The main module of the program must do its work under ``if __name__ == "__main__"``: the new process imports it.
    """

    def __init__(self, main: Callable[..., None], arguments: tuple[Any, ...], close: Callable[[], None]) -> None:
        """main : function of a module, called in the process with its end of the pipe and ``arguments``.

        close : what to do when the program ends without having closed: an engine is no daemon, so Python would wait for
        it for ever at exit.
        """
        self._main = main
        self._arguments = arguments
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._close = close
        atexit.register(close)

    def start(self) -> bool:
        """Start the process unless it is alive; whether it was started. It imports what it needs while the caller goes on."""
        if self.alive:
            return False
        self.let_go()
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=self._main, args=(theirs, *self._arguments), name="engine", daemon=False)
        self._process.start()
        theirs.close()  # so that its death is the end of the pipe
        return True

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.is_alive()

    @property
    def pid(self) -> int | None:
        """Process number, while it is alive."""
        return self._process.pid if self._process is not None and self._process.is_alive() else None

    def fileno(self) -> int | None:
        """What a window can wait on: readable when there is something to poll for. Another one after each start."""
        return None if self._connection is None else self._connection.fileno()

    def write(self, data: bytes) -> None:
        """Send a message; to a dead process it is lost, which the next look finds."""
        if self._connection is None:
            return
        with suppress(OSError):
            self._connection.send_bytes(data)

    def drain(self, timeout: float) -> tuple[list[bytes], bool]:
        """Messages that have arrived, waiting up to ``timeout`` seconds for some; and whether the process has died."""
        found: list[bytes] = []
        if self._connection is None or self._process is None:
            time.sleep(timeout)
            return found, False
        wait([self._connection, self._process.sentinel], timeout)
        try:
            while len(found) < AT_ONCE and self._connection.poll():
                found.append(self._connection.recv_bytes())
        except (EOFError, OSError):
            return found, True
        # Children of the process may keep the pipe open after its death.
        return found, not found and not self._process.is_alive()

    def kill(self) -> None:
        """End the process at once, and all that it started."""
        if self._process is not None and self._process.pid is not None and self._process.is_alive():
            with suppress(psutil.NoSuchProcess):  # it has just ended by itself
                for child in psutil.Process(self._process.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        child.kill()
            self._process.kill()
            self._process.join()

    def end(self, farewell: bytes) -> None:
        """Say goodbye and see the process off, within CLOSE_S; then it is killed. Twice does no harm."""
        atexit.unregister(self._close)
        if self.alive:
            self.write(farewell)
            stop = time.monotonic() + CLOSE_S
            while self.alive and time.monotonic() < stop and not self.drain(0.05)[1]:
                pass
        self.let_go()

    def let_go(self) -> str:
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


def last_lines(log: Path) -> str:
    """The end of a log: enough for the stacks that faulthandler writes, of a few threads. "" where there is none."""
    return "\n".join(log.read_bytes()[-16_000:].decode(errors="replace").splitlines()[-60:]) if log.is_file() else ""


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"{name}, often a lack of memory" if name == "SIGKILL" else name
