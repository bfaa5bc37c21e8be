"""Stages side by side: each is driven by a thread of its own, which pays where their work is done in native code."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from engine.protocol import Stage

T = TypeVar("T")
BEAT_S = 0.05  # between two looks at whether one is done
AHEAD = 4  # times as many as run at once: results that may wait for an earlier one that takes longer


@contextmanager
def abreast(stages: Iterable[Stage[T]], at_once: int) -> Iterator["Results[T]"]:
    """The results of stages, of which so many run at once, in their order.

    Leaving it closes them at their next event. They must not share what threads cannot share (a catalogue). ``stages`` is
    asked for one as its turn comes, in the caller's thread.
    """
    results = Results(iter(stages), at_once)
    try:
        yield results
    finally:
        results.close()


class Results(Generic[T]):
    """What comes of stages side by side, one after the other; see `abreast`."""

    def __init__(self, stages: Iterator[Stage[T]], at_once: int) -> None:
        self._stages, self._at_once = stages, at_once
        self._events: SimpleQueue[Any] = SimpleQueue()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(at_once, "abreast") if at_once > 1 else None
        self._going: deque[Future[list[T]]] = deque()

    def next(self) -> Stage[T]:
        """The next result, with the events of all as they come. Raises what it raised; there must be one."""
        if self._pool is None:
            return (yield from next(self._stages))
        while len(self._going) < AHEAD * self._at_once and (stage := next(self._stages, None)) is not None:
            self._going.append(self._pool.submit(_drive, stage, self._events, self._stop))
        first = self._going.popleft()
        while wait([first], BEAT_S).not_done:
            yield from self._told()
        yield from self._told()
        return first.result()[0]

    def close(self) -> None:
        """Close all that go on, and wait for that."""
        self._stop.set()
        if self._pool is not None:
            self._pool.shutdown()

    def _told(self) -> Stage[None]:
        while True:
            try:
                yield self._events.get_nowait()
            except Empty:
                return


def _drive(stage: Stage[T], events: SimpleQueue[Any], stop: threading.Event) -> list[T]:
    """The result of a stage, [] where it was stopped."""
    while not stop.is_set():
        try:
            events.put(next(stage))
        except StopIteration as end:
            return [end.value]
    stage.close()
    return []
