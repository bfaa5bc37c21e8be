"""How much memory a run took at most, kept beside its result, so that the next one like it can be told beforehand.
Torch-free."""

import threading
from collections.abc import Callable
from contextlib import suppress
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
    """The same stage; however it ends, the most memory that it took, in any session, is kept in ``folder``.

    gpu : bytes there, at most
    """
    ended, most = threading.Event(), [0]

    def look() -> None:
        process = psutil.Process()
        while True:
            most[0] = max(most[0], process.memory_info().rss)
            if ended.wait(LOOK_S):
                return

    def keep() -> None:
        ended.set()
        watcher.join()
        try:
            before = footprint_of(folder)
        except msgspec.DecodeError:  # it is written anew
            before = Footprint()
        write_json(folder / FILE, Footprint(max(most[0], before.ram), max(gpu(), before.gpu)))

    watcher = threading.Thread(target=look, name="footprint", daemon=True)
    watcher.start()
    try:
        result = yield from stage
    except BaseException:
        with suppress(OSError):  # a full disk makes no failure of a stop, and hides none
            keep()
        raise
    keep()
    return result


def footprint_of(folder: Path) -> Footprint:
    """What a run took; zeros where that was not measured. Raises OSError, msgspec.DecodeError."""
    path = folder / FILE
    return msgspec.json.decode(path.read_bytes(), type=Footprint) if path.is_file() else Footprint()
