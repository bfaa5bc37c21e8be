"""events.jsonl: what a run said, one JSON object a line, readable while it is being written."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.mailbox import Preview
from engine.protocol import Event, Progress, Stage

T = TypeVar("T")
BEAT_S = 5.0


class EventLog:
    """Appends the events of a stage (all but Progress) to a file and keeps the run's lease alive meanwhile."""

    def __init__(self, path: Path, beat: Callable[[], None]) -> None:
        """Open for appending; a last line that was cut by a crash is dropped."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.begun = path.exists()
        self._beat = beat
        if path.exists():
            data = path.read_bytes()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                os.truncate(path, whole)

    def keep(self, stage: Stage[T]) -> Stage[T]:
        """The same stage, recorded."""
        beaten = time.monotonic()
        with open(self._path, "ab") as file:
            while True:
                try:
                    event = next(stage)
                except StopIteration as end:
                    result: T = end.value
                    return result
                self.begun = True
                if not isinstance(event, Progress | Preview):
                    file.write(msgspec.json.encode(_Line(time.time(), event)) + b"\n")
                    file.flush()
                if time.monotonic() - beaten > BEAT_S:
                    beaten = time.monotonic()
                    self._beat()
                try:
                    yield event
                except GeneratorExit:
                    stage.close()
                    raise


class _Line(msgspec.Struct, frozen=True):
    at: float
    event: Event


def read_events(path: Path) -> list[tuple[float, Any]]:
    """(time, event) of a run, oldest first; a line that is being written is left out."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    found = [msgspec.json.decode(line, type=_Line) for line in lines]
    return [(line.at, line.event) for line in found]
