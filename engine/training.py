"""The stage of a TrainJob: latents of a fit -> a denoiser, with its representation one model."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch

from engine import device, methods
from engine.checkpoint import checkpoints, save_model
from engine.errors import InputError
from engine.fitting import seeded
from engine.jobs import FitJob, TrainJob
from engine.latents import Chosen
from engine.method import Practising, Workspace
from engine.optimise import optimise
from engine.ordering import FILE as ORDER
from engine.ordering import order_of_fit
from engine.previews import preview
from engine.project import Project
from engine.protocol import Note, Stage
from engine.recipes import optimiser_settings
from engine.rows import MADE
from engine.shapes import fit_of
from engine.storage import once, write_json
from engine.telling import settled_conditions
from engine.training_watch import Watch, in_turn, watch_of


def train(job: TrainJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Latents -> a denoiser, exported with its representation as one model file."""
    method, settings = methods.load(job.settings), job.settings
    _check_fits(job, project)
    representation, latents = yield from fit_of(job.fit, project, work)
    items = project.catalogue.items()
    seen = {item.id: item.category for item in items if item.split == "train"}
    real = {item.id for item in items if item.split != MADE}
    good = [i for i, r in enumerate(latents.records) if r.verdict == "accepted" and r.item in seen]
    if unknown := set(job.without) - {r.item for r in latents.records}:
        raise InputError(f"{job.fit} has no shape of {', '.join(sorted(unknown))}, so it need not be left out")
    good = [i for i in good if latents.records[i].item not in job.without]
    if len(good) < 2:
        raise InputError(
            f"{job.fit} has {len(good)} accepted shapes in the training split{' that are to be learned' * bool(job.without)}"
            "; fit more items, or look at `list shapes`"
        )
    rows = once(work.folder / "rows.json", good)
    parts = [part.name for part in representation.parts]
    told = settled_conditions(work.folder, settings.train.conditions, latents, rows, items, parts)
    chosen = drawn = Chosen(latents, rows, told)
    if isinstance(latents, Practising) and (practice := getattr(settings.denoiser, "practice", ())):
        drawn = Chosen(latents.practised(practice, rows), rows, told)
    with seeded(settings.seed, "trainee"):
        trainee = method.trainee(settings, latents.layout, told.sizes)
    method.prepare(trainee, chosen)
    modules = {"trainee": trainee.to(work.device)}
    if representation.learns_with_denoiser:
        modules["representation"] = representation.requires_grad_(True)
    device.use_threads(trainee)
    yield Note(text=f"training on {len(rows)} shapes ({len(latents)} fitted), {device.describe(work.device)}")

    if parts:
        learned = [latents.records[i].item for i in rows]
        write_json(work.folder / ORDER, (yield from order_of_fit(job.fit, learned, project)))

    def loss(step: int, generator: torch.Generator) -> torch.Tensor:
        index = torch.randint(len(rows), (min(settings.train.batch, len(rows)),), generator=generator)
        batch = drawn.batch(index, generator).to(work.device)
        return method.loss(trainee, representation, settings, batch, generator)

    others = real - seen.keys()
    unseen = [i for i, r in enumerate(latents.records) if r.verdict == "accepted" and r.item in others]
    watch = watch_of(method, representation, trainee, settings, latents, rows, unseen, work.folder)
    if isinstance(watch, str) and watch:
        yield Note(text=watch)
    draw = partial(preview, method, representation, trainee, settings, work)
    plain, look, due = in_turn(optimiser_settings(settings, len(rows)), draw, watch)
    with _stopwatch(work.folder / "seconds.json") as seconds:
        loop = optimise(
            modules,
            loss,
            plain,
            seed=settings.seed,
            folder=work.folder,
            fork=_checkpoint(project, job.fork, work) if job.fork else None,
            preview=look,
            due=due,
        )
        done = yield from (watch.beside(loop) if isinstance(watch, Watch) else loop)
    done.ema.exchange()
    about = {
        "settings": msgspec.to_builtins(settings),
        "vocabulary": parts,
        "layout": msgspec.to_builtins(latents.layout),
        "categories": list(latents.categories) or [seen.get(latents.records[rows[0]].item, "")],
        "conditions": told.classes,
        "seen": told.seen,
        "items": [latents.records[i].item for i in rows],
    }
    save_model(work.folder / "model.safetensors", {"representation": representation, "trainee": trainee}, about)
    return {"run": job.run, "steps": done.steps, "seconds": round(seconds(), 2)}


@contextmanager
def _stopwatch(path: Path) -> Iterator[Callable[[], float]]:
    """Seconds spent inside, over all sessions of a run that were not killed; kept in ``path``."""
    before = float(msgspec.json.decode(path.read_bytes())) if path.exists() else 0.0
    start = time.monotonic()
    spent: list[float] = []
    try:
        yield lambda: spent[0]
    finally:
        spent.append(before + time.monotonic() - start)
        write_json(path, spent[0])


def _check_fits(job: TrainJob, project: Project) -> None:
    """Raise InputError when a training asks for other items, samples or fields than the fit that it trains on."""
    fitted = project.job(job.fit)
    if not isinstance(fitted, FitJob):
        raise InputError(f"{job.fit} is not a fit; `list runs` shows what there is")
    own = {"seed": job.settings.seed} | {
        group: getattr(job.settings, group) for group in ("denoiser", "train", "sampler")
    }
    if (
        type(fitted.settings) is not type(job.settings)
        or msgspec.structs.replace(fitted.settings, **own) != job.settings
    ):
        raise InputError(
            f"only denoiser, train, sampler and seed can be set for a training; the rest is as {job.fit} has it"
        )


def _checkpoint(project: Project, name: str, work: Workspace) -> Path:
    """A copy of the newest checkpoint of run ``name``, taken at the first start. Raises InputError when there is none."""
    copy = work.folder / "forked.safetensors"
    if not copy.exists():
        found = checkpoints(project.run_folder(project.catalogue.run(name).id) / "checkpoints")
        if not found:
            raise InputError(f"run {name} has no checkpoint to fork; it must be a training run (`list runs`)")
        temporary = copy.with_name(f".{copy.name}.tmp")
        shutil.copyfile(found[0], temporary)
        temporary.replace(copy)
    return copy
