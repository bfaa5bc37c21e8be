"""The memory that a run took at most is kept, also when it is given back before the end."""

import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.errors import InputError
from engine.footprint import FILE, LOOK_S, Footprint, footprint_of, measured
from engine.protocol import Event, Progress

TAKEN = 200 * 2**20


def greedy(fails: bool = False) -> Generator[Event, None, str]:
    """Takes much memory for a while, and gives it back."""
    block = np.ones(TAKEN, np.uint8)
    yield Progress(stage="take", done=0, total=1)
    time.sleep(3 * LOOK_S)
    del block
    yield Progress(stage="take", done=1, total=1)
    if fails:
        raise InputError("no")
    return "done"


def test_the_most_memory_is_kept(tmp_path: Path) -> None:
    before = psutil.Process().memory_info().rss
    stage = measured(greedy(), tmp_path, lambda: 7)
    events = []
    while True:
        try:
            events.append(next(stage))
        except StopIteration as end:
            assert end.value == "done"
            break
    found = footprint_of(tmp_path)
    assert len(events) == 2 and found.gpu == 7
    assert before + 0.9 * TAKEN < found.ram < before + 1.5 * TAKEN


def test_nothing_is_kept_of_what_did_not_end_well(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        list(measured(greedy(fails=True), tmp_path, lambda: 0))
    assert not (tmp_path / FILE).exists() and footprint_of(tmp_path) == Footprint()
