"""The measure of `bench studio` for clouds: how many guesses of one that forms are painted in a second."""

import time
from typing import Any

import numpy as np

from studio.models.looking import Looking
from tests.bench._studio_desk import Desk, Painted, until
from tests.bench._studio_heart import percentiles
from tests.bench._studio_person import ticks

NAME, POINTS = "forming/0000", 1_024
ASKED_PER_S = 60


async def clouds(desk: Desk, quick: bool) -> dict[str, Any]:
    """A cloud of 1,024 points that is another 60 times a second: frames a second that are painted, late by how much, and
    what one costs in CPU time, its drawing included."""
    desk.open()
    desk.go_to("Make")
    looking = desk.opened.model(Looking)
    rng = np.random.default_rng(0)
    start, end = rng.normal(0, 0.25, (POINTS, 3)), rng.uniform(-0.4, 0.4, (POINTS, 3)) * (1, 0.2, 1)
    looking.follow(NAME, "Taking shape", start)
    await until(lambda: desk.view.shown, "the first picture")
    wanted: dict[int, float] = {}
    late: list[float] = []

    def look() -> None:
        shown = desk.view.shown
        meshes = [placed.mesh for pane in (shown.panes if shown else ()) for placed in pane.parts.values()]
        for mesh in meshes:
            if (asked := wanted.pop(id(mesh), None)) is not None:
                late.append(1000 * (time.perf_counter() - asked))

    painted = Painted(desk.view, look)
    shown = []  # so that no other gets the number of one that is gone
    began, cpu, asked = time.perf_counter(), time.process_time(), 0
    async for t in ticks(3 if quick else 12, 1 / (4 * ASKED_PER_S)):
        if t * ASKED_PER_S < asked:
            continue
        asked += 1
        share = 0.5 - 0.5 * np.cos(asked / 20)
        looking.follow(NAME, "Taking shape", start + share * (end - start))
        shown.append(desk.view.scene.shape(NAME).parts[0])
        wanted[id(shown[-1])] = time.perf_counter()
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    desk.view.removeEventFilter(painted)
    size = desk.view.size()
    return {
        "points": POINTS,
        "asked_per_s": asked / spent,
        "painted_per_s": len(late) / spent,
        "late_ms": percentiles(late),
        "cpu_ms": 1000 * cpu / max(1, len(late)),
        "pixels": [size.width(), size.height()],
    }
