"""Slow or dangerous native work in a process of its own that can be killed: a damaged file ends it, not the engine."""

import importlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import NoReturn, Self, TypeVar

import msgspec
import psutil

from engine import errors
from engine.errors import MeshError, StudioError, out_of_memory
from engine.lifeline import NICE, guard
from engine.stages import retold

BEAT_S = 0.1  # how often a waiting caller hears from us
START_S = 120.0  # a new process may need so long to import its work on a busy machine
END_S = 5.0

Sign = TypeVar("Sign")
READY, ANSWER = b"r", b"a"  # anything else is a msgpack _Failure


class _Failure(msgspec.Struct):
    """What went wrong in the child: class and text of the error, and its traceback when it is a fault of ours."""

    kind: str
    text: str
    trace: str = ""


class Child:
    """A process that answers requests with one function of bytes, for one caller at a time. Torch-free.

        with Child("engine.somewhere:work", memory=2 * 2**30, seconds=60) as child:
            answer = yield from child.ask(request)

    The process is started by the first request, serves many, and is started again after a death. It has low priority, no
    output, and dies with its parent whatever it is doing. The main module of the program must do its work under
    ``if __name__ == "__main__"``, since the new process imports it.
    """

    def __init__(
        self,
        function: str,
        memory: int,
        seconds: float,
        task: str = "reading",
        instead: str = "simplify the model, or leave it out",
        crashed: str = "the file is most likely damaged: save it anew, or leave it out",
    ) -> None:
        """function : "module:function" of bytes -> bytes, imported in the child.

        memory : bytes that the work may take on top of what the process has when it is loaded (not on Windows and macOS)
        seconds : how long one request may take
        task : what a request does, for error messages
        instead, crashed : what a person can do where that took too much, and where it crashed
        """
        self.instead, self.crashed = instead, crashed
        self.function, self.memory, self.seconds, self.task = function, memory, seconds, task
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._ready = self._busy = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Number of the process, or None when there is none."""
        return self._process.pid if self._process is not None else None

    def ask(self, request: bytes) -> Generator[float, None, bytes]:
        """Answer to a request; meanwhile yields the elapsed seconds, at least every 0.2 s. Closing it kills the work.

        Raises the StudioError that the function raised, with its text; MeshError when it ran out of memory or time or
        crashed; RuntimeError for any other error of the function, which is a fault of ours.
        """
        if self._busy:
            raise RuntimeError("a child does one request at a time")
        self._busy, done = True, False
        try:
            began = time.monotonic()
            connection = yield from self._started(began)
            began = time.monotonic()
            try:
                connection.send_bytes(request)
                answer = yield from self._answer(connection, began, self.seconds)
            except (EOFError, OSError):
                self._died()
            done = answer[:1] == ANSWER or msgspec.msgpack.decode(answer, type=_Failure).kind != "MemoryError"
        finally:
            self._busy = False
            if not done:
                self.close()
        return self._opened(answer)

    def awaited(self, request: bytes, sign: Sign) -> Generator[Sign, None, bytes]:
        """As ``ask``, with ``sign`` as the sign of life: a stage of a job, where it is an event."""
        return retold(self.ask(request), lambda _: sign)

    def close(self) -> None:
        """End the process at once, whatever it is doing."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        self._ready = False
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.join(END_S)
            with suppress(ValueError):  # it did not end in time; it is reaped when we end
                process.close()

    def _started(self, began: float) -> Generator[float, None, Connection]:
        """The pipe to a process that is alive and has imported its work."""
        if self._process is not None and not self._process.is_alive():
            self.close()
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=_main, args=(theirs, self.function, self.memory), name="child", daemon=True
            )
            self._process.start()
            theirs.close()
        assert self._connection is not None
        if not self._ready:
            try:
                first = yield from self._answer(self._connection, began, START_S)
            except (EOFError, OSError):
                self._died()
            if first != READY:
                self._opened(first)
            self._ready = True
        return self._connection

    def _answer(self, connection: Connection, began: float, limit: float) -> Generator[float, None, bytes]:
        """The next message of the child. Raises EOFError when it dies, MeshError when it takes too long."""
        assert self._process is not None
        while True:
            if wait([connection, self._process.sentinel], BEAT_S):
                return connection.recv_bytes()  # of a dead child: what it said last, or EOFError
            elapsed = time.monotonic() - began
            if elapsed > limit:
                raise MeshError(f"{self.task} took longer than {limit:g} s and was stopped; {self.instead}")
            yield elapsed

    def _opened(self, answer: bytes) -> bytes:
        """What an answer holds. Raises the error that it tells of."""
        if answer[:1] == ANSWER:
            return answer[1:]
        failure = msgspec.msgpack.decode(answer, type=_Failure)
        if failure.kind == "MemoryError":
            raise MeshError(self._too_large())
        kind = getattr(errors, failure.kind, None)
        if isinstance(kind, type) and issubclass(kind, StudioError):
            raise kind(failure.text)
        raise RuntimeError(f"{failure.kind} in {self.function}: {failure.text}\n{failure.trace}")

    def _died(self) -> NoReturn:
        assert self._process is not None
        self._process.join(END_S)
        code = self._process.exitcode
        if code is not None and code < 0 and signal.Signals(-code).name == "SIGKILL":
            raise MeshError(f"{self.task} was ended by the system, which most likely ran out of memory; {self.instead}")
        cause = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        raise MeshError(f"{self.task} crashed ({cause}); {self.crashed}")

    def _too_large(self) -> str:
        return f"{self.task} needed more than {self.memory / 2**20:,.0f} MB of memory and was stopped; {self.instead}"


def _main(connection: Connection, function: str, memory: int) -> None:
    """Main function of the spawned process."""
    _settle_in()
    try:
        module, _, name = function.partition(":")
        work: Callable[[bytes], bytes] = getattr(importlib.import_module(module), name)
        _limit_memory(memory)
        connection.send_bytes(READY)
    except Exception as error:  # noqa: BLE001 - told to the caller, who raises it
        connection.send_bytes(_failure(error))
        return
    while True:
        try:
            request = connection.recv_bytes()
        except (EOFError, OSError):
            return
        except MemoryError as error:
            connection.send_bytes(_failure(error))
            return
        try:
            answer = ANSWER + work(request)
        except Exception as error:  # noqa: BLE001 - told to the caller, who raises it
            answer = _failure(error)
        del request
        with suppress(BrokenPipeError):
            connection.send_bytes(answer)


def _failure(error: Exception) -> bytes:
    if out_of_memory(error):
        return msgspec.msgpack.encode(_Failure("MemoryError", ""))
    trace = "" if isinstance(error, StudioError) else "".join(traceback.format_exception(error))
    return msgspec.msgpack.encode(_Failure(type(error).__name__, str(error), trace))


def _settle_in() -> None:
    """No output, low priority, and an end with the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.setsid()
        os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
        guard()


def _limit_memory(more: int) -> None:
    """Let this process map ``more`` bytes than now, and leave no core file. Does nothing where there are no such limits."""
    if sys.platform != "linux":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = psutil.Process().memory_info().vms + more
    resource.setrlimit(resource.RLIMIT_AS, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
