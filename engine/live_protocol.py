"""What the window and the live engine say to each other, as msgpack bytes: requests go in, answers come out. Torch-free.

An `Ask` belongs to a channel ("view", "joints", "picture of fit-0001/a"): a new one replaces the one that waits or is being
worked on in its channel. Every ask ends in exactly one of `Done`, `Replaced` and `Unable`; before that it may get `Going`
with something to show already. What is "now" goes before what is "later", which goes on where it was when all is quiet.
"""

from typing import Literal

from engine.live_requests import Asked, Content, Request
from engine.protocol import Message, Shutdown

Priority = Literal["now", "later"]


class Ask(Message, frozen=True):
    """Answer this. ``id`` is the asker's own number, larger than that of any ask before."""

    id: int
    channel: str
    request: Request
    priority: Priority = "now"


class Withdraw(Message, frozen=True):
    """Nobody waits for this channel any more; what is open there is replaced by nothing."""

    channel: str


class Array(Asked, frozen=True, array_like=True):
    """A block of numbers at byte ``start`` of a parcel."""

    dtype: str
    shape: tuple[int, ...]
    start: int


class Parcel(Asked, frozen=True):
    """Arrays that lie in the slab at ``place``, or in the file ``path``, which whoever reads it removes."""

    arrays: dict[str, Array]
    size: int
    place: int = 0
    path: str = ""


class Going(Message, frozen=True):
    """Something to show already; more follows."""

    id: int
    content: Content
    parcel: Parcel | None = None


class Done(Message, frozen=True):
    """The answer, or the last part of it."""

    id: int
    content: Content
    parcel: Parcel | None = None


class Replaced(Message, frozen=True):
    """A newer ask of the channel took its place, or it was withdrawn."""

    id: int


class Unable(Message, frozen=True):
    """It cannot be answered; ``text`` says what the person can do, ``trace`` is for the log."""

    id: int
    text: str
    trace: str = ""


LiveCommand = Ask | Withdraw | Shutdown
Reply = Going | Done | Replaced | Unable
