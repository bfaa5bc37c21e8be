"""Latents made by hand, so that what an analysis must find is known."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.analysis.learned import work
from engine.analysis.rows import TRAIN, Rows
from engine.child import Child
from engine.method import Part
from engine.protocol import Stage

NAMES = ("body", "wing", "tail")
WIDTH = 12  # numbers of each part


def made(
    latent: NDArray,
    marks: Sequence[str] | str = TRAIN,
    own: Sequence[bool] | bool = True,
    parts: int = 3,
    **more: object,
) -> Rows:
    """Rows of latents (N, D) with ``parts`` parts of equal width, all present."""
    count, width = latent.shape
    each = width // parts if parts else 0
    values: dict[str, object] = {
        "names": tuple(f"run/{i:04d}" for i in range(count)),
        "items": ("",) * count,
        "marks": np.broadcast_to(np.array(marks, np.str_), count),
        "own": np.broadcast_to(np.array(own), count),
        "latent": latent.astype(np.float32),
        "present": np.ones((count, parts), bool),
        "quality": np.full(count, np.nan),
        "parts": tuple(Part(NAMES[k], (0.5, 0.5, 0.5), (slice(k * each, (k + 1) * each),)) for k in range(parts)),
    }
    return Rows(**(values | more))  # type: ignore[arg-type]


def noise(count: int, width: int = 3 * WIDTH, seed: int = 0) -> NDArray[np.float64]:
    """(N, D) independent standard normal numbers."""
    return np.random.default_rng(seed).normal(size=(count, width))


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child's work is done here, which saves the start of a process."""

    def ask(self: Child, request: bytes) -> Stage[bytes]:
        yield from ()
        return work(request)

    monkeypatch.setattr(Child, "ask", ask)
