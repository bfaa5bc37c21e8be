"""What the status bar tells of the machine: what computes, and the memory of the window and its engines."""

import os
import sys
from collections.abc import Callable

import psutil
from PySide6.QtCore import QObject, QTimer, Signal

from engine.live_client import Answer
from engine.live_requests import Computer

EVERY_MS = 3_000
THREADS = "OMP_NUM_THREADS"  # from which an engine reads how many cores it may use, when it starts
_given = os.environ.get(THREADS)


def cores() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def let_use(number: int) -> None:
    """Let engines that are started from now on use so many cores; 0: as many as they see fit, or as the system says."""
    if number:
        os.environ[THREADS] = str(min(number, cores()))  # what was chosen on a larger machine
    elif _given is None:
        os.environ.pop(THREADS, None)
    else:
        os.environ[THREADS] = _given


class Machine(QObject):
    """Looks every few seconds; ``changed`` when there is something new to say."""

    changed = Signal()

    def __init__(self, engines: Callable[[], list[int]]) -> None:
        """engines : numbers of the processes of the engine."""
        super().__init__()
        self._engines = engines
        self.cores = cores()
        self.device = ""  # what the live engine computes with, once it has said so
        self.memory = 0
        self._me = psutil.Process()
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(self.look)

    def start(self) -> None:
        """Look now and from now on."""
        self.look()
        self._timer.start()

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()

    def look(self) -> None:
        """Add up the memory of this process and of its engines."""
        used = self._me.memory_info().rss
        for pid in self._engines():
            try:
                used += psutil.Process(pid).memory_info().rss
            except psutil.NoSuchProcess:
                continue
        if abs(used - self.memory) > 2**24:
            self.memory = used
            self.changed.emit()

    def hear(self, answer: Answer) -> None:
        """The live engine says what it computes with."""
        if isinstance(answer.content, Computer):
            self.device = answer.content.name
            self.changed.emit()

    @property
    def words(self) -> str:
        """ "CPU, 2 cores · 1.3 GB"; with a graphics card its name."""
        found = [self.device] if self.device else []
        found += [f"{self.cores} cores"] if self.device in ("", "CPU") else []
        return f"{', '.join(found)}  ·  {self.memory / 1e9:.1f} GB"
