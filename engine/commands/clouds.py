"""Commands that make more of clouds: mesh, split."""

from collections.abc import Sequence

import click

from engine import console
from engine.cloud_settings import DRAWN
from engine.commands.common import Options, cli, common, run_job
from engine.errors import InputError
from engine.jobs import Device, MeshJob, SplitJob
from engine.project import Project
from engine.settings import override
from engine.text.asking import category_of
from engine.text.phrases import phrases


@cli.command()
@click.argument("shapes", nargs=-1, required=True, metavar="SHAPE|RUN...")
@common("device", "set")
def mesh(options: Options, shapes: tuple[str, ...]) -> None:
    """Lay watertight surfaces through the clouds SHAPES, as items of the project: --set smoothness=0.1 for clean ones."""
    with options.open() as project:
        settings = override(DRAWN, options.changes)
        run_job(options, MeshJob(shapes=_each(shapes, project), settings=settings, device=options.device), project)


@cli.command()
@click.argument("shapes", nargs=-1, required=True, metavar="SHAPE|RUN|ITEM...")
@click.option("--category", default="", help="What they are, where no prompt says it.")
@click.option(
    "--model", default="", metavar="RUN", help="Make shapes of this model; or one that comes along: shipped:chair."
)
@click.option("--heal/--as-found", default=True, help="Shift parts until they touch, or leave them as they are found.")
@click.option("--seed", default=0, show_default=True, type=int)
@common("device")
def split(options: Options, shapes: tuple[str, ...], category: str, model: str, heal: bool, seed: int) -> None:
    """Find the named parts of clouds: shapes of a `basis` model that come nearest, to mix, reroll, heal and export.

    Items work too, as scans without names. Where no model is named, the newest of the project that knows the category
    does it, or else the one of it that comes with the program (`list models`).
    """
    with options.open() as project:
        names = _each(shapes, project)
        job = SplitJob(shapes=names, model=model, category=category, heal=heal, seed=seed, device=options.device)
        run_job(options, job, project)


def _each(names: tuple[str, ...], project: Project) -> tuple[str, ...]:
    """The names, a run's standing for all its shapes."""
    runs = {run.id for run in project.catalogue.runs()}
    found = [[row.id for row in project.catalogue.shapes(name)] if name in runs else [name] for name in names]
    return tuple(dict.fromkeys(one for some in found for one in some)) or names


def check_parts(prompts: Sequence[str], project: Project | None) -> None:
    """Raise InputError, before anything is drawn, where the parts of what a prompt asks for cannot be found."""
    from engine.generating import model_to_draw_with

    for prompt in prompts or ("",):
        category = category_of(prompt)
        if not category:
            told = f'"{prompt}" does not' if prompt else "--parts needs a --prompt to"
            known = ", ".join(phrases())
            raise InputError(f"{told} say what it is ({known}); or `split` the shapes with --category")
        model_to_draw_with(project, category, "basis")


def split_drawn(names: Sequence[str], device: Device, project: Project) -> list[str]:
    """Find the parts of clouds that were drawn, a job for each category that their prompts name -> the new shapes."""
    from engine import pipeline
    from engine.meshing import asked_of

    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(asked_of(project.catalogue.shape(name).run, project)[1], []).append(name)
    jobs = [SplitJob(shapes=tuple(some), category=category, device=device) for category, some in groups.items()]
    return [shape for job in jobs for shape in console.follow(pipeline.run(job, project))["shapes"]]
