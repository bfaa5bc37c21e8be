"""The live engine's process: takes asks from the pipe, works on the most urgent one, sends answers back. Torch-free.

Every ask is worked on by a stage of its own, step by step, so that one can stand still while a more urgent one goes on.
"""

import importlib
import queue
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import explain, out_of_memory
from engine.lifeline import Inbox, listen, settle_in
from engine.live_protocol import Array, Ask, Done, Going, LiveCommand, Parcel, Replaced, Reply, Unable, Withdraw
from engine.live_requests import Content, Request
from engine.protocol import Stage
from engine.slab import Slab
from engine.storage import sweep, temporary_name

ANSWERS = "engine.live_answers:LiveAnswers"
LOG = "live.log"  # in the project's folder
LONG_S = 0.5  # what has been worked on so long lets others pass: usual joints of a fit take minutes at the first time
_ALIGNED = 64  # bytes; arrays of a parcel start at multiples of it

_encoder = msgspec.msgpack.Encoder()
_commands = msgspec.msgpack.Decoder(LiveCommand)


@dataclass(frozen=True)
class Given:
    """An answer, or a part of it: what a stage of an answerer yields now and then, and returns at last."""

    content: Content
    arrays: Mapping[str, NDArray] = field(default_factory=dict)


class Answers(Protocol):
    """What answers requests; made once per process, with the folder of the project."""

    def answer(self, request: Request) -> Stage[Given]:
        """The stage of one request. It may be closed at any event."""

    def relieve(self) -> bool:
        """Memory ran out: let go of what can be made again. Whether trying once more makes sense."""

    def close(self) -> None:
        """The end of the process."""


def live_main(connection: Connection, project_folder: str, slab_name: str, answers: str = ANSWERS) -> None:
    """Main function of the spawned process; returns when told to shut down or when the pipe ends.

    project_folder : the one project that it knows. slab_name : ring for arrays, see ``engine.slab``.
    answers : "module:class" of `Answers`; imported here, since it brings in torch.
    """
    folder = Path(project_folder)
    settle_in(folder / LOG)
    print(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} live engine ready", flush=True)
    _Desk(connection, listen(connection), folder, Slab.attach(slab_name), answers).serve()


@dataclass
class _Task:
    """An ask that is being worked on. given : something of it has been shown; tried : memory ran out once; spent : s."""

    ask: Ask
    steps: Stage[Given]
    given: bool = False
    tried: bool = False
    spent: float = 0.0

    @property
    def urgency(self) -> tuple[bool, bool, int]:
        """Smaller goes first: now before later, the first thing to show before what is finer or long, first come first
        served."""
        return self.ask.priority == "later", self.given or self.spent > LONG_S, self.ask.id


class _Desk:
    """At most one ask per channel is open. ``inbox`` is filled by the thread that reads the pipe; None in it is the end."""

    def __init__(self, connection: Connection, inbox: Inbox, folder: Path, slab: Slab, answers: str) -> None:
        self._connection = connection
        self._inbox = inbox
        self._folder = folder
        self._slab = slab
        self._named = answers
        self._answers: Answers | None = None
        self._tasks: dict[str, _Task] = {}  # by channel
        self._ending = False

    def serve(self) -> None:
        """Answer until the end."""
        sweep(self._files)  # what was never fetched
        try:
            self._load()  # while nobody waits for it
        except Exception:  # noqa: BLE001 the first ask tries again, and its answer tells
            traceback.print_exc()
        while not self._ending:
            self._obey(wait=not self._tasks)
            if self._tasks and not self._ending:
                self._step(min(self._tasks.values(), key=lambda task: task.urgency))
        for channel in list(self._tasks):
            self._drop(channel)
        if self._answers is not None:
            self._answers.close()
        sweep(self._files)  # nobody fetches them any more
        self._slab.close()

    @property
    def _files(self) -> Path:
        """Folder of answers that the slab had no room for."""
        return self._folder / "cache" / "live"

    def _load(self) -> Answers:
        if self._answers is None:
            module, _, name = self._named.partition(":")
            made: Answers = getattr(importlib.import_module(module), name)(self._folder)
            self._answers = made
        return self._answers

    # commands --------------------------------------------------------------------------------------------------------
    def _obey(self, wait: bool) -> None:
        """Take all commands that have come; ``wait`` for the first."""
        while not self._ending:
            try:
                data = self._inbox.get() if wait else self._inbox.get_nowait()
            except queue.Empty:
                return
            wait = False
            match None if data is None else _commands.decode(data):
                case Ask() as ask:
                    self._drop(ask.channel)
                    self._begin(ask)
                case Withdraw(channel=channel):
                    self._drop(channel)
                case _:
                    self._ending = True

    def _begin(self, ask: Ask) -> None:
        try:
            steps = self._load().answer(ask.request)
        except Exception as error:  # noqa: BLE001 whatever is wrong, the ask gets its answer
            self._refuse(ask, error)
            return
        self._tasks[ask.channel] = _Task(ask, steps)

    def _drop(self, channel: str) -> None:
        task = self._tasks.pop(channel, None)
        if task is not None:
            task.steps.close()
            self._say(Replaced(id=task.ask.id))

    # work ------------------------------------------------------------------------------------------------------------
    def _step(self, task: _Task) -> None:
        """One step of one ask."""
        begun = time.monotonic()
        try:
            event: Any = next(task.steps)
            task.spent += time.monotonic() - begun
        except StopIteration as end:
            del self._tasks[task.ask.channel]
            try:
                self._give(Done, task.ask.id, end.value)
            except Exception as error:  # noqa: BLE001 an answer that cannot be sent
                self._refuse(task.ask, error)
        except Exception as error:  # noqa: BLE001 the one place where the fault of an answer becomes a reply
            self._fail(task, error)
        else:
            if isinstance(event, Given):
                task.given = True
                self._give(Going, task.ask.id, event)

    def _fail(self, task: _Task, error: Exception) -> None:
        if out_of_memory(error) and not task.tried and self._load().relieve():
            task.steps, task.tried = self._load().answer(task.ask.request), True
            return
        del self._tasks[task.ask.channel]
        self._refuse(task.ask, error)

    # replies ---------------------------------------------------------------------------------------------------------
    def _give(self, kind: type[Going] | type[Done], number: int, given: Given) -> None:
        self._say(kind(id=number, content=given.content, parcel=self._parcel(given.arrays) if given.arrays else None))

    def _refuse(self, ask: Ask, error: Exception) -> None:
        traceback.print_exception(error)
        self._say(Unable(id=ask.id, text=explain(error), trace="".join(traceback.format_exception(error))))

    def _say(self, reply: Reply) -> None:
        data = _encoder.encode(reply)
        try:
            self._connection.send_bytes(data)
        except OSError:  # the window is gone; the thread that reads the pipe has seen it too
            self._ending = True

    def _parcel(self, arrays: Mapping[str, NDArray]) -> Parcel:
        """Put the arrays into the slab, or into a file when there is no room, so that nobody waits for the window."""
        data, where = bytearray(), {}
        for name, array in arrays.items():
            data += bytes(-len(data) % _ALIGNED)
            where[name] = Array(dtype=array.dtype.str, shape=array.shape, start=len(data))
            data += np.ascontiguousarray(array).data.cast("B") if array.size else b""
        place = self._slab.put(bytes(data))
        if place is not None:
            return Parcel(arrays=where, size=len(data), place=place)
        self._files.mkdir(parents=True, exist_ok=True)
        path = temporary_name(self._files / "answer")  # a name that ``sweep`` knows, should nobody fetch it
        path.write_bytes(data)
        return Parcel(arrays=where, size=len(data), path=str(path))
