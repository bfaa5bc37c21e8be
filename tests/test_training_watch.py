"""Running scores of a training: what they tell, that they change nothing, and that they are paid for."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from torch import Tensor, nn

from engine.checkpoint import checkpoints, read
from engine.diffusion.ema import Ema
from engine.errors import MeshError, TrainingError
from engine.method import Shapes
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.protocol import Metric, Note, Progress, Stage
from engine.settings import TrainSettings
from engine.stages import ended
from engine.training_watch import Watch, watch_of
from tests.ellipsoids import SETTINGS, TRAINING, UNSEEN, Balls, Clock, Decoder, Drawn, Fake, balls, training
from tests.hearing import heard


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ellipsoids need no fine grid."""
    monkeypatch.setattr("engine.running_scores.GRID", 14)
    monkeypatch.setattr("engine.running_scores.FIRST", 14)
    monkeypatch.setattr("engine.running_scores.POINTS", 400)


def scores(folder: Path) -> list[dict[str, float]]:
    """Rows of watch.csv."""
    head, *rows = (folder / "watch.csv").read_text().splitlines()
    names = head.split(",")
    return [{n: float(cell or "nan") for n, cell in zip(names, row.split(","), strict=True)} for row in rows]


def off(settings: HyperdiffusionSettings) -> HyperdiffusionSettings:
    return replace(settings, train=replace(settings.train, watch_every=0))


def state(folder: Path) -> dict[str, Tensor]:
    return read(checkpoints(folder / "checkpoints")[0])[0]


def test_the_result_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    """Weights, averages, moments and meters after a training that is looked at all the time, and after one that is not."""
    stage, trainee, method, _ = training(tmp_path / "watched")
    outcome, events = heard(stage)
    torch.rand(3)
    stage, plain, _, watch = training(tmp_path / "plain", off(SETTINGS))
    other = ended(stage)
    assert watch == "" and len(method.weights) >= 4
    for a, b in zip(trainee.parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b)
    for name, average in other.ema.average.items():
        assert torch.equal(outcome.ema.average[name], average)
    one, two = state(tmp_path / "watched"), state(tmp_path / "plain")
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    assert outcome.loss == other.loss


def test_samples_come_from_the_averaged_weights(tmp_path: Path) -> None:
    stage, trainee, method, _ = training(tmp_path)
    outcome = ended(stage)
    steps = [int(row["step"]) for row in scores(tmp_path)]
    assert steps == sorted(set(steps)) and all(step % 10 == 0 for step in steps)
    if steps[-1] == 120:
        name = next(iter(outcome.ema.average))
        assert torch.equal(method.weights[len(steps) - 1], outcome.ema.average[name])
    assert not torch.equal(method.weights[0], method.weights[-1])


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        (lambda count: balls(1, count), {"one_nna": (0.25, 0.75), "coverage": (0.4, 1.0), "copies": (0.0, 0.1)}),
        (
            lambda count: Balls().target[:count] * (1 + 1e-4 * torch.randn(count, 8)),
            {"one_nna": (0.2, 0.8), "copies": (0.7, 1.0)},
        ),
        (
            lambda count: torch.tensor([0.2, 0, 0, 0.12, 0.12, 0.3, 0, 0]) + 0.02 * torch.rand(count, 8),
            {"one_nna": (0.95, 1.0), "coverage": (0.0, 0.5), "copies": (0.0, 0.0)},
        ),
    ],
    ids=["new ones", "copies of training shapes", "another kind"],
)
def test_scores_tell_what_samples_are(tmp_path: Path, drawn: Drawn, expected: dict[str, tuple[float, float]]) -> None:
    stage, *_ = training(tmp_path, drawn=drawn)
    _, events = heard(stage)
    rows = scores(tmp_path)
    assert rows
    for row in rows:
        for name, (low, high) in expected.items():
            assert low <= row[name] <= high, (name, row)
            assert 0 <= row[f"{name}_low"] <= row[name] <= row[f"{name}_high"] <= 1
        assert 0.25 <= row["one_nna_real"] <= 0.75 and row["copies_real"] <= 0.1 and row["empty"] == 0
    told = {(e.step, e.name): e.value for e in events if isinstance(e, Metric) and e.name.startswith("watch/")}
    assert told == {(int(r["step"]), f"watch/{n}"): v for r in rows for n, v in r.items() if n != "step"}


@pytest.mark.parametrize("radius", [-1.0, float("nan")])
def test_samples_without_a_surface_are_counted(tmp_path: Path, radius: float) -> None:
    def drawn(count: int) -> Tensor:
        rows = balls(1, count)
        rows[: count - 1, 3:6] = radius * (1 if radius < 0 else radius)
        rows[: count - 1, :3] = 9 if radius < 0 else radius
        return rows

    stage, *_ = training(tmp_path, drawn=drawn)
    _, events = heard(stage)
    assert scores(tmp_path)[0]["empty"] == pytest.approx(19 / 20)
    assert scores(tmp_path)[0]["one_nna"] != scores(tmp_path)[0]["one_nna"]
    names = {event.name for event in events if isinstance(event, Metric)}
    assert "watch/empty" in names and "watch/one_nna" not in names


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_it_spends_no_more_than_its_share(tmp_path: Path, share: float) -> None:
    """By the same clock; one slice of work may go beyond it."""
    settings = replace(SETTINGS, train=replace(SETTINGS.train, steps=150, watch_share=share, watch_every=5))
    stage, _, method, watch = training(tmp_path, settings)
    assert isinstance(watch, Watch)
    ended(stage)
    spent = method.clock.now - 150 * 0.1
    assert watch.trained == pytest.approx(15)
    assert 0.5 * share * 15 < spent < share * 15 + 0.1
    assert len(scores(tmp_path)) >= share * 10


def test_the_clock_is_the_processors_on_the_cpu(tmp_path: Path) -> None:
    watch = watch_of(
        Fake(lambda n: balls(1, n), Clock()),
        Decoder(Clock()),
        nn.Linear(1, 1),
        SETTINGS,
        Balls(),
        [0, 1, 2],
        UNSEEN,
        tmp_path,
    )
    assert isinstance(watch, Watch) and watch.clock is time.process_time


def test_events_come_often_while_it_works(tmp_path: Path) -> None:
    stage, *_ = training(tmp_path)
    gaps, last = [], time.process_time()
    for _ in stage:
        gaps.append(time.process_time() - last)
        last = time.process_time()
    assert max(gaps[1:]) < 0.5  # seconds


def test_a_stopped_training_keeps_its_curve_and_goes_on_to_the_same_end(tmp_path: Path) -> None:
    stage, straight, _, _ = training(tmp_path / "straight", off(SETTINGS))
    ended(stage)
    folder = tmp_path / "stopped"
    stage, *_ = training(folder)
    for event in stage:
        if isinstance(event, Metric) and event.name == "watch/empty" and event.step >= 50:
            break
    stage.close()
    before = (folder / "watch.csv").read_text()
    assert before
    stage, trainee, method, _ = training(folder)
    _, events = heard(stage)
    after = (folder / "watch.csv").read_text()
    assert after.startswith(before) and len(after) > len(before)
    assert all(torch.equal(a, b) for a, b in zip(trainee.parameters(), straight.parameters(), strict=True))


def test_what_a_killed_training_saw_after_its_checkpoint_is_seen_again(tmp_path: Path) -> None:
    stage, *_ = training(tmp_path)
    ended(stage)
    steps = [row["step"] for row in scores(tmp_path)]
    newest = checkpoints(tmp_path / "checkpoints")[0]
    newest.unlink()  # as if it had been killed after step 100
    stage, *_ = training(tmp_path)
    next(stage)
    next(stage)
    assert [row["step"] for row in scores(tmp_path)] == [step for step in steps if step <= 100]
    stage.close()


def test_a_fault_of_the_training_is_not_hidden(tmp_path: Path) -> None:
    stage, trainee, _, _ = training(tmp_path)
    for parameter in trainee.parameters():
        parameter.data.fill_(torch.nan)
    with pytest.raises(TrainingError):
        ended(stage)


@pytest.mark.parametrize("hollow", [(1,), (0, 1, 2)])
def test_too_few_training_fits_with_a_surface_do_not_end_the_training(tmp_path: Path, hollow: tuple[int, ...]) -> None:
    stage, _, method, watch = training(tmp_path, rows=(0, 1, 2), hollow=hollow)
    outcome, events = heard(stage)
    told = [event.text for event in events if isinstance(event, Note)]
    assert outcome.steps == 120 and len(told) == 1 and f"only {3 - len(hollow)} fits of training" in told[0]
    assert isinstance(watch, Watch) and watch.scores.stick is None and not method.weights


@pytest.mark.parametrize("place", ["preparing", "drawing", "reading"])
def test_a_fault_of_the_watch_ends_the_watch_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def refused(*_: Any) -> Stage[Any]:
        yield Progress(stage="watch", done=0, total=1)
        raise MeshError("nothing to see")

    stage, trainee, method, watch = training(tmp_path / "a")
    owner, name = {"preparing": (watch, "work"), "drawing": (method, "sample")}.get(place, (None, "read"))
    assert isinstance(watch, Watch)
    monkeypatch.setattr(owner or watch.scores, name, refused() if place == "preparing" else refused)
    outcome, events = heard(stage)
    assert outcome.steps == 120 and not (tmp_path / "a" / "watch.csv").exists()
    assert [event.text for event in events if isinstance(event, Note)] == ["no longer watched: nothing to see"]
    stage, other, *_ = training(tmp_path / "b", off(SETTINGS))
    ended(stage)
    assert all(torch.equal(a, b) for a, b in zip(trainee.parameters(), other.parameters(), strict=True))


def test_the_average_is_only_put_in_place_where_there_is_something_to_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchanged: list[None] = []
    plain = Ema.exchange

    def counted(ema: Ema) -> None:
        exchanged.append(None)
        plain(ema)

    monkeypatch.setattr(Ema, "exchange", counted)
    settings = replace(SETTINGS, train=replace(SETTINGS.train, preview_every=35, watch_every=12))
    stage, _, method, _ = training(tmp_path, settings)
    ended(stage)
    assert method.weights and len(exchanged) == 2 * (120 // 35 + len(method.weights))


def test_where_it_cannot_watch_it_says_so(tmp_path: Path) -> None:
    arguments = (Fake(lambda count: balls(1, count), Clock()), Decoder(Clock()), nn.Linear(1, 1), SETTINGS, Balls())
    assert "3 accepted fits" in str(watch_of(*arguments, TRAINING, range(40, 43), tmp_path))
    assert (
        watch_of(*arguments[:3], replace(SETTINGS, train=TrainSettings(steps=249)), Balls(), TRAINING, UNSEEN, tmp_path)
        == ""
    )

    class Cloudy(Decoder):
        def decode(self, shapes: Shapes) -> Sequence[Any]:
            return list(shapes.latent)

    watch = watch_of(arguments[0], Cloudy(Clock()), *arguments[2:], TRAINING, UNSEEN, tmp_path)
    assert isinstance(watch, Watch)
    watch.credit = 10.0
    (note,) = watch._spend()
    assert isinstance(note, Note) and "no inside" in note.text and watch.scores.stick is None
