"""Commands about projects and what is in them: new, import, check, samples, list, variety."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from engine import console, shipped
from engine.card import DERIVED
from engine.commands.common import Options, cli, common, few, run_job, table
from engine.datasets.found import KINDS
from engine.jobs import Axis, ImportJob, SamplesJob, TurnJob
from engine.project import Project

AXES = get_args(Axis)
CATEGORIES = ("airplane", "chair", "car", "table", "lamp", "mug")

SHOWN = {
    "items": ("id", "path", "category", "split", "verdict", "parts", "reason"),
    "runs": ("id", "kind", "method", "state", "reason", "created"),
    "shapes": ("id", "kind", "parents", "quality", "verdict", "reason", "present"),
}


@cli.command()
@click.argument("folder")
@common()
def new(options: Options, folder: str) -> None:
    """Make a new project in FOLDER."""
    with Project.create(folder) as project:
        console.show({"project": str(project.folder)}, options.json)


def readable(command: Callable[..., None]) -> Callable[..., None]:
    """Add what `import` and `check` share: paths, and how to read them."""
    for option in (
        click.argument("paths", nargs=-1, required=True),
        click.option(
            "--kind", default="", help="Layout of the files, found out when not given; `check --help` lists them."
        ),
        click.option(
            "--thickness",
            default=0.0,
            type=click.FloatRange(0, 0.5),
            help="Given to sheets, share of the longest side.",
        ),
        click.option("--solids", is_flag=True, help="Take connected solids as parts where nothing names any."),
        click.option("--up", default="kept", type=click.Choice(("kept", *AXES)), help="Which axis of the files is up."),
        click.option("--front", default="kept", type=click.Choice(("kept", *AXES)), help="Which axis is the front."),
        click.option("--heads", default=16, show_default=True, type=click.IntRange(1), help="Of imported denoisers."),
    ):
        command = option(command)
    return command


@cli.command("import")
@readable
@click.option("--category", default="", help="Category of the items, e.g. chair.")
@click.option("--auto-parts", is_flag=True, help="Take solids as parts and match them over the items; see `parts`.")
@click.option("--origin", default="", help="Where the files come from, when nothing beside them says it.")
@click.option("--licence", default="", help="Licence of the files, when nothing beside them says it.")
@common()
def import_(options: Options, paths: tuple[str, ...], **given: Any) -> None:
    """Read files, folders, zip archives and data sets into the project.

    Meshes (OBJ, OFF, STL, PLY, GLB, 3MF, DAE), labelled clouds, points with inside flags, published networks. Nothing is
    refused silently: `list items` shows the verdict on each file and its reason.
    """
    run_job(options, ImportJob(paths=tuple(str(Path(p).resolve()) for p in paths), **given))


@cli.command()
@click.argument("items", nargs=-1, required=True)
@click.option("--up", required=True, type=click.Choice(AXES), help="Which axis of the file points up.")
@click.option("--front", required=True, type=click.Choice(AXES), help="Which axis of the file is the front.")
@common()
def turn(options: Options, items: tuple[str, ...], **given: Any) -> None:
    """Let other axes of their files be up and front in ITEMS, and remember it for when the files are read again.

    What was fitted to them before stays as it was; fit again. Painted parts stay, but their strokes are forgotten.
    """
    run_job(options, TurnJob(items=items, **given))


@cli.command(epilog=f"Kinds: {', '.join(KINDS)}.")
@readable
@common()
def check(options: Options, paths: tuple[str, ...], **given: Any) -> None:
    """Say of each file what an import would make of it, without a project."""
    from engine.datasets.importing import check_files

    job = ImportJob(paths=tuple(str(Path(p).resolve()) for p in paths), **given)
    result = console.follow(check_files(job))
    if not options.json:
        result["items"] = table(result["items"], paths)
    console.show(result, options.json)


@cli.command()
@click.option("--category", required=True, type=click.Choice(CATEGORIES))
@click.option("--count", required=True, type=click.IntRange(1, 100_000))
@click.option("--seed", default=0, show_default=True, type=int)
@common()
def samples(options: Options, category: str, count: int, seed: int) -> None:
    """Make procedural items: any number of shapes of a category, with named parts and captions."""
    run_job(options, SamplesJob(category=category, count=count, seed=seed))


@cli.command("list")
@click.argument("what", default="items", type=click.Choice(["items", "runs", "shapes", "models"]))
@common()
def list_(options: Options, what: str) -> None:
    """List items, runs or shapes of the project, or what can draw new shapes: its models, and those that come along."""
    if what == "models":
        console.show({"models": [*_brought(), *_own(options)]}, options.json)
        return
    with options.open() as project:
        rows: Iterable[msgspec.Struct] = getattr(project.catalogue, what)()
        found = msgspec.to_builtins(list(rows))
        left = set(project.catalogue.waiting())
        for row in found if what == "runs" else ():
            if row["state"] == "running" and row["id"] in left:
                row.update(state="interrupted", reason="its process is gone; resume goes on from here")
        for row in found if what == "shapes" and not options.json else ():
            if row["kind"] in DERIVED:  # its kind says it all
                row.update(verdict="")
            else:  # a fit's item and a sample's model are seen from its name and its run
                row.update(parents=())
        if not options.json:  # what a person looks for; --json has everything
            found = [{key: _readable(key, row[key]) for key in SHOWN[what]} for row in found]
        console.show({what: found}, options.json)


def _brought() -> list[dict[str, Any]]:
    """The models that come with the program."""
    return [
        {
            "model": shipped.PREFIX + card.name,
            "method": card.method,
            "categories": list(card.categories),
            "training shapes": card.training,
            "1-NNA": card.one_nna,
        }
        for card in shipped.shipped_cards()
    ]


def _own(options: Options) -> list[dict[str, Any]]:
    """Finished trainings of the project, where there is one."""
    if not (Path(options.project) / "project.json").is_file():
        return []
    with options.open() as project:
        runs = [run for run in project.catalogue.runs("train") if run.state == "finished"]
    return [{"model": run.id, "method": run.method, "created": _readable("created", run.created)} for run in runs]


def _readable(key: str, value: Any) -> Any:
    if key in ("parts", "parents"):
        return few(value)
    if key == "path":
        return Path(value).name
    if key == "reason":  # its first sentence; --json has the whole
        first, stop, rest = value.partition(". ")
        return first + (" ..." if stop and rest else "")
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(value)) if key in ("created", "added") else value


@cli.command()
@click.option("--category", required=True, type=click.Choice(CATEGORIES))
@click.option("--count", default=512, show_default=True, type=click.IntRange(2, 10_000))
@click.option("--points", default=512, show_default=True, type=click.IntRange(64, 16_384))
@common()
def variety(options: Options, category: str, count: int, points: int) -> None:
    """How different procedural shapes are: distance of each of COUNT to its nearest neighbour (Chamfer)."""
    from engine.datasets.procedural.variety import variety as measure

    found = console.follow(measure(category, count, points))
    console.show({"category": category, "count": count, "points": points, **found}, options.json)
