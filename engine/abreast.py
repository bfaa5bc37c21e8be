"""Stages side by side: each is driven by a thread of its own, which pays where their work is done in native code."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from engine.protocol import Stage

T = TypeVar("T")
BEAT_S = 0.05  # between two looks at whether all are done


def abreast(stages: Sequence[Stage[T]]) -> Stage[list[T]]:
    """The results of stages in their order; events of all of them as they come.

    Closing it closes them at their next event, and so does an error of one, which is raised when all have ended. They must
    not share what threads cannot share (a catalogue), and no more than a handful makes sense.
    """
    if len(stages) == 1:
        return [(yield from stages[0])]
    events: SimpleQueue[Any] = SimpleQueue()
    stop = threading.Event()
    with ThreadPoolExecutor(max(1, len(stages)), "abreast") as pool:
        going = [pool.submit(_drive, stage, events, stop) for stage in stages]
        try:
            while wait(going, BEAT_S).not_done:
                yield from _waiting(events)
        finally:
            stop.set()
    yield from _waiting(events)
    failed = next((error for one in going if (error := one.exception()) is not None), None)
    if failed is not None:
        raise failed
    return [value for one in going for value in one.result()]


def _drive(stage: Stage[T], events: SimpleQueue[Any], stop: threading.Event) -> list[T]:
    """The result of a stage, [] where it was stopped."""
    while not stop.is_set():
        try:
            events.put(next(stage))
        except StopIteration as end:
            return [end.value]
        except BaseException:
            stop.set()
            raise
    stage.close()
    return []


def _waiting(events: SimpleQueue[Any]) -> Stage[None]:
    while True:
        try:
            yield events.get_nowait()
        except Empty:
            return
