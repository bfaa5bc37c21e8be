"""The memory that a run took at most is kept, also when it is given back before the end."""

import time
from collections.abc import Generator
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.errors import InputError
from engine.footprint import FILE, LOOK_S, footprint_of, measured
from engine.pipeline import _gpu_peak
from engine.protocol import Event, Progress
from tests.hearing import heard

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
    result, events = heard(measured(greedy(), tmp_path, lambda: 7))
    assert result == "done"
    found = footprint_of(tmp_path)
    assert len(events) == 2 and found.gpu == 7
    assert before + 0.9 * TAKEN < found.ram < before + 1.5 * TAKEN


def test_the_most_of_all_sessions_is_kept_however_they_end(tmp_path: Path) -> None:
    stopped = measured(greedy(), tmp_path, lambda: 7)
    list(islice(stopped, 2))
    stopped.close()
    of_stopped = footprint_of(tmp_path)
    assert of_stopped.ram > TAKEN and of_stopped.gpu == 7
    with pytest.raises(InputError):
        list(measured(greedy(fails=True), tmp_path, lambda: 9))
    of_failed = footprint_of(tmp_path)
    assert of_failed.ram >= of_stopped.ram and of_failed.gpu == 9
    list(measured(iter([Progress(stage="go on", done=1, total=1)]), tmp_path, lambda: 3))  # type: ignore[arg-type]
    assert footprint_of(tmp_path) == of_failed, "the rest of it took less"


def test_a_stop_stays_one_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / FILE).write_text("{")
    monkeypatch.setattr("engine.footprint.write_json", no_room)
    stage = measured(greedy(), tmp_path, lambda: 0)
    next(stage)
    stage.close()
    with pytest.raises(InputError):
        list(measured(greedy(fails=True), tmp_path, lambda: 0))


@pytest.mark.parametrize("used", [False, True])
def test_a_gpu_is_asked_only_where_the_job_uses_it(used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """To ask one makes a context on it, hundreds of MB, for whatever small job."""
    asked: list[str] = []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: used)
    monkeypatch.setattr("torch.cuda.reset_peak_memory_stats", lambda: asked.append("reset"))

    def peak() -> int:
        asked.append("peak")
        return 5

    monkeypatch.setattr("torch.cuda.max_memory_allocated", peak)
    assert _gpu_peak()() == (5 if used else 0)
    assert asked == (["reset", "peak"] if used else [])
