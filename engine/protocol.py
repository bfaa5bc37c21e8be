"""What engine and window say to each other: commands go in, events come out, as msgpack bytes."""

from collections.abc import Generator
from typing import Any, TypeVar

import msgspec

from engine.jobs import Job
from engine.mailbox import Preview

T = TypeVar("T")


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=str.lower, kw_only=True):
    """Base of everything that crosses the pipe or lies in events.jsonl."""


class Progress(Message, frozen=True):
    """``done`` of ``total`` units of the named stage; the receiver works out the time left."""

    stage: str
    done: int
    total: int
    message: str = ""


class Metric(Message, frozen=True):
    """One number of a curve (loss, IoU, 1-NNA) at a step."""

    name: str
    step: int
    value: float


class Note(Message, frozen=True):
    """Something a person should read; ``warning`` when a result is affected."""

    text: str
    warning: bool = False


class Saved(Message, frozen=True):
    """A file of the run exists now, whole: checkpoint, latents, picture, export."""

    kind: str
    path: str


class Finished(Message, frozen=True):
    """The job is done; ``result`` is the job's documented JSON object."""

    result: dict[str, Any]


class Failed(Message, frozen=True):
    """The job stopped by an error; ``text`` says what the person can do, ``trace`` is for the log."""

    text: str
    trace: str = ""


class Cancelled(Message, frozen=True):
    """The job was cancelled; its state is saved and ``resume`` goes on from there."""


class Paused(Message, frozen=True):
    """The job waits; Resume goes on."""


class Resumed(Message, frozen=True):
    """The job goes on."""


class Refused(Message, frozen=True):
    """A command was not obeyed and nothing else changed: the engine works on another job, or could not read it."""

    text: str


Event = Progress | Metric | Note | Saved | Finished | Failed | Cancelled | Paused | Resumed | Refused
Stage = Generator[Event | Preview, None, T]


class Submit(Message, frozen=True):
    """Run this job (it has its ``run``); the answer is a stream of events that ends in one of the terminal ones."""

    job: Job


class Cancel(Message, frozen=True):
    """Stop at the next event; the state is saved."""


class Pause(Message, frozen=True):
    """Hold at the next event until Resume."""


class Resume(Message, frozen=True):
    """Go on after Pause."""


class Throttle(Message, frozen=True):
    """Leave this share of the time to others: the worker sleeps between events. 0 = full speed."""

    share: float


class Shutdown(Message, frozen=True):
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
    """An event from the pipe. Raises msgspec.DecodeError for anything that is none."""
    return _decode(_events, data)


def decode_command(data: bytes) -> Command:
    """A command from the pipe. Raises msgspec.DecodeError for anything that is none."""
    return _decode(_commands, data)


def _decode(decoder: msgspec.msgpack.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(data)
    except (UnicodeDecodeError, RecursionError) as error:  # msgspec lets these through for bytes that are no message
        raise msgspec.DecodeError(str(error)) from error
