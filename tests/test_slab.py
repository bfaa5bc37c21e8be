"""The ring of shared memory: whatever is put is taken, whole and in order, and nothing that waits is written over."""

import random
from collections import deque
from collections.abc import Iterator

import pytest

from engine.slab import Slab


@pytest.fixture
def slab() -> Iterator[Slab]:
    with_room = Slab.create(1000)
    yield with_room
    with_room.close()


def test_random_parcels_come_out_as_they_went_in(slab: Slab) -> None:
    rng, writer = random.Random(3), Slab.attach(slab.name)
    waiting: deque[tuple[int, bytes]] = deque()
    refused = taken = 0
    for _ in range(3000):
        data = rng.randbytes(rng.choice([0, 1, 30, 200, 499, 700, 1000]))
        place = writer.put(data)
        if place is None:
            refused += 1
        else:
            waiting.append((place, data))
        while waiting and rng.random() < 0.5:
            place, data = waiting.popleft()
            assert slab.take(place, len(data)) == data
            taken += 1
        assert sum(len(data) for _, data in waiting) <= slab.room
    assert refused > 100 and taken > 1000
    writer.close()


def test_room_comes_back_when_all_is_taken(slab: Slab) -> None:
    for size in (1000, 700, 1000, 1):
        place = slab.put(bytes(size))
        assert place is not None
        assert slab.put(bytes(1000)) is None
        slab.take(place, size)
    assert slab.put(bytes(1001)) is None, "larger than the ring"


def test_a_new_writer_begins_with_all_room(slab: Slab) -> None:
    dead = Slab.attach(slab.name)
    assert dead.put(bytes(900)) is not None and dead.put(bytes(900)) is None
    dead.close()
    slab.empty()
    writer = Slab.attach(slab.name)
    place = writer.put(b"whole")
    assert place is not None and slab.take(place, 5) == b"whole"
    writer.close()
