"""The size of published comparisons: 606 against 606 clouds of 2,048 points, in minutes and with flat memory."""

import resource
import time
from pathlib import Path

import numpy as np
import pytest

from engine.datasets.procedural import make
from engine.geometry.occupancy import surface_points
from engine.metrics.matrices import distances
from engine.metrics.measures import CHAMFER
from engine.protocol import Progress

COUNT, POINTS = 606, 2048


@pytest.mark.slow
def test_606_against_606_in_a_quarter_of_an_hour(tmp_path: Path) -> None:
    clouds = np.stack(
        [
            surface_points(make("airplane", seed).geometry.surface, POINTS, np.random.default_rng(seed))
            for seed in range(2 * COUNT)
        ]
    )
    sets = {"generated": clouds[:COUNT], "reference": clouds[COUNT:]}
    pairs = [("generated", "generated"), ("generated", "reference"), ("reference", "reference")]
    wall, cpu, told, widest = time.monotonic(), time.process_time(), time.monotonic(), 0.0
    begun: float | None = None  # memory once a twentieth is done
    stage = distances(sets, pairs, CHAMFER, tmp_path, 2)
    while True:
        try:
            event = next(stage)
        except StopIteration as end:
            found = end.value
            break
        now = time.monotonic()
        widest, told = max(widest, now - told), now
        if begun is None and isinstance(event, Progress) and event.total and event.done > event.total / 20:
            begun = _peak_mb()
    assert begun is not None
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    print(
        f"\n{found.measured:,} pairs: {wall:.0f} s of wall time on 2 threads, {cpu:.0f} CPU-s, peak {_peak_mb():.0f} MB, "
        f"{_peak_mb() - begun:.0f} MB more than at 5 %, widest gap between events {widest:.2f} s"
    )
    assert found.measured == COUNT * (COUNT - 1) + COUNT**2
    assert wall < 15 * 60
    assert _peak_mb() - begun < 200


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
