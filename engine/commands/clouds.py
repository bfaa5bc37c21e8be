"""Commands that make more of clouds: mesh, split."""

import click

from engine.commands.common import Options, cli, common, run_job
from engine.jobs import MeshJob, SplitJob
from engine.project import Project
from engine.settings import CloudMeshSettings, override


@cli.command()
@click.argument("shapes", nargs=-1, required=True, metavar="SHAPE|RUN...")
@common("device", "set")
def mesh(options: Options, shapes: tuple[str, ...]) -> None:
    """Lay watertight surfaces through the clouds SHAPES, as items of the project: --set smoothness=1 for noisy ones."""
    with options.open() as project:
        settings = override(CloudMeshSettings(), options.changes)
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
