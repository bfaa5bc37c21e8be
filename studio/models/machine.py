"""What the status bar tells of the machine: processors, and the memory of the window and its engines."""

import os
import sys
from collections.abc import Callable

import psutil
from PySide6.QtCore import QObject, QTimer, Signal

EVERY_MS = 3_000


class Machine(QObject):
    """Looks every few seconds; ``changed`` when there is something new to say."""

    changed = Signal()

    def __init__(self, engines: Callable[[], list[int]]) -> None:
        """engines : numbers of the processes of the engine."""
        super().__init__()
        self._engines = engines
        self.cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
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

    @property
    def words(self) -> str:
        """ "2 cores · 1.3 GB"."""
        return f"{self.cores} cores  ·  {self.memory / 1e9:.1f} GB"
