"""How much memory a run took at most, kept beside its result, so that the next one like it can be told beforehand.
Torch-free."""

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from engine.protocol import Stage, T
from engine.storage import write_json

FILE = "memory.json"  # in a run's folder: Footprint
LOOK_S = 0.25  # between two looks at the process


class Footprint(msgspec.Struct, frozen=True):
    """Bytes at most. ram : of the engine's process with all that it has loaded; gpu : that torch gave out on a GPU"""

    ram: int = 0
    gpu: int = 0


def measured(stage: Stage[T], folder: Path, gpu: Callable[[], int]) -> Stage[T]:
    """The same stage; when it ends well, the most memory that it took is kept in ``folder``. gpu : bytes there, at most."""
    ended, most = threading.Event(), [0]

    def look() -> None:
        process = psutil.Process()
        while True:
            most[0] = max(most[0], process.memory_info().rss)
            if ended.wait(LOOK_S):
                return

    watcher = threading.Thread(target=look, name="footprint", daemon=True)
    watcher.start()
    try:
        result = yield from stage
    finally:
        ended.set()
        watcher.join()
    write_json(folder / FILE, Footprint(most[0], gpu()))
    return result


def footprint_of(folder: Path) -> Footprint:
    """What a run took; zeros where that was not measured. Raises OSError, msgspec.DecodeError."""
    path = folder / FILE
    return msgspec.json.decode(path.read_bytes(), type=Footprint) if path.is_file() else Footprint()
