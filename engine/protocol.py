"""What engine and window say to each other: commands go in, events come out, as msgpack bytes."""

from collections.abc import Generator
from typing import Any, TypeVar

import msgspec

from engine.jobs import Job

T = TypeVar("T")


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=str.lower, kw_only=True):
    """Base of everything that crosses the pipe or lies in events.jsonl."""


class Progress(Message):
    """``done`` of ``total`` units of the named stage; the receiver works out the time left."""

    stage: str
    done: int
    total: int
    message: str = ""


class Metric(Message):
    """One number of a curve (loss, IoU, 1-NNA) at a step."""

    name: str
    step: int
    value: float


class Note(Message):
    """Something a person should read; ``warning`` when a result is affected."""

    text: str
    warning: bool = False


class Saved(Message):
    """A file of the run exists now, whole: checkpoint, latents, picture, export."""

    kind: str
    path: str


class Finished(Message):
    """The job is done; ``result`` is the job's documented JSON object."""

    result: dict[str, Any]


class Failed(Message):
    """The job stopped by an error; ``text`` says what the person can do, ``trace`` is for the log."""

    text: str
    trace: str = ""


class Cancelled(Message):
    """The job was cancelled; its state is saved and ``resume`` goes on from there."""


class Paused(Message):
    """The job waits; Resume goes on."""


class Resumed(Message):
    """The job goes on."""


Event = Progress | Metric | Note | Saved | Finished | Failed | Cancelled | Paused | Resumed
Stage = Generator[Event, None, T]


class Submit(Message):
    """Run this job (it has its ``run``); the answer is a stream of events that ends in one of the terminal ones."""

    job: Job


class Cancel(Message):
    """Stop at the next event; the state is saved."""


class Pause(Message):
    """Hold at the next event until Resume."""


class Resume(Message):
    """Go on after Pause."""


class Throttle(Message):
    """Leave this share of the time to others: the worker sleeps between events. 0 = full speed."""

    share: float


class Shutdown(Message):
    """Save and end the engine process."""


Command = Submit | Cancel | Pause | Resume | Throttle | Shutdown
TERMINAL = (Finished, Failed, Cancelled)

_encoder = msgspec.msgpack.Encoder()
_events = msgspec.msgpack.Decoder(Event)
_commands = msgspec.msgpack.Decoder(Command)


def encode(message: Event | Command) -> bytes:
    """Bytes for the pipe."""
    return _encoder.encode(message)


def decode_event(data: bytes) -> Event:
    """An event from the pipe. Raises msgspec.ValidationError for anything that is none."""
    return _events.decode(data)


def decode_command(data: bytes) -> Command:
    """A command from the pipe. Raises msgspec.ValidationError for anything that is none."""
    return _commands.decode(data)
