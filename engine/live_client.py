"""The window's side of the live engine: asks it small things, and takes what it answers. Torch-free."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.live_protocol import Ask, Done, Going, LiveCommand, Parcel, Priority, Replaced, Reply, Unable, Withdraw
from engine.live_requests import Content, Request
from engine.live_worker import ANSWERS, LOG, live_main
from engine.protocol import Shutdown
from engine.slab import ROOM, Slab
from engine.spawned import Spawned, last_lines

DEATHS = 2  # an ask during which the engine has died so often is given up

_encoder = msgspec.msgpack.Encoder()
_asks = msgspec.msgpack.Decoder(LiveCommand)
_replies = msgspec.msgpack.Decoder(Reply)


@dataclass(frozen=True)
class Answer:
    """What became of an ask.

    state : "going" (there is something to show, more follows) or the one last word: "done", "replaced", "failed"
    content, arrays : what was asked for, as the request documents it; text : why it failed, one sentence; trace : for a log
    """

    ask: Ask
    state: Literal["going", "done", "replaced", "failed"]
    content: Content | None = None
    arrays: Mapping[str, NDArray] = field(default_factory=dict)
    text: str = ""
    trace: str = ""

    def mesh(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.int32]] | None:
        """Vertices (V, 3) and faces (F, 3) of a piece of `Meshes`; None where the asker has it already."""
        faces = self.arrays.get(f"faces/{name}")
        return None if faces is None else (self.arrays[f"vertices/{name}"], faces)

    def cloud(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32] | None] | None:
        """Points (P, 3) and colours (P, 3) of a piece that is a cloud; None where it is a surface."""
        points = self.arrays.get(f"points/{name}")
        return None if points is None else (points, self.arrays.get(f"colours/{name}"))


class LiveEngine:
    """The engine that answers small requests, in a process of its own. Not for use by several threads at once.

    It starts with the first ask, or earlier by ``start``. When it dies it is started again and asked again, once. The main
    module of the program must do its work under ``if __name__ == "__main__"``: the new process imports it.
    """

    def __init__(self, project: Path | str, answers: str = ANSWERS, room: int = ROOM) -> None:
        """project : folder of an existing project. answers : see `live_main`. room : bytes of answers not yet polled."""
        self.folder = Path(project).resolve()
        self._slab = Slab.create(room)
        self._engine = Spawned(live_main, (str(self.folder), self._slab.name, answers), self.close)
        self._open: dict[int, Ask] = {}  # asks without a last word, by number
        self._deaths: dict[int, int] = {}
        self._number = 0

    # life ------------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start the process unless it is alive. It imports what it needs while the caller goes on."""
        self._engine.start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._engine.alive

    @property
    def busy(self) -> bool:
        """Whether anything was asked whose last word has not been polled yet."""
        return bool(self._open)

    @property
    def pid(self) -> int | None:
        """Process number, while it is alive."""
        return self._engine.pid

    def fileno(self) -> int | None:
        """What a window can wait on: readable when there is something to poll for. Another one after each start."""
        return self._engine.fileno()

    def kill(self) -> None:
        """End the process at once; poll tells of the death and starts it again where something is open."""
        self._engine.kill()

    def close(self) -> None:
        """End the engine. The object cannot be used afterwards."""
        self._engine.end(_encoder.encode(Shutdown()))
        self._slab.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # talk ------------------------------------------------------------------------------------------------------------
    def ask(self, request: Request, channel: str = "", priority: Priority = "now") -> int:
        """Ask for something -> the number of the ask. It replaces what is open in the channel ("" = one per kind of request).

        Raises InputError for a request that breaks a bound.
        """
        kind = str(request.__struct_config__.tag)
        ask = Ask(id=self._number + 1, channel=channel or kind, request=request, priority=priority)
        try:
            _asks.decode(_encoder.encode(ask))  # constructors do not check bounds
        except (msgspec.DecodeError, TypeError) as error:
            raise InputError(f"this cannot be asked of the engine: {error}") from error
        self._number = ask.id
        self._open[ask.id] = ask
        if self._engine.fileno() is None:
            self.start()
        elif not self._engine.alive:  # poll finds that it has died, starts it and asks it this too, for the first time
            self._deaths[ask.id] = -1
        self._engine.write(_encoder.encode(ask))
        return ask.id

    def withdraw(self, channel: str) -> None:
        """Nobody waits for this channel any more: what is open there ends as replaced."""
        self._engine.write(_encoder.encode(Withdraw(channel=channel)))

    def poll(self, timeout: float = 0.0) -> list[Answer]:
        """What was answered since the last poll, in order, waiting up to ``timeout`` seconds for something."""
        messages, ended = self._engine.drain(timeout)
        found = [answer for data in messages if (answer := self._read(data)) is not None]
        return found + self._mourn() if ended else found

    # inside ----------------------------------------------------------------------------------------------------------
    def _read(self, data: bytes) -> Answer | None:
        reply: Reply = _replies.decode(data)
        ask = self._open.get(reply.id)
        if ask is not None and not isinstance(reply, Going):
            self._close_ask(ask)
        arrays: dict[str, NDArray] = {}
        if isinstance(reply, Going | Done) and reply.parcel:  # also of what nobody waits for, to free its room
            try:
                arrays = self._unpack(reply.parcel)
            except OSError as error:
                text = f"the answer of the engine is gone ({error.strerror}); ask again"
                return Answer(ask, "failed", text=text) if ask and isinstance(reply, Done) else None
        if ask is None:
            return None
        match reply:
            case Going(content=content):
                return Answer(ask, "going", content, arrays)
            case Done(content=content):
                return Answer(ask, "done", content, arrays)
            case Replaced():
                return Answer(ask, "replaced")
            case Unable(text=text, trace=trace):
                return Answer(ask, "failed", text=text, trace=trace)

    def _unpack(self, parcel: Parcel) -> dict[str, NDArray]:
        """The arrays of an answer. Raises OSError where the file of a large one is gone."""
        if parcel.path:
            path = Path(parcel.path)
            data = path.read_bytes()
            path.unlink(missing_ok=True)
        else:
            data = self._slab.take(parcel.place, parcel.size)
        found = {}
        for name, array in parcel.arrays.items():
            count = int(np.prod(array.shape))
            found[name] = np.frombuffer(data, np.dtype(array.dtype), count, array.start).reshape(array.shape)
        return found

    def _mourn(self) -> list[Answer]:
        """The engine died: ask again what is open, give up what it died of twice."""
        cause = self._engine.let_go()
        self._slab.empty()
        given_up = []
        for ask in list(self._open.values()):
            self._deaths[ask.id] = self._deaths.get(ask.id, 0) + 1
            if self._deaths[ask.id] >= DEATHS:
                self._close_ask(ask)
                text = f"the engine ended twice over this, at last by {cause}; try it with other shapes"
                given_up.append(Answer(ask, "failed", text=text, trace=last_lines(self.folder / LOG)))
        if self._open:
            self.start()
            for ask in self._open.values():
                self._engine.write(_encoder.encode(ask))
        return given_up

    def _close_ask(self, ask: Ask) -> None:
        del self._open[ask.id]
        self._deaths.pop(ask.id, None)
