"""A ring of shared memory through which the engine hands arrays to the window: nothing is lost, nobody waits.

The writer puts a parcel behind the last one and says on the pipe where it lies; the reader copies it out, in the order of
what it was told, and so gives the room back. Where there is no room the writer is told so and uses a file.
"""

from multiprocessing.shared_memory import SharedMemory
from typing import Self

from engine.mailbox import reserved

ROOM = 16 << 20  # bytes; the meshes of a shape at 128^3 take about 1 MiB
_TAKEN, _ROOM = 0, 1  # words of the head: bytes that the reader is done with, counted from the writer's start; room
_HEAD = 16


class Slab:
    """One side of a ring. The window creates, reads and unlinks it; its engine attaches by name and writes."""

    def __init__(self, memory: SharedMemory, owner: bool) -> None:
        """Use ``create`` or ``attach``."""
        self._memory = memory
        self._owner = owner
        assert memory.buf is not None
        self._words = memory.buf[:_HEAD].cast("Q")  # one aligned store each, so a number is never half written
        self._put = int(self._words[_TAKEN])
        self.room = int(self._words[_ROOM])

    @classmethod
    def create(cls, room: int = ROOM) -> Self:
        """A new ring of ``room`` bytes. Raises StudioError when shared memory is full."""
        memory = reserved(_HEAD + room, "shapes")
        assert memory.buf is not None
        head = memory.buf[:_HEAD].cast("Q")
        head[_ROOM] = room  # the size of the memory may be rounded up; the rest of it is zero
        head.release()
        return cls(memory, owner=True)

    @classmethod
    def attach(cls, name: str) -> Self:
        """The ring that another process, whose spawned child this one is, has created. Raises FileNotFoundError."""
        return cls(SharedMemory(name), owner=False)

    @property
    def name(self) -> str:
        """What ``attach`` takes."""
        return self._memory.name

    def put(self, data: bytes) -> int | None:
        """Where the parcel lies, counted without end; None where there is no room for it now."""
        start, taken = self._put, int(self._words[_TAKEN])
        if start % self.room + len(data) > self.room:  # a parcel lies in one piece
            start += self.room - start % self.room
        first = start if taken == self._put else taken  # nothing waits, or what is before this does
        if len(data) > self.room or start + len(data) - first > self.room:
            return None
        offset = _HEAD + start % self.room
        assert self._memory.buf is not None
        self._memory.buf[offset : offset + len(data)] = data
        self._put = start + len(data)
        return start

    def take(self, place: int, size: int) -> bytes:
        """A copy of the parcel at ``place``; its room, and that of all before it, is free again."""
        offset = _HEAD + place % self.room
        assert self._memory.buf is not None
        data = bytes(self._memory.buf[offset : offset + size])
        self._words[_TAKEN] = place + size
        return data

    def empty(self) -> None:
        """Give all room back, for a new writer; only while there is no writer."""
        self._words[_TAKEN] = 0

    def close(self) -> None:
        """Let go of the memory; the creator's also removes it. Twice does no harm."""
        self._words.release()
        self._memory.close()
        if self._owner:
            self._owner = False
            self._memory.unlink()
