"""The loop's promises: exact resume, only good checkpoints, roll-back, fork, train longer."""

import random
import shutil
from pathlib import Path

import msgspec
import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import save_file
from torch import Tensor, nn

from engine import checkpoint
from engine.checkpoint import checkpoints, load_model, newest_checkpoint, read_about, save_model
from engine.diffusion.ema import Ema, decay_at
from engine.errors import DamagedFileError, InputError, TrainingError
from engine.optimise import Loss, Outcome, learning_rate, optimise, published
from engine.protocol import Metric, Note, Progress, Saved, Stage
from engine.settings import TrainSettings
from engine.stages import ended
from tests.hearing import heard

SETTINGS = TrainSettings(steps=60, batch=8, lr=1e-2, warmup=5, check_every=7, save_every=10, ema=0.9, csv=True)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.2), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 3))


def loss_of(module: nn.Module) -> Loss:
    def loss(step: int, generator: torch.Generator) -> Tensor:
        x = torch.randn(8, 6, generator=generator)
        return (module(x) - x[:, :3].sin()).pow(2).mean()

    return loss


def train(folder: Path | None, settings: TrainSettings = SETTINGS, seed: int = 3) -> tuple[nn.Module, Outcome, list]:
    module = network()
    outcome, events = heard(optimise({"net": module}, loss_of(module), settings, seed=seed, folder=folder))
    return module, outcome, events


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module, Outcome]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("straight")
    module, outcome, _ = train(folder)
    return folder, module, outcome


def assert_equal_runs(
    folder: Path, module: nn.Module, outcome: Outcome, other: tuple[Path, nn.Module, Outcome]
) -> None:
    assert same(module, other[1])
    assert outcome.loss == other[2].loss
    averages = zip(outcome.ema.average.values(), other[2].ema.average.values(), strict=True)
    assert all(torch.equal(a, b) for a, b in averages)
    assert (folder / "metrics.csv").read_bytes() == (other[0] / "metrics.csv").read_bytes()
    for a, b in zip(checkpoints(folder / "checkpoints"), checkpoints(other[0] / "checkpoints"), strict=True):
        assert a.name == b.name and a.read_bytes() == b.read_bytes()


def test_training_learns_and_reports(straight: tuple[Path, nn.Module, Outcome], tmp_path: Path) -> None:
    _, _, events = train(tmp_path)
    losses = [event.value for event in events if isinstance(event, Metric)]
    assert losses[-1] < 0.8 * losses[0]
    progress = [event for event in events if isinstance(event, Progress)]
    assert (progress[0].done, progress[-1].done, progress[-1].total) == (0, 60, 60)
    for event in events:
        assert not isinstance(event, Saved) or event.path.endswith(".safetensors")
    assert [path.stem for path in checkpoints(tmp_path / "checkpoints")] == ["step-000000060", "step-000000050"]


@pytest.mark.parametrize("seed", range(4))
def test_cancelled_and_resumed_equals_straight(
    straight: tuple[Path, nn.Module, Outcome], tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.optimise.HEARTBEAT", 0.0)  # an event, so a chance to cancel, after every step
    dice = random.Random(seed)
    for _ in range(3):
        module = network(seed + 10)  # other weights in memory: all must come from the checkpoint, once there is one
        if not checkpoints(tmp_path / "checkpoints"):
            module = network()
        stage = optimise({"net": module}, loss_of(module), SETTINGS, seed=3, folder=tmp_path)
        for _ in range(dice.randrange(3, 30)):
            next(stage, None)
        stage.close()
        torch.rand(dice.randrange(5))  # the global generator must not matter
    module, outcome, _ = train(tmp_path)
    files = [path.name for path in checkpoints(tmp_path / "checkpoints")]
    assert files[0] == "step-000000060.safetensors" and len(files) == 2
    assert same(module, straight[1]) and outcome.loss == straight[2].loss
    assert (tmp_path / "metrics.csv").read_bytes() == (straight[0] / "metrics.csv").read_bytes()


@pytest.mark.parametrize("seed", range(4))
def test_killed_and_resumed_equals_straight(
    straight: tuple[Path, nn.Module, Outcome], tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill leaves the files as they are at that moment; here: copied away between two events."""
    monkeypatch.setattr("engine.optimise.HEARTBEAT", 0.0)
    dice = random.Random(seed)
    folder = tmp_path / "0"
    for turn in range(3):
        module = network()
        stage = optimise({"net": module}, loss_of(module), SETTINGS, seed=3, folder=folder)
        for _ in range(dice.randrange(1, 30)):
            next(stage, None)
        dead, folder = folder, tmp_path / str(turn + 1)
        shutil.copytree(dead, folder)
        (folder / "checkpoints" / ".step-000000030.safetensors.1.ab.tmp").write_bytes(b"half")
        if (folder / "metrics.csv").is_file():
            with open(folder / "metrics.csv", "a") as file:
                file.write("9")  # half a row
        stage.close()
    module, outcome, _ = train(folder)
    assert_equal_runs(folder, module, outcome, straight)
    assert not list((folder / "checkpoints").glob(".*"))


def test_finished_run_is_not_trained_again(straight: tuple[Path, nn.Module, Outcome], tmp_path: Path) -> None:
    shutil.copytree(straight[0], tmp_path, dirs_exist_ok=True)
    module = network(1)
    asked: list[int] = []

    def loss(step: int, generator: torch.Generator) -> Tensor:
        asked.append(step)
        return torch.zeros(())

    outcome = ended(optimise({"net": module}, loss, SETTINGS, seed=3, folder=tmp_path))
    assert not asked and outcome.steps == 60 and same(module, straight[1])


def test_an_error_in_a_step_saves_nothing(tmp_path: Path) -> None:
    module = network()

    def loss(step: int, generator: torch.Generator) -> Tensor:
        if step == 25:
            raise RuntimeError("out of memory")
        return loss_of(module)(step, generator)

    with pytest.raises(RuntimeError):
        ended(optimise({"net": module}, loss, SETTINGS, seed=3, folder=tmp_path))
    assert [path.stem for path in checkpoints(tmp_path / "checkpoints")] == ["step-000000020", "step-000000010"]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_damaged_newest_checkpoint_falls_back(
    straight: tuple[Path, nn.Module, Outcome], tmp_path: Path, damage: str
) -> None:
    shutil.copytree(straight[0], tmp_path, dirs_exist_ok=True)
    newest = checkpoints(tmp_path / "checkpoints")[0]
    data = bytearray(newest.read_bytes())
    if damage == "flip":
        data[-100] ^= 1
    newest.write_bytes({"cut": bytes(data[: len(data) // 2]), "flip": bytes(data), "empty": b""}[damage])
    module, outcome, events = train(tmp_path)
    notes = [event.text for event in events if isinstance(event, Note)]
    assert len(notes) == 1 and "damaged" in notes[0] and "step 50" in notes[0]
    assert_equal_runs(tmp_path, module, outcome, straight)


def test_all_damaged_is_said_and_nothing_is_overwritten(
    straight: tuple[Path, nn.Module, Outcome], tmp_path: Path
) -> None:
    shutil.copytree(straight[0], tmp_path, dirs_exist_ok=True)
    for path in checkpoints(tmp_path / "checkpoints"):
        path.write_bytes(b"junk")
    with pytest.raises(DamagedFileError, match="no checkpoint"):
        train(tmp_path)
    assert all(path.read_bytes() == b"junk" for path in checkpoints(tmp_path / "checkpoints"))


@pytest.mark.parametrize("where", ["folder", "memory"])
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_not_a_number_rolls_back(tmp_path: Path, where: str, what: str) -> None:
    module, asked = network(), 0

    def loss(step: int, generator: torch.Generator) -> Tensor:
        nonlocal asked
        value = loss_of(module)(step, generator)
        if step == 33:
            asked += 1
            if asked == 1:
                bad = next(module.parameters()).sum() * 0
                return value + (bad + float("nan") if what == "loss" else bad.clamp(min=0).sqrt())
        return value

    settings = SETTINGS if where == "folder" else TrainSettings(steps=60, warmup=5, check_every=7, save_every=10)
    outcome, events = heard(
        optimise({"net": module}, loss, settings, seed=3, folder=tmp_path if where == "folder" else None)
    )
    notes = [event.text for event in events if isinstance(event, Note)]
    assert len(notes) == 1 and "back to step 30" in notes[0]
    assert all(value.isfinite().all() for value in module.state_dict().values())
    assert asked == 2 and outcome.steps == 60
    if where == "folder":
        found = newest_checkpoint(tmp_path / "checkpoints")
        assert found is not None and found[1].rollbacks == 1
        rows = [int(row.split(",")[0]) for row in (tmp_path / "metrics.csv").read_text().splitlines()[1:]]
        assert rows == sorted(set(rows))


def test_diverging_for_good_keeps_the_good_checkpoint(tmp_path: Path) -> None:
    module = network()

    def loss(step: int, generator: torch.Generator) -> Tensor:
        return loss_of(module)(step, generator) * (float("inf") if step >= 33 else 1.0)

    with pytest.raises(TrainingError, match="checkpoint of step 30 is kept"):
        ended(optimise({"net": module}, loss, SETTINGS, seed=3, folder=tmp_path))
    found = newest_checkpoint(tmp_path / "checkpoints")
    assert found is not None and found[1].step == 30
    assert all(value.isfinite().all() for value in found[0].values())


def test_cancel_after_a_nan_saves_nothing_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.optimise.HEARTBEAT", 0.0)
    module = network()

    def loss(step: int, generator: torch.Generator) -> Tensor:
        return loss_of(module)(step, generator) + (float("nan") if step == 31 else 0.0)

    stage = optimise({"net": module}, loss, SETTINGS, seed=3, folder=tmp_path)
    for event in stage:
        if isinstance(event, Progress) and event.done == 33:
            break
    stage.close()
    found = newest_checkpoint(tmp_path / "checkpoints")
    assert found is not None and found[1].step == 30


def test_train_longer(straight: tuple[Path, nn.Module, Outcome], tmp_path: Path) -> None:
    constant = replace(SETTINGS, decay="constant")
    longer = replace(constant, steps=90)
    train(tmp_path / "a", constant)
    module, outcome, _ = train(tmp_path / "a", longer)
    whole, _, _ = train(tmp_path / "b", longer)
    assert outcome.steps == 90 and same(module, whole)
    with pytest.raises(InputError, match="already has 90"):
        train(tmp_path / "a", constant)


def test_changed_settings_need_a_fork(straight: tuple[Path, nn.Module, Outcome], tmp_path: Path) -> None:
    shutil.copytree(straight[0], tmp_path / "a")
    changed = TrainSettings(steps=20, warmup=0, lr=1e-9, weight_decay=0.0, ema=0.9)
    with pytest.raises(InputError, match="lr.*fork"):
        train(tmp_path / "a", changed)
    with pytest.raises(InputError, match="seed"):
        train(tmp_path / "a", seed=4)
    module = network(1)
    source = checkpoints(straight[0] / "checkpoints")[0]
    outcome = ended(optimise({"net": module}, loss_of(module), changed, seed=8, folder=tmp_path / "b", fork=source))
    assert outcome.steps == 20
    for a, b in zip(module.parameters(), straight[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)  # so small a rate hardly moves what was forked


def test_wrong_network_is_said(straight: tuple[Path, nn.Module, Outcome]) -> None:
    module = nn.Sequential(nn.Linear(6, 12))
    with pytest.raises(InputError, match="does not fit this network"):
        ended(optimise({"net": module}, loss_of(module), SETTINGS, seed=3, folder=straight[0]))


def test_preview_sees_the_average(tmp_path: Path) -> None:
    module, seen = network(), {}

    def preview(step: int) -> Stage[None]:
        seen[step] = next(module.parameters()).detach().clone()
        yield Note(text=f"preview {step}")

    stage = optimise(
        {"net": module},
        loss_of(module),
        SETTINGS,
        seed=3,
        folder=tmp_path,
        preview=preview,
        due=lambda step: step == 60,
    )
    outcome, events = heard(stage)
    assert [event for event in events if isinstance(event, Note)] == [Note(text="preview 60")]
    assert torch.equal(seen[60], outcome.ema.average["net.0.weight"])
    assert not torch.equal(seen[60], next(module.parameters()))
    # the preview changed nothing
    assert same(
        module,
        train(None, replace(SETTINGS, csv=False))[0],
    )


def test_ema_formula() -> None:
    module = nn.Linear(1, 1, bias=False)
    values = [float(value) for value in torch.randn(300, generator=torch.Generator().manual_seed(0))]
    nn.init.constant_(module.weight, values[0])
    ema, expected = Ema({"net": module}, 0.95), values[0]
    for step, value in enumerate(values[1:], 1):
        nn.init.constant_(module.weight, value)
        ema.update(step)
        decay = min(0.95, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    with ema.swapped():
        assert module.weight.item() == pytest.approx(expected, rel=1e-5)
    assert module.weight.item() == pytest.approx(values[-1])
    assert decay_at(0, 0.999) == 0.1 and decay_at(10**6, 0.999) == 0.999


def test_learning_rates() -> None:
    def rates(**changes: object) -> list[float]:
        settings = TrainSettings(**{"steps": 100, "lr": 1.0, "warmup": 10, **changes})  # type: ignore[arg-type]
        return [learning_rate(settings, step) for step in range(100)]

    cosine = rates(decay="cosine")
    assert cosine[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert all(a >= b for a, b in zip(cosine[10:], cosine[11:], strict=False)) and 0 < cosine[-1] < 0.02
    assert cosine[55] == pytest.approx(0.505)
    assert set(rates(decay="constant")[10:]) == {1.0}
    assert rates(decay="step", decay_every=40, warmup=0)[39::40] == pytest.approx([1.0, 0.9])


def test_published_recipe() -> None:
    settings = published(TrainSettings(recipe="published", steps=777, batch=32), items=2749)
    assert (settings.lr, settings.warmup, settings.clip, settings.ema, settings.steps) == (2e-4, 0, 0.0, 0.0, 777)
    assert settings.decay == "step" and settings.decay_every == 200 * 86
    assert published(SETTINGS, 10) is SETTINGS


def test_model_file_round_trip(tmp_path: Path) -> None:
    module, other = network(0), network(1)
    save_model(tmp_path / "model.safetensors", {"net": module}, {"width": 16})
    assert read_about(tmp_path / "model.safetensors") == {"width": 16}
    load_model(tmp_path / "model.safetensors", {"net": other})
    assert same(module, other)
    with pytest.raises(InputError, match="does not fit"):
        load_model(tmp_path / "model.safetensors", {"else": other})


def test_checkpoint_is_not_a_model(straight: tuple[Path, nn.Module, Outcome]) -> None:
    with pytest.raises(InputError, match="is a checkpoint"):
        read_about(checkpoints(straight[0] / "checkpoints")[0])


def test_tensorboard_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    settings = TrainSettings(steps=20, check_every=5, save_every=10, tensorboard=True)
    train(tmp_path, settings)
    longer = TrainSettings(steps=30, check_every=5, save_every=10, tensorboard=True)
    train(tmp_path, longer)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [row.step for row in events.Scalars("loss")] == [5, 10, 15, 20, 25, 30]


def test_a_file_of_a_program_that_knew_fewer_settings_is_whole(tmp_path: Path) -> None:
    class Older(msgspec.Struct, frozen=True, tag="model"):  # as Model was before it had a version
        about: dict[str, int]
        sha256: str = ""

    tensors = {"a.weight": torch.arange(6.0)}
    text = msgspec.json.encode(Older({"width": 3})).decode()
    header = Older({"width": 3}, checkpoint.hash_all(text, checkpoint.in_order(tensors)))
    save_file(tensors, tmp_path / "m.safetensors", metadata={"shape_studio": msgspec.json.encode(header).decode()})
    assert checkpoint.read_about(tmp_path / "m.safetensors") == {"width": 3}
    assert torch.equal(checkpoint.read(tmp_path / "m.safetensors")[0]["a.weight"], tensors["a.weight"])
    changed = msgspec.json.encode(msgspec.structs.replace(header, about={"width": 4})).decode()
    save_file(tensors, tmp_path / "n.safetensors", metadata={"shape_studio": changed})
    with pytest.raises(DamagedFileError, match="not those that were written"):
        checkpoint.read(tmp_path / "n.safetensors")
