"""Curves: what is drawn is what was measured, smoothed as the formula says, quick with many points."""

import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pytestqt.qtbot import QtBot

from engine.events import EventLog
from engine.protocol import Metric, Note, Stage
from studio.models.curves import Curves
from studio.models.curves_series import Series, thinned


def losses(values: list[float], name: str = "loss", start: int = 0) -> list[Metric]:
    return [Metric(name=name, step=start + i, value=value) for i, value in enumerate(values)]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.one_of(st.floats(-5, 5), st.just(float("nan"))), min_size=1, max_size=400),
    st.floats(0, 0.99),
    st.integers(1, 60),
)
def test_smoothing_is_the_running_average_however_it_came(values: list[float], weight: float, piece: int) -> None:
    series = Series()
    for i, value in enumerate(values):
        series.add(i, value)
        if i % piece == 0:
            series.smooth(weight)
    expected: list[float] = []
    real: list[float] = []
    for value in values:
        real += [value] * (value == value)
        share = weight ** np.arange(len(real))[::-1]
        mean = float((share * real).sum() / share.sum()) if real else float("nan")
        expected.append(mean if weight else value)
    assert series.smooth(weight) == pytest.approx(np.array(expected), nan_ok=True, abs=1e-6)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.floats(-1, 1)), min_size=1, max_size=80))
def test_steps_that_come_again_take_the_place_of_the_old(readings: list[tuple[int, float]]) -> None:
    series = Series()
    kept: list[tuple[int, float]] = []
    for step, value in readings:
        series.add(step, value)
        series.smooth(0.5)
        kept = [one for one in kept if one[0] < step] + [(step, value)]
    assert list(zip(series.steps.tolist(), series.values.tolist(), strict=True)) == kept
    again = Series()
    for step, value in kept:
        again.add(step, value)
    assert series.smooth(0.5) == pytest.approx(again.smooth(0.5))


@settings(max_examples=80, deadline=None)
@given(
    arrays.arrays(np.float64, st.integers(1, 2000), elements=st.floats(-10, 10)),
    st.integers(0, 1000),
    st.integers(10, 1500),
    st.integers(20, 200),
)
def test_thinned_curves_keep_what_stands_out(values: np.ndarray, left: int, width: int, most: int) -> None:
    steps = np.arange(len(values), dtype=np.float64)
    thin_steps, thin_values = thinned(steps, values, left, left + width, most)
    inside = values[left : left + width + 1]
    assert len(thin_steps) <= most + 4 * (1 + len(inside) // most)
    assert (np.diff(thin_steps) > 0).all()
    assert (thin_values == values[thin_steps.astype(int)]).all(), "every point was measured"
    if len(inside):
        assert thin_values.max() >= inside.max() and thin_values.min() <= inside.min()


def test_bands_and_what_real_shapes_have_go_with_their_curve() -> None:
    curves = Curves()
    for end, shift in (("", 0.0), ("_low", -0.1), ("_high", 0.1), ("_real", 0.3)):
        curves.add_all("a", losses([0.5 + shift, 0.6 + shift, 0.7 + shift], f"watch/one_nna{end}"))
    curves.add("a", Metric(name="watch/one_nna", step=3, value=0.8))
    assert curves.metrics == ("watch/one_nna",)
    (shown,) = curves.shown()
    assert shown.low is not None and shown.real is not None
    assert shown.low[:3].tolist() == pytest.approx([0.4, 0.5, 0.6]) and np.isnan(shown.low[3]), (
        "its band is still on the way"
    )


def test_colours_stay_and_hidden_runs_are_not_drawn() -> None:
    curves = Curves()
    for run in "abc":
        curves.add_all(run, losses([1.0]))
    curves.hide("b", True)
    assert [one.run for one in curves.shown()] == ["a", "c"]
    curves.remove("a")
    curves.add_all("d", losses([1.0]))
    assert [curves.colour(run) for run in "bcd"] == [1, 2, 0]
    assert curves.readings_at(7.0) == [("c", 0.0, 1.0), ("d", 0.0, 1.0)]


def written(path: Path, metrics: list[Metric]) -> Path:
    """The events of a run as the engine keeps them."""

    def stage() -> Stage[None]:
        yield Note(text="begins")
        yield from metrics

    for _ in EventLog(path, lambda: None).keep(stage()):
        pass
    return path


def test_a_finished_run_is_read_and_live_readings_go_on(qtbot: QtBot, tmp_path: Path) -> None:
    path = written(tmp_path / "events.jsonl", losses([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]))
    curves = Curves()
    with qtbot.waitSignal(curves.arranged):
        curves.read("train-0001", path, "aeroplanes")
        curves.add("train-0001", Metric(name="loss", step=4, value=0.1))  # it went on from a checkpoint meanwhile
    series = curves.series("train-0001", "loss")
    with qtbot.waitSignal(curves.arranged):
        pass
    series = curves.series("train-0001", "loss")
    assert series is not None and curves.title("train-0001") == "aeroplanes"
    assert series.values.tolist() == [0.9, 0.8, 0.7, 0.6, 0.1]


def test_a_file_that_cannot_be_read_is_told(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"not json\n" + msgspec.json.encode({}) + b"\n")
    curves = Curves()
    with qtbot.waitSignal(curves.failed) as told:
        curves.read("a", path)
    assert "cannot be shown" in told.args[0]


def test_many_points_cost_little_once_they_are_there() -> None:
    curves = Curves()
    for run in "abc":
        curves.add_all(run, losses(np.random.default_rng(0).random(100_000).tolist()))
    curves.set_smoothing(0.9)
    curves.shown()
    start = time.process_time()
    for step in range(10):
        for run in "abc":
            curves.add(run, Metric(name="loss", step=100_000 + step, value=0.5))
        for one in curves.shown():
            thinned(one.steps, one.smooth, -np.inf, np.inf, 1000)
    assert (time.process_time() - start) / 10 < 0.05, "seconds of one drawing, without the painting"
