"""Commands that make models and shapes: fit, train, generate, resume."""

from pathlib import Path
from typing import Any

import click
import msgspec

from engine import console, methods
from engine.commands.clouds import check_parts, split_drawn
from engine.commands.common import Options, cli, common, home, latest, model_named, open_or_make, run_job, settings_of
from engine.commands.files import FORMATS
from engine.commands.prompts import draw_list, read_list
from engine.errors import InputError
from engine.jobs import ExportJob, FitJob, Format, GenerateJob, TrainJob
from engine.project import Project
from engine.settings import override
from engine.text.asking import change_of
from engine.text.prompts import prompts_of

DEFAULT = "basis"  # the method of fits that name none; it needs items with named parts, and says so


@cli.command()
@click.option("--method", default="", type=click.Choice(("", *methods.NAMES)), help=f"{DEFAULT} when not given.")
@click.option("--model", default="", metavar="RUN|FILE", help="Make latents of this model instead of one of their own.")
@click.option(
    "--fine-tune",
    default=0,
    metavar="STEPS",
    type=click.IntRange(0, 100_000),
    help="Let the model's experts learn ITEMS too: nearer to them, but another model (300 is much).",
)
@click.option("--category", default="", help="Only items of this category.")
@click.argument("items", nargs=-1)
@common("device", "preset", "set")
def fit(options: Options, method: str, model: str, fine_tune: int, category: str, items: tuple[str, ...]) -> None:
    """Fit a neural field to each of ITEMS (none: all accepted items).

    With --model they get codes of a model that is there, in seconds, and mix with its shapes. Their parts must have the
    names that the model knows; meshes without named parts get those of the shape that it learned from and that is most
    like them, which can be renamed. --fine-tune comes nearer to meshes of other makers.
    """
    if method and model:
        raise InputError("a model is of its own method; leave --method out")
    with options.open() as project:
        model = model_named(model)
        settings = _settings_with(options, model, project) if model else settings_of(options, method or DEFAULT)
        job = FitJob(
            settings=settings, items=items, category=category, model=model, fine_tune=fine_tune, device=options.device
        )
        run_job(options, job, project)


def _settings_with(options: Options, model: str, project: Project) -> methods.MethodSettings:
    """The settings of a model, with changes. Raises InputError for a preset, and when there is no such model."""
    from engine.fitting import open_basis

    if options.preset:
        raise InputError("a model has settings of its own; leave --preset out")
    return override(open_basis(model, project).about.settings, options.changes)


@cli.command()
@click.option("--method", default="", type=click.Choice(("", *methods.NAMES)), help="That of the fit when not given.")
@click.option("--run", "fit_run", default="", help="The fit to train on; the latest of the method when not given.")
@click.option("--fork", default="", help="Start from this training run, with changed settings.")
@click.option("--without", multiple=True, metavar="ITEM", help="Do not learn this item, although its fit is good.")
@common("device", "preset", "set")
def train(options: Options, method: str, fit_run: str, fork: str, without: tuple[str, ...]) -> None:
    """Train a denoiser on the latents of a fit."""
    with options.open() as project:
        forked = project.job(fork) if fork else None
        if forked and (not isinstance(forked, TrainJob) or method not in ("", methods.name_of(forked.settings))):
            raise InputError(f"{fork} is not a training run{_of(method)}; `list runs` shows what there is")
        fit_run = fit_run or (forked.fit if isinstance(forked, TrainJob) else latest(project, "fit", method))
        fitted = project.job(fit_run)
        if not isinstance(fitted, FitJob) or method not in ("", methods.name_of(fitted.settings)):
            raise InputError(f"{fit_run} is not a fit{_of(method)}; `list runs` shows what there is")
        method = methods.name_of(fitted.settings)
        base = forked.settings if isinstance(forked, TrainJob) else fitted.settings
        if options.preset:  # the fit's own settings stay, the preset says how to train on it
            chosen = methods.preset(method, options.preset)
            base = msgspec.structs.replace(base, denoiser=chosen.denoiser, train=chosen.train, sampler=chosen.sampler)
        settings = override(base, options.changes)
        job = TrainJob(settings=settings, fit=fit_run, fork=fork, without=without, device=options.device)
        run_job(options, job, project)


@cli.command()
@click.option("--method", default="", type=click.Choice(("", *methods.NAMES)), help="Latest model of this method.")
@click.option("--model", default="", help="A training run, a model file, or one that comes along: shipped:chair.")
@click.option("--category", default="", help="Category to draw; says which model draws where none is named.")
@click.option("--with", "with_parts", multiple=True, metavar="PART", help="Part that shapes should have.")
@click.option("--without", multiple=True, metavar="PART", help="Part that shapes should lack.")
@click.option(
    "--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="What shapes should be: legs=star."
)
@click.option("--prompt", default="", metavar="WORDS", help="What to draw, in words, with models that take them.")
@click.option("--prompts", default="", metavar="FILE", help="A list of prompts, one per line; # begins a remark.")
@click.option("--count", default=8, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--points", default=0, type=click.IntRange(0, 4096), help="Of each cloud; 0: as many as the model draws.")
@click.option("--refine", default="", metavar="MODEL", help="What draws points beyond those; else they come midway.")
@click.option(
    "--candidates", default=1, type=click.IntRange(1, 16), help="Clouds drawn for each one kept: the best stay."
)
@click.option("--seed", default=0, show_default=True, type=int)
@click.option(
    "--whole/--as-drawn",
    default=True,
    help="Draw again what comes apart or is not as asked, or keep it.",
)
@click.option("--parts", "in_parts", is_flag=True, help="Find the named parts of clouds too, as `split` does.")
@click.option("--out", default="", metavar="DIR", help="Write the shapes as mesh files too, in one go.")
@click.option("--format", "format_", default="glb", show_default=True, type=click.Choice(FORMATS), help="Of the files.")
@click.option("--resolution", default=128, show_default=True, type=click.IntRange(32, 1024), help="Of the files.")
@common("device", "set")
def generate(
    options: Options,
    method: str,
    model: str,
    category: str,
    with_parts: tuple[str, ...],
    without: tuple[str, ...],
    attributes: tuple[str, ...],
    prompt: str,
    prompts: str,
    count: int,
    points: int,
    refine: str,
    candidates: int,
    seed: int,
    whole: bool,
    in_parts: bool,
    out: str,
    format_: Format,
    resolution: int,
) -> None:
    """Draw new shapes from a trained model, of any kind or as asked: chairs --without arm.

    Where no model is named, the newest of the project that knows the category draws, or else the one of it that comes with
    the program (`list models`). Where there is no project, one is made: this folder when it is empty, or its folder
    "shapes". With --out the shapes are decoded and written too, and no sheet of pictures is drawn. Of a list of --prompts
    every line is a run of its own.
    """
    if method and model:
        raise InputError("give --method or --model, not both")
    if prompt and prompts:
        raise InputError("give --prompt or --prompts, not both")
    listed = read_list(prompts) if prompts else ""
    asked_for = prompts_of(listed) if prompts else (prompt,) if prompt else ()
    asked, words = bool(asked_for), (change_of(prompt),) if prompt else ()
    from engine.generating import model_to_draw_with

    model = model_named(model)
    folder = home(options.project)
    if not (folder / "project.json").exists():
        model = model or model_to_draw_with(None, category, method, asked)  # before a folder is made for nothing
        if in_parts:
            check_parts(asked_for, None)
    with open_or_make(folder, options.project) as project:
        job = GenerateJob(
            model=model or model_to_draw_with(project, category, method, asked),
            picture=not out,
            whole=whole,
            count=count,
            points=points,
            refine=model_named(refine),
            candidates=candidates,
            seed=seed,
            category=category,
            with_parts=with_parts,
            without=without,
            attributes=_pairs(attributes),
            changes=(*options.changes, *words),
            device=options.device,
        )
        if in_parts:
            check_parts(asked_for, project)
        if not out and not prompts and not in_parts:
            run_job(options, job, project)
            return
        from engine import pipeline

        many = draw_list(listed, job, project) if prompts else None
        drawn = console.follow(pipeline.run(job, project)) if many is None else many
        if in_parts:
            drawn["in_parts"] = split_drawn(drawn["shapes"], options.device, project)
        if not out:
            console.show(drawn, options.json)
            return
        files = ExportJob(
            shapes=tuple(drawn.get("in_parts", drawn["shapes"])),
            out=str(Path(out).resolve()),
            format=format_,
            resolution=resolution,
            device=options.device,
        )
        written = console.follow(pipeline.run(files, project))
    told = {key: drawn[key] for key in ("run", "prompts") if key in drawn}
    short = told | {"out": files.out, "files": [_line(file) for file in written["files"]]}
    console.show(drawn | written if options.json else short | {"empty": written["empty"]}, options.json)


@cli.command()
@click.argument("run", default="")
@common("set")
def resume(options: Options, run: str) -> None:
    """Go on with RUN (the latest unfinished one when not given). --set train.steps=N trains a finished run longer."""
    with options.open() as project:
        if not run:
            waiting = [name for name in project.catalogue.waiting() if (project.run_folder(name) / "job.json").exists()]
            if not waiting:
                raise InputError("no run of this project waits to be resumed; `list runs` shows them all")
            run = waiting[-1]
        job = project.job(run)
        if options.changes:
            if not isinstance(job, TrainJob):
                raise InputError(f"{run} is not a training run; only train.steps can be changed on resume")
            job = project.extend(msgspec.structs.replace(job, settings=override(job.settings, options.changes)))
        run_job(options, job, project)


def _line(file: dict[str, Any]) -> dict[str, Any]:
    """A written file in few words; --json has everything, and `health` says more of it."""
    told = ("points",) if "points" in file else ("parts", "faces", "watertight")
    return {"file": Path(file["path"]).name, **{key: file[key] for key in told}}


def _of(method: str) -> str:
    return f" of method {method}" if method else ""


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE options by name. Raises InputError for what is not such a pair."""
    for text in texts:
        if not all(text.partition("=")):
            raise InputError(f"--attribute {text}: write name=value, for example legs=star")
    return {text.partition("=")[0].strip(): text.partition("=")[2].strip() for text in texts}
