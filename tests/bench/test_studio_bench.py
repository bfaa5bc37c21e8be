"""The ruler of `bench studio`: what holds the window's loop up is felt, and figures are held against their budgets."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tests.bench._studio_desk import Painted
from tests.bench._studio_heart import Heart, waited
from tests.bench._studio_measures import ASKED_PER_S, of_cases
from tests.bench._studio_projects import large_project
from tests.bench.studio import BUDGETS, ROOT, _held


def test_the_heart_feels_what_holds_the_loop_up(qtbot: QtBot) -> None:
    heart = Heart()
    heart.start()

    def hold() -> None:
        heart.doing = "sleep"
        time.sleep(0.15)

    QTimer.singleShot(30, hold)
    qtbot.waitUntil(lambda: len(heart.beats.late) > 5 and max(heart.beats.late) > 139)
    found = heart.stop().summary()
    assert found["own_ms"]["worst"] > 139 or max(heart.beats.queued) > 5, "a sleep is not a wait for a processor"
    assert found["worst"][0][0] == "sleep"
    assert heart.beats.worked[heart.beats.late.index(max(heart.beats.late))] < 100, "it slept and did not work"


def test_opening_a_project_loads_nothing_that_is_not_shown(tmp_path: Path) -> None:
    """Torch never; VTK, curves and the like when a person first looks at what they draw."""
    folder = large_project(tmp_path / "Three", 3)
    command = [sys.executable, "-m", "tests.bench._studio_start", str(folder)]
    kept = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    ended = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["loaded"] == [] and found["usable_s"] > found["painted_s"] > 0


def test_the_wait_for_a_processor_only_grows() -> None:
    before = waited()
    sum(range(100_000))
    assert waited() >= before >= 0


def test_what_is_painted_is_told_after_it_was(qtbot: QtBot) -> None:
    told: list[bool] = []
    widget = QWidget()
    qtbot.addWidget(widget)
    Painted(widget, lambda: told.append(True))
    assert not told
    widget.show()
    qtbot.waitUntil(lambda: bool(told))


@pytest.mark.parametrize(("painted", "ratio"), [(60.0, 2.0), (15.0, 0.5)])
def test_more_than_the_budget_is_good_for_frames(painted: float, ratio: float) -> None:
    assert [row["ratio"] for row in _held("scrub", {"painted_per_s": painted})] == [ratio]


def test_less_than_the_budget_is_good_for_times() -> None:
    rows = {
        row["figure"]: row["ratio"] for row in _held("stalls", {"late_ms": {"p99": 15, "p99_9": 200, "worst": 250}})
    }
    assert rows == {"p99_ms": 2.0, "p99.9_ms": 0.5, "worst_ms": 1.0}


def test_frames_are_asked_for_faster_than_the_budget() -> None:
    """Else there were no room above the budget, and every frame that is missed a failure."""
    assert 2 * BUDGETS["scrub"]["frames_per_s"][1] <= ASKED_PER_S


@pytest.mark.parametrize(("unpainted", "good"), [(0, True), (1, False)])
def test_an_exchange_that_is_never_painted_is_a_failure(unpainted: int, good: bool) -> None:
    """However quick the others are."""
    times = ("first_ms", "fine_ms", "engine_first_ms", "window_first_ms", "engine_ms", "window_ms")
    cases = [{"part": "leg"} | dict.fromkeys(times, 1.0)] * 99 + [{"part": "arm"}] * unpainted
    assert all(row["ratio"] >= 1 for row in _held("swap", of_cases(cases))) == good
