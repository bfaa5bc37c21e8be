"""The one training loop: denoisers, auto-decoders, VAEs and several networks at once all go through ``optimise``.

Everything random in step s comes from ``seed_of(seed, "step", s, rollbacks)``, so modules, moments, averaged weights
and the step number are the whole state: a resumed run equals the straight run, bit for bit on the CPU with a fixed
number of threads. Nothing is read from the device in a step, only on the tick (``check_every``) and before a save.

When a loss or gradient was not finite: go back to the last good checkpoint, halve the learning rate, use other noise.
After the fifth time the run ends with TrainingError; no checkpoint is ever written from weights that were not checked.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn

from engine.checkpoint import Checkpoint, load_state, newest_checkpoint, read, save_checkpoint
from engine.curves import Curves
from engine.device import autocast
from engine.diffusion.ema import Ema, trained
from engine.errors import InputError, TrainingError
from engine.protocol import Metric, Note, Progress, Saved, Stage
from engine.settings import TrainSettings
from engine.storage import seed_of

Loss = Callable[[int, torch.Generator], Tensor]
Preview = Callable[[int], Stage[None]]
Due = Callable[[int], bool]

ROLLBACKS = 5  # after so many returns to the last good checkpoint the run is given up
HEARTBEAT = 0.25  # seconds between Progress events at most, where a step does not take longer
MAY_CHANGE = ("steps", "check_every", "save_every", "preview_every", "tensorboard", "csv")  # when a run goes on


@dataclass(frozen=True)
class Outcome:
    """What training left in the modules (their raw weights), and the averaged weights to swap in."""

    steps: int
    loss: float
    ema: Ema


def learning_rate(settings: TrainSettings, step: int) -> float:
    """Learning rate of step ``step`` (from 0): a function of the settings alone, so that resuming needs no scheduler.

    cosine falls to 1 % at the last step; its curve hangs on ``steps``, so a run that is trained longer goes on along
    the longer curve from where it is. constant and step do not depend on ``steps``: trained longer is then the same
    as having asked for more steps at once.
    """
    rise = min(1.0, (step + 1) / settings.warmup) if settings.warmup else 1.0
    if settings.decay == "cosine":
        share = max(0, step - settings.warmup) / max(1, settings.steps - settings.warmup)
        return settings.lr * rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
    if settings.decay == "step":
        return settings.lr * rise * 0.9 ** (step // settings.decay_every)
    return settings.lr * rise


def published(settings: TrainSettings, items: int) -> TrainSettings:
    """HyperDiffusion's recipe for this many items: AdamW 2e-4, x0.9 every 200 epochs; no warm-up, clipping or average.

    Steps stay as they are; with ``recipe=ours`` nothing changes.
    """
    if settings.recipe == "ours":
        return settings
    epoch = math.ceil(items / settings.batch)
    fixed = {"lr": 2e-4, "weight_decay": 0.01, "warmup": 0, "decay": "step", "clip": 0.0, "ema": 0.0}
    return msgspec.structs.replace(settings, **fixed, decay_every=200 * epoch)


class _Run:
    """What changes from step to step, and how it goes to and from a checkpoint."""

    def __init__(self, modules: Mapping[str, nn.Module], settings: TrainSettings, seed: int) -> None:
        self.modules, self.settings, self.seed = modules, settings, seed
        self.parameters = trained(modules)
        if not self.parameters:
            raise InputError("there is nothing to train: no parameter of these modules requires a gradient")
        self.device = next(iter(self.parameters.values())).device
        self.optimiser = torch.optim.AdamW(
            list(self.parameters.values()),
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )
        self.ema = Ema(modules, settings.ema)
        self.step = 0  # finished steps
        self.rollbacks = 0
        # since the last tick: sum of losses, sum of gradient norms, number of steps; NaN once anything was not finite
        self.meter = torch.zeros(3, dtype=torch.float64 if self.device.type != "mps" else torch.float32).to(self.device)

    def advance(self, loss: Loss) -> None:
        """One step. Touches no number on the host."""
        seed = seed_of(self.seed, "step", self.step, self.rollbacks)
        generator = torch.Generator().manual_seed(seed)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.settings, self.step) * 0.5**self.rollbacks
        self.optimiser.zero_grad(set_to_none=True)
        cuda = self.device.type == "cuda"
        # dropout has no generator argument: the global one is seeded for the step and put back after it
        with torch.random.fork_rng([self.device] if cuda else []):
            torch.manual_seed(seed)
            with autocast(self.device):
                value = loss(self.step, generator)
            value.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.settings.clip or math.inf)
        self.optimiser.step()
        self.step += 1
        self.ema.update(self.step)
        self.meter += torch.stack([value.detach(), norm, torch.ones_like(norm)]).to(self.meter)

    def readings(self) -> tuple[float, float]:
        """Mean loss and gradient norm since the last tick; NaN where any was not finite. Waits for the device."""
        loss, norm, count = self.meter.tolist()
        return (loss / count, norm / count) if count else (0.0, 0.0)

    @property
    def finite(self) -> bool:
        """True when no loss or gradient since the last tick was infinite or not a number."""
        return all(math.isfinite(value) for value in self.readings())

    def tensors(self) -> dict[str, Tensor]:
        """The whole state, by name."""
        found = {f"model.{n}.{k}": v for n, module in self.modules.items() for k, v in module.state_dict().items()}
        found |= {f"ema.{key}": value for key, value in self.ema.average.items()}
        for key, parameter in self.parameters.items():
            for moment, value in self.optimiser.state.get(parameter, {}).items():
                found[f"{moment}.{key}"] = value
        return found | {"meter": self.meter}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], header: Checkpoint, source: Path) -> None:
        """The state of a checkpoint. Raises InputError when it does not fit the modules."""
        load_state(self.modules, tensors, "model.", source)
        self._restore_ema(tensors)
        for key, parameter in self.parameters.items():
            moments = ("exp_avg", "exp_avg_sq", "step")
            held = {moment: tensors[f"{moment}.{key}"] for moment in moments if f"{moment}.{key}" in tensors}
            # fused AdamW keeps its step counter where the parameter is
            self.optimiser.state[parameter] = {name: value.clone().to(self.device) for name, value in held.items()}
        self.meter.copy_(tensors["meter"])
        self.step, self.rollbacks = header.step, header.rollbacks

    @torch.no_grad()
    def fork(self, tensors: Mapping[str, Tensor], source: Path) -> None:
        """The weights of another run and its average; moments and step start afresh."""
        load_state(self.modules, tensors, "model.", source)
        self.ema = Ema(self.modules, self.settings.ema)
        self._restore_ema(tensors)

    def _restore_ema(self, tensors: Mapping[str, Tensor]) -> None:
        for key, average in self.ema.average.items():
            average.copy_(tensors.get(f"ema.{key}", self.parameters[key]))


class _Keeper:
    """Where the last good state is: in the run's folder, or in memory where there is none."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.memory: tuple[dict[str, Tensor], Checkpoint] | None = None

    def save(self, run: _Run) -> Iterator[Saved]:
        """Keep the present state. The caller has checked that it is good."""
        header = Checkpoint(settings=run.settings, seed=run.seed, step=run.step, rollbacks=run.rollbacks)
        if self.folder is None:
            self.memory = ({name: value.detach().clone() for name, value in run.tensors().items()}, header)
            return
        path = save_checkpoint(self.folder, run.tensors(), header)
        yield Saved(kind="checkpoint", path=str(path))

    def load(self, run: _Run) -> list[str] | None:
        """Restore the last good state; what was wrong with newer ones. None when there is none yet."""
        if self.folder is None:
            if self.memory is None:
                return None
            run.restore(*self.memory, Path("memory"))
            return []
        found = newest_checkpoint(self.folder)
        if found is None:
            return None
        tensors, header, damaged = found
        _check_same(run, header)
        run.restore(tensors, header, self.folder)
        return damaged


def _check_same(run: _Run, header: Checkpoint) -> None:
    """Raise InputError when a run would go on with settings that change its result."""
    before, now = (msgspec.structs.asdict(settings) for settings in (header.settings, run.settings))
    changed = [name for name in now if now[name] != before[name] and name not in MAY_CHANGE]
    if header.seed != run.seed:
        changed.append("seed")
    if changed:
        raise InputError(f"the run was started with other settings ({', '.join(changed)}); start a fork of it instead")


def optimise(
    modules: Mapping[str, nn.Module],
    loss: Loss,
    settings: TrainSettings,
    *,
    seed: int,
    folder: Path | None = None,
    fork: Path | None = None,
    preview: Preview | None = None,
    due: Due | None = None,
    stage: str = "train",
) -> Stage[Outcome]:
    """Train what requires a gradient in ``modules`` for ``settings.steps`` steps of AdamW, resumably.

    loss(step, generator) gives the scalar loss of step ``step`` (from 0); it picks its own batch and takes all its
    randomness from the generator (on the CPU, seeded for the step). ``folder`` is the run's: checkpoints go to
    ``folder/checkpoints``, curves to ``folder/metrics.csv`` and ``folder/tensorboard`` when asked for. A folder with
    checkpoints is gone on with, from the newest whole one; more ``steps`` than before trains longer. ``fork`` is a
    checkpoint of another run, whose weights an empty folder starts from with any settings. ``preview(step)`` runs after
    each step that is ``due(step)``, with the averaged weights in place.

    Cancel (closing the generator) saves a checkpoint. Leaves the raw weights in the modules; ``Outcome.ema`` has the
    averaged ones. Raises InputError (settings or weights do not fit the folder), DamagedFileError, TrainingError.
    """
    run = _Run(modules, settings, seed)
    keeper = _Keeper(folder / "checkpoints" if folder else None)
    damaged = keeper.load(run)
    if damaged is None:
        if fork is not None:
            run.fork(read(fork)[0], fork)
        yield from keeper.save(run)
    else:
        for text in damaged:
            yield Note(text=f"{text}; going on from step {run.step}", warning=True)
    if run.step > settings.steps:
        raise InputError(f"the run already has {run.step} steps; ask for at least as many, or start a fork")
    curves = Curves(folder, settings, run.step)
    saved, value = run.step, run.readings()[0]
    every = (settings.check_every, settings.save_every)
    try:
        beat = time.monotonic()
        yield Progress(stage=stage, done=run.step, total=settings.steps)
        while run.step < settings.steps:
            run.advance(loss)
            tick, save = (run.step % count == 0 or run.step == settings.steps for count in every)
            if tick or save:
                value, norm = run.readings()
                if not run.finite:
                    yield from _roll_back(run, keeper, curves)
                    saved = run.step
                    continue
            if tick:
                run.meter.zero_()
                rate = learning_rate(settings, run.step - 1) * 0.5**run.rollbacks
                curves.add(run.step, {"loss": value, "lr": rate, "gradient": norm})
                yield Metric(name="loss", step=run.step, value=value)
            if save:
                yield from keeper.save(run)
                saved = run.step
            if preview and due and due(run.step):
                with run.ema.swapped():
                    yield from preview(run.step)
            if tick or time.monotonic() - beat > HEARTBEAT:
                beat = time.monotonic()
                yield Progress(stage=stage, done=run.step, total=settings.steps, message=f"loss {value:.4g}")
    except GeneratorExit:
        if saved != run.step and run.finite:
            list(keeper.save(run))
        raise
    finally:
        curves.close()
    return Outcome(run.step, value, run.ema)


def _roll_back(run: _Run, keeper: _Keeper, curves: Curves) -> Stage[None]:
    """Back to the last good state with half the learning rate and other noise. Raises TrainingError after the fifth."""
    step, count = run.step, run.rollbacks + 1
    keeper.load(run)
    if count > ROLLBACKS:
        raise TrainingError(
            f"training diverged {ROLLBACKS} times, last before step {step}; the checkpoint of step {run.step} is kept: "
            "start a fork of it with a lower learning rate"
        )
    run.rollbacks = count
    curves.cut(run.step)
    text = f"loss or gradient was not finite before step {step}: back to step {run.step} with half the learning rate"
    yield Note(text=text, warning=True)
