"""How late the window's loop is: a beat every 10 ms, and what held each of them up."""

import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer

BEAT_MS = 10.0
SHARES = (50.0, 99.0, 99.9)


def waited() -> float:
    """Seconds that the calling thread was ready to run and had no processor, as others did; 0 where nobody counts them."""
    path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return int(path.read_text().split()[1]) / 1e9 if sys.platform == "linux" and path.exists() else 0.0


@dataclass
class Beats:
    """Milliseconds of each beat: how late it was, how much of that no processor was free, and what the thread worked."""

    late: list[float] = field(default_factory=list)
    queued: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    during: list[str] = field(default_factory=list)

    def summary(self, worst: int = 5) -> dict[str, Any]:
        """Percentiles of the lateness; ``own`` is what is left of it without the wait for a processor, which other programs
        take; ``worked`` is the processor time between two beats. With the worst beats, and what went on then."""
        late, worked = np.array(self.late), np.array(self.worked)
        own = np.maximum(0.0, late - np.array(self.queued))
        last = np.argsort(own)[::-1][:worst]
        return {
            "beats": len(late),
            "late_ms": percentiles(late),
            "own_ms": percentiles(own),
            "worked_ms": percentiles(worked),
            "worst": [[self.during[i], round(own[i], 1), round(worked[i], 1)] for i in last],
        }


class Heart(QObject):
    """Beats in the window's thread. Set ``doing`` to what is being done."""

    def __init__(self) -> None:
        super().__init__()
        self.beats = Beats()
        self.doing = ""
        self._timer = QTimer(self, interval=int(BEAT_MS), timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._last = (0.0, 0.0, 0.0)

    def start(self) -> None:
        """Begin, with nothing noted."""
        self.beats = Beats()
        self._last = self._now()
        self._timer.start()

    def stop(self) -> Beats:
        """End -> all that was noted."""
        self._timer.stop()
        return self.beats

    def _beat(self) -> None:
        now = self._now()
        gap, queued, worked = (1000 * (new - old) for new, old in zip(now, self._last, strict=True))
        self._last = now
        self.beats.late.append(max(0.0, gap - BEAT_MS))
        self.beats.queued.append(queued)
        self.beats.worked.append(worked)
        self.beats.during.append(self.doing)

    @staticmethod
    def _now() -> tuple[float, float, float]:
        return time.perf_counter(), waited(), time.thread_time()


def percentiles(values: np.ndarray | list[float]) -> dict[str, float]:
    """p50, p99, p99_9 and the worst."""
    if not len(values):
        return {}
    found = {f"p{share:g}".replace(".", "_"): round(float(np.percentile(values, share)), 1) for share in SHARES}
    return found | {"worst": round(float(np.max(values)), 1)}
