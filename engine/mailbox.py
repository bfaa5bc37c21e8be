"""Previews from the engine to the window: one reused slab of shared memory, the newest whole preview wins.

The slab has a few slots. The writer fills the next one and never waits; the reader copies the newest and throws the
copy away when the sequence numbers before and after it, or its checksum, say that the writer came round meanwhile. So a
busy window sees fewer previews and nothing piles up.
"""

import os
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import StudioError

CAPACITY = (
    8 << 20
)  # bytes of one preview: a picture of 1024 x 1024 RGBA takes 4 MiB, a mesh of 100,000 vertices 3.6 MiB
SLOTS = 3  # a reader is outrun only by a writer that posts SLOTS - 1 previews during one copy
TRIES = 16

# The head of the slab, in 64-bit words: latest sequence number, capacity; then four words per slot.
_LATEST, _CAPACITY, _SLOT_WORDS = 0, 1, 4
_BEFORE, _AFTER, _LENGTH, _CHECKSUM = range(_SLOT_WORDS)
_HEAD = 8 * (2 + SLOTS * _SLOT_WORDS)


class TooLargeError(StudioError):
    """A preview does not fit in the slab; write it to a file and name that in a Saved event."""


@dataclass(frozen=True)
class Preview:
    """Something to look at while a job works. A stage yields it like an event; only the newest reaches the window.

    kind : what the arrays are, for example "mesh" or "picture".
    arrays : name -> array of any shape and plain dtype, for example "vertices" (P, 3) float32.
    """

    kind: str
    arrays: Mapping[str, NDArray]


class _Array(msgspec.Struct, frozen=True, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    kind: str
    arrays: dict[str, _Array]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Frame)


class Mailbox:
    """One side of a slab. The window creates and unlinks it; its engine, one writer at a time, attaches by name."""

    def __init__(self, memory: SharedMemory, owner: bool) -> None:
        """Use ``create`` or ``attach``."""
        self._memory = memory
        self._owner = owner
        self._words = _bytes(memory)[:_HEAD].cast("Q")  # one aligned store each, so a number is never half written
        self._seen = 0
        self.capacity = int(self._words[_CAPACITY])

    @classmethod
    def create(cls, capacity: int = CAPACITY) -> Self:
        """A new slab for previews of up to ``capacity`` bytes. Raises StudioError when shared memory is full."""
        size = _HEAD + SLOTS * capacity
        memory = reserved(size, "previews")
        head = _bytes(memory)[:_HEAD].cast("Q")
        head[_CAPACITY] = capacity  # the rest of new shared memory is zero
        head.release()
        return cls(memory, owner=True)

    @classmethod
    def attach(cls, name: str) -> Self:
        """The slab that another process, whose spawned child this one is, has created. Raises FileNotFoundError."""
        # Spawned children share the creator's resource tracker, so this registers nothing new and unlinks nothing.
        return cls(SharedMemory(name), owner=False)

    @property
    def name(self) -> str:
        """What ``attach`` takes."""
        return self._memory.name

    def post(self, preview: Preview) -> None:
        """Make this the newest preview, without waiting for the reader. Raises TooLargeError."""
        arrays = {name: _pack(array) for name, array in preview.arrays.items()}
        data = _encoder.encode(_Frame(preview.kind, arrays))
        if len(data) > self.capacity:
            sizes = f"{len(data):,} bytes, the mailbox holds {self.capacity:,}"
            raise TooLargeError(f"preview {preview.kind!r} has {sizes}; write it to a file instead")
        number = int(self._words[_LATEST]) + 1  # goes on where an engine that died has stopped
        slot = 2 + number % SLOTS * _SLOT_WORDS
        start = _HEAD + number % SLOTS * self.capacity
        self._words[slot + _BEFORE] = number  # from here on readers of the old preview in this slot drop their copy
        _bytes(self._memory)[start : start + len(data)] = data
        self._words[slot + _LENGTH] = len(data)
        self._words[slot + _CHECKSUM] = zlib.crc32(data)
        self._words[slot + _AFTER] = number
        self._words[_LATEST] = number

    def take(self) -> Preview | None:
        """The newest preview if it has not been taken yet, else None. Never a mixture of two."""
        for _ in range(TRIES):
            number = int(self._words[_LATEST])
            if number == self._seen:
                return None
            slot = 2 + number % SLOTS * _SLOT_WORDS
            start = _HEAD + number % SLOTS * self.capacity
            if self._words[slot + _AFTER] != number:
                continue
            length, checksum = min(self._words[slot + _LENGTH], self.capacity), self._words[slot + _CHECKSUM]
            data = bytes(_bytes(self._memory)[start : start + length])
            # The checksum is for processors that reorder stores, where the two numbers alone would not be enough.
            if self._words[slot + _BEFORE] != number or zlib.crc32(data) != checksum:
                continue
            self._seen = number
            frame = _decoder.decode(data)
            return Preview(frame.kind, {name: _unpack(array) for name, array in frame.arrays.items()})
        return None  # outrun every time: there will be a newer one at the next look

    def close(self) -> None:
        """Let go of the slab; the creator's also removes it. Twice does no harm."""
        self._words.release()
        self._memory.close()
        if self._owner:
            self._owner = False
            self._memory.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _bytes(memory: SharedMemory) -> memoryview:
    assert memory.buf is not None, "the mailbox is closed"
    return memory.buf


def _pack(array: NDArray) -> _Array:
    if array.dtype.hasobject or array.dtype.names is not None:
        raise TypeError(f"a preview's arrays hold plain numbers, not {array.dtype}")
    return _Array(array.dtype.str, array.shape, array.tobytes())


def _unpack(array: _Array) -> NDArray:
    return np.frombuffer(array.data, np.dtype(array.dtype)).reshape(array.shape)


def reserved(size: int, what: str) -> SharedMemory:
    """New shared memory for ``what``, in words, of so many bytes. Raises StudioError when there is not enough."""
    memory = SharedMemory(create=True, size=size)
    try:
        _take(memory.name, size)
    except OSError as error:
        memory.close()
        memory.unlink()
        raise StudioError(f"no shared memory for {what} ({error}); make /dev/shm larger by {size:,} bytes") from error
    return memory


def _take(name: str, size: int) -> None:
    """Take the memory now: where /dev/shm is too small, a write would otherwise end the process by SIGBUS."""
    if sys.platform != "linux":
        return
    handle = os.open(Path("/dev/shm") / name.lstrip("/"), os.O_RDWR)
    try:
        os.posix_fallocate(handle, 0, size)
    finally:
        os.close(handle)
