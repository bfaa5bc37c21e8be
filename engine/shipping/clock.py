"""What the steps of making a model took, over all sessions."""

import time
from pathlib import Path
from typing import Any

import msgspec

from engine.protocol import Stage
from engine.storage import write_json

KEEP_EVERY = 10.0  # seconds that a killed process may leave uncounted


class Clock:
    """Wall-clock seconds of each step by the name of its run, over all sessions, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: dict[str, float] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}

    def timed(self, name: str, stage: Stage[Any]) -> Stage[Any]:
        """The stage, with the time that it takes added to what it took before."""
        before, start = self.seconds.get(name, 0.0), time.monotonic()
        kept = start
        try:
            while True:
                try:
                    event = next(stage)
                except StopIteration as end:
                    return end.value
                if time.monotonic() - kept > KEEP_EVERY:
                    kept = time.monotonic()
                    self._keep(name, before + kept - start)
                yield event
        finally:
            stage.close()
            self._keep(name, before + time.monotonic() - start)

    def _keep(self, name: str, seconds: float) -> None:
        self.seconds[name] = seconds
        write_json(self.path, self.seconds)
