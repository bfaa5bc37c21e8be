"""The straight line: one generator per kind of job. It never asks for a method's name."""

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
from engine.datasets.parts import still_named, vocabulary
from engine.errors import InputError, explain
from engine.events import EventLog
from engine.footprint import measured
from engine.jobs import (
    AnalyseJob,
    EvaluateJob,
    ExportJob,
    FilmJob,
    FitJob,
    GenerateJob,
    HealJob,
    HealthJob,
    ImportJob,
    InterpolateJob,
    Job,
    JointsJob,
    MixJob,
    PartsJob,
    RenameJob,
    ReportJob,
    RerollJob,
    SamplesJob,
    TrainJob,
)
from engine.latents import Chosen
from engine.method import Data, Workspace
from engine.optimise import optimise, published
from engine.previews import preview
from engine.project import Project
from engine.protocol import Finished, Note, Stage
from engine.rows import MADE, ItemRow
from engine.shapes import fit_of, keep_fitted
from engine.storage import once, seed_of, sweep, write_json
from engine.telling import settled_conditions


def run(job: Job, project: Project) -> Stage[dict[str, Any]]:
    """Run a job, or go on with it, or return at once when it is finished; the last event is Finished.

    Takes the run's lease, keeps its events, and leaves an honest state: finished, cancelled (closed by the caller) or
    failed. Raises StudioError, and BusyError while another process works on the same run. A new run whose input turns
    out to be bad before anything was done leaves no trace.
    """
    job = project.submit(job)
    folder = project.run_folder(job.run)
    project.catalogue.acquire(job.run)
    log = EventLog(folder / "events.jsonl", beat=lambda: project.catalogue.beat(job.run))
    try:
        if (folder / "result.json").exists():
            result: dict[str, Any] = msgspec.json.decode((folder / "result.json").read_bytes())
        else:
            sweep(folder)
            result = yield from log.keep(measured(_stage(job, project), folder, _gpu_peak()))
            project.finish(job.run, result)
    except (GeneratorExit, KeyboardInterrupt):
        project.catalogue.end_run(job.run, "cancelled", "stopped by the user; resume goes on from here")
        raise
    except BaseException as error:
        if isinstance(error, InputError) and not log.begun:
            project.forget(job.run)
        else:
            project.catalogue.end_run(job.run, "failed", explain(error))
        raise
    project.catalogue.end_run(job.run, "finished")
    yield Finished(result=result)
    return result


def _stage(job: Job, project: Project) -> Stage[dict[str, Any]]:
    """The stage of a job. Its module is loaded when it is asked for: together they take seconds, one alone a fraction."""
    match job:
        case ImportJob():
            from engine.datasets.importing import import_files

            return import_files(job, project)
        case SamplesJob():
            from engine.datasets.importing import make_samples

            return make_samples(job, project)
        case PartsJob() if job.painted:
            from engine.datasets.painted_parts import paint_parts

            return paint_parts(job, project)
        case PartsJob():
            from engine.datasets.auto_parts import find_parts

            return find_parts(job, project)
        case RenameJob():
            from engine.datasets.renaming import rename_part

            return rename_part(job, project)
    work = Workspace(project.run_folder(job.run), device.choose(job.device))
    match job:
        case FitJob():
            return fit(job, project, work)
        case TrainJob():
            return train(job, project, work)
        case GenerateJob():
            from engine.generating import generate

            return generate(job, project, work)
        case MixJob():
            from engine.mixing import mix_parts

            return mix_parts(job, project, work)
        case JointsJob():
            from engine.joining import measure_joints

            return measure_joints(job, project, work)
        case HealJob():
            from engine.healing import heal_shape

            return heal_shape(job, project, work)
        case RerollJob():
            from engine.healing import reroll_parts

            return reroll_parts(job, project, work)
        case InterpolateJob():
            from engine.blending import blend

            return blend(job, project, work)
        case ExportJob():
            from engine.exporting import export

            return export(job, project, work)
        case HealthJob():
            from engine.checkup import checkup

            return checkup(job, project, work)
        case FilmJob():
            from engine.films import film

            return film(job, project, work)
        case EvaluateJob():
            from engine.evaluating import evaluate

            return evaluate(job, project, work)
        case ReportJob():
            from engine.reporting import report

            return report(job, project, work)
        case AnalyseJob():
            from engine.analysing import analyse

            return analyse(job, project, work)


def fit(job: FitJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Items -> latents, one row each, with a verdict on each."""
    items = _items(job, project)
    if job.model:
        from engine.fitting import fit_with_model

        return (yield from fit_with_model(job, items, project, work))
    if job.fine_tune:
        raise InputError("fine-tuning starts from a model; name it")
    # what was asked for is settled at the first start: items that come in later belong to later fits
    names = vocabulary(items, getattr(job.settings, "parts", ()))
    settled = once(work.folder / "items.json", {"items": [item.id for item in items], "vocabulary": list(names)})
    items, names = [project.catalogue.item(name) for name in settled["items"]], tuple(settled["vocabulary"])
    still_named(items, names)
    with seeded(job.settings.seed, "representation"):
        representation = methods.load(job.settings).representation(job.settings, names).to(work.device)
    if representation.parts:
        usable = [item for item in items if set(item.parts) & set(names)]
        if len(usable) < len(items):
            left = [item.id for item in items if not set(item.parts) & set(names)]
            yield Note(text=f"left out, since they have no named parts: {', '.join(left)}", warning=True)
        items = usable
    data = Data(project, tuple(items))
    device.use_threads(representation)
    yield Note(text=f"fitting {len(items)} items on {device.describe(work.device)}")
    yield from representation.fit(data, work)
    latents = yield from representation.encode(data, work)
    about = {
        "settings": msgspec.to_builtins(job.settings),
        "vocabulary": names,
        "items": [item.id for item in items],
    }
    save_model(work.folder / "representation.safetensors", {"representation": representation}, about)
    keep_fitted(project, job.run, latents)
    keys = ("iou", "cpu_s", "verdict", "reason")
    shapes = [{"id": f"{job.run}/{r.item}", **{key: getattr(r, key) for key in keys}} for r in latents.records]
    return {"run": job.run, "shapes": shapes}


def train(job: TrainJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Latents -> a denoiser, exported with its representation as one model file."""
    from engine.training_watch import Watch, in_turn, watch_of

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
    chosen = Chosen(latents, rows, told)
    with seeded(settings.seed, "trainee"):
        trainee = method.trainee(settings, latents.layout, told.sizes)
    method.prepare(trainee, chosen)
    modules = {"trainee": trainee.to(work.device)}
    if representation.learns_with_denoiser:
        modules["representation"] = representation.requires_grad_(True)
    device.use_threads(trainee)
    yield Note(text=f"training on {len(rows)} shapes ({len(latents)} fitted), {device.describe(work.device)}")

    def loss(step: int, generator: torch.Generator) -> torch.Tensor:
        index = torch.randint(len(rows), (min(settings.train.batch, len(rows)),), generator=generator)
        batch = chosen.batch(index, generator).to(work.device)
        return method.loss(trainee, representation, settings, batch, generator)

    others = real - seen.keys()
    unseen = [i for i, r in enumerate(latents.records) if r.verdict == "accepted" and r.item in others]
    watch = watch_of(method, representation, trainee, settings, latents, rows, unseen, work.folder)
    if isinstance(watch, str) and watch:
        yield Note(text=watch)
    draw = partial(preview, method, representation, trainee, settings, work)
    plain, look, due = in_turn(published(settings.train, len(rows)), draw, watch)
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


def _gpu_peak() -> Callable[[], int]:
    """Bytes that torch gives out on a GPU at most, from now on."""
    if not torch.cuda.is_available():
        return lambda: 0
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.max_memory_allocated


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


@contextmanager
def seeded(seed: int, purpose: str) -> Iterator[None]:
    """Initial weights, which torch draws from its global generator, by the run's seed; the generator is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, purpose))
        yield


def _items(job: FitJob, project: Project) -> list[ItemRow]:
    """The named items in the order given, or all accepted real ones. Raises InputError for refused items and for none."""
    if not job.items:
        items = [item for item in project.catalogue.items(job.category, accepted=True) if item.split != MADE]
        if not items:
            raise InputError("there is nothing to fit; bring items in with `import` or `samples` first")
        return items
    if job.category:
        raise InputError("name items or a category, not both")
    items = [project.catalogue.item(name) for name in dict.fromkeys(job.items)]
    for item in items:
        if not item.usable:
            raise InputError(f"item {item.id} cannot be fitted ({item.verdict}): {item.reason}")
    return items


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
