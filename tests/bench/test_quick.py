"""Every benchmark runs to its end and gives the documented keys (quick figures mean little)."""

import importlib
import re
from pathlib import Path

import msgspec
import pytest

from engine.commands.checkout import BENCH, benchmarks
from engine.protocol import Note, Progress
from engine.stages import ended
from tests.bench._budget import Forecast

README = BENCH.parents[1] / "README.md"


@pytest.mark.slow
@pytest.mark.parametrize("name", benchmarks())
def test_quick_benchmark(name: str, test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHAPESTUDIO_BENCH_CACHE", str(tmp_path))
    result = ended(importlib.import_module(f"tests.bench.{name}").run(quick=True))
    assert result.keys() == {"name", "baseline", "ours", "ratio", "details"}
    assert msgspec.json.decode(msgspec.json.encode(result))["name"] == name


def test_the_readme_names_them_all() -> None:
    (line,) = re.findall(r"^    python -m engine bench (\S+)$", README.read_text("utf-8"), re.M)
    assert line.split("|") == benchmarks()


def test_a_budget_is_foreseen_from_progress() -> None:
    """10 CPU-s before the first step and 0.5 for each of 400 make 210, of which 100 are allowed."""
    forecast = Forecast(100.0)
    assert not forecast.too_long(Note(text="begun"), 9.0)
    assert not forecast.too_long(Progress(stage="sample", done=1, total=400), 10.0)  # tells nothing about the steps
    assert not forecast.too_long(Progress(stage="fit", done=0, total=400), 10.0)
    assert not forecast.too_long(Progress(stage="fit", done=4, total=400), 12.0)  # too early to tell
    assert forecast.too_long(Progress(stage="fit", done=21, total=400), 20.5)
    assert 10.0 + forecast.share * 200.0 == pytest.approx(90.0)  # with a tenth to spare


def test_a_job_that_fits_its_budget_goes_on_to_its_end() -> None:
    forecast = Forecast(100.0)
    assert not any(
        forecast.too_long(Progress(stage="train", done=done, total=400), 10.0 + 0.2 * done) for done in range(401)
    )
    assert forecast.too_long(Note(text="pictures"), 100.5)  # what comes after the steps counts too
    assert forecast.share < 1


def test_progress_that_begins_again_is_not_taken_for_slow_steps() -> None:
    forecast = Forecast(100.0)
    assert not forecast.too_long(Progress(stage="fit", done=0, total=400), 10.0)
    assert not forecast.too_long(Progress(stage="fit", done=80, total=400), 26.0)
    assert not forecast.too_long(Progress(stage="fit", done=10, total=400), 26.5)


def test_steps_before_a_restart_are_not_taken_for_fast_ones() -> None:
    forecast = Forecast(100.0)
    assert not forecast.too_long(Progress(stage="train", done=300, total=400), 60.0)
    assert not forecast.too_long(Progress(stage="train", done=340, total=400), 68.0)
    assert forecast.too_long(Progress(stage="train", done=350, total=400), 90.0)
