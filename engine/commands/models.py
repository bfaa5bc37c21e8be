"""Commands that make models and shapes: fit, train, generate, resume."""

from pathlib import Path

import click
import msgspec

from engine import methods
from engine.commands.common import Options, cli, common, latest, run_job, settings_of
from engine.errors import InputError
from engine.jobs import FitJob, GenerateJob, TrainJob
from engine.settings import override


@cli.command()
@click.option("--method", required=True, type=click.Choice(methods.NAMES))
@click.option("--category", default="", help="Only items of this category.")
@click.argument("items", nargs=-1)
@common("device", "preset", "set")
def fit(options: Options, method: str, category: str, items: tuple[str, ...]) -> None:
    """Fit a neural field to each of ITEMS (none: all accepted items)."""
    run_job(
        options, FitJob(settings=settings_of(options, method), items=items, category=category, device=options.device)
    )


@cli.command()
@click.option("--method", required=True, type=click.Choice(methods.NAMES))
@click.option("--run", "fit_run", default="", help="The fit to train on; the latest of the method when not given.")
@click.option("--fork", default="", help="Start from this training run, with changed settings.")
@common("device", "preset", "set")
def train(options: Options, method: str, fit_run: str, fork: str) -> None:
    """Train a denoiser on the latents of a fit."""
    with options.open() as project:
        forked = project.job(fork) if fork else None
        if forked and (not isinstance(forked, TrainJob) or methods.name_of(forked.settings) != method):
            raise InputError(f"{fork} is not a training run of method {method}; `list runs` shows what there is")
        fit_run = fit_run or (forked.fit if isinstance(forked, TrainJob) else latest(project, "fit", method))
        fitted = project.job(fit_run)
        if not isinstance(fitted, FitJob) or methods.name_of(fitted.settings) != method:
            raise InputError(f"{fit_run} is not a fit of method {method}; `list runs` shows what there is")
        base = forked.settings if isinstance(forked, TrainJob) else fitted.settings
        if options.preset:  # the fit's own settings stay, the preset says how to train on it
            chosen = methods.preset(method, options.preset)
            base = msgspec.structs.replace(base, denoiser=chosen.denoiser, train=chosen.train, sampler=chosen.sampler)
        job = TrainJob(settings=override(base, options.changes), fit=fit_run, fork=fork, device=options.device)
        run_job(options, job, project)


@cli.command()
@click.option("--method", default="", type=click.Choice(("", *methods.NAMES)), help="Latest model of this method.")
@click.option("--model", default="", help="A training run or a model file.")
@click.option("--category", default="", help="Category to draw, when the model knows several.")
@click.option("--with", "with_parts", multiple=True, metavar="PART", help="Part that shapes should have.")
@click.option("--without", multiple=True, metavar="PART", help="Part that shapes should lack.")
@click.option(
    "--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="What shapes should be: legs=star."
)
@click.option("--count", default=8, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--seed", default=0, show_default=True, type=int)
@common("device", "set")
def generate(
    options: Options,
    method: str,
    model: str,
    category: str,
    with_parts: tuple[str, ...],
    without: tuple[str, ...],
    attributes: tuple[str, ...],
    count: int,
    seed: int,
) -> None:
    """Draw new shapes from a trained model, of any kind or as asked: chairs --without arm."""
    if method and model:
        raise InputError("give --method or --model, not both")
    with options.open() as project:
        job = GenerateJob(
            model=str(Path(model).resolve())
            if model.endswith(".safetensors")
            else model or latest(project, "train", method),
            count=count,
            seed=seed,
            category=category,
            with_parts=with_parts,
            without=without,
            attributes=_pairs(attributes),
            changes=options.changes,
            device=options.device,
        )
        run_job(options, job, project)


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


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE options by name. Raises InputError for what is not such a pair."""
    for text in texts:
        if not all(text.partition("=")):
            raise InputError(f"--attribute {text}: write name=value, for example legs=star")
    return {text.partition("=")[0].strip(): text.partition("=")[2].strip() for text in texts}
