"""What engine and window say to each other: commands go in, events come out, as msgpack bytes."""

from collections.abc import Generator
from typing import TypeVar

import msgspec

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

    result: msgspec.Raw


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
