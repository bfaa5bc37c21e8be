"""Commands about files of other programs: export, health."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from engine import console
from engine.commands.common import Options, cli, common
from engine.jobs import ExportJob, Format, HealthJob, Job
from engine.settings import ExportOptions, override

FORMATS = get_args(Format)


@cli.command()
@click.argument("shapes", nargs=-1, required=True)
@click.option(
    "--format",
    "format_",
    default="glb",
    type=click.Choice(FORMATS),
    show_default=True,
)
@click.option("--out", required=True, help="Folder for the files.")
@click.option(
    "--resolution", default=256, show_default=True, type=click.IntRange(32, 1024), help="Grid points per side."
)
@click.option("--crumbs", default=0.03, show_default=True, type=click.FloatRange(0, 1), help="Smallest loose shell.")
@click.option(
    "--overwrite", is_flag=True, help="Replace files that are there; otherwise they are kept, and it says so."
)
@click.option("--health", is_flag=True, help="Look for self-intersections too.")
@common("device", "set")
def export(
    options: Options,
    shapes: tuple[str, ...],
    format_: Format,
    out: str,
    resolution: int,
    crumbs: float,
    overwrite: bool,
    health: bool,
) -> None:
    """Decode SHAPES and write them as mesh files with named parts. Items can be named too, and are written as they came.

    How they are written: --set faces=5000, size_mm=120, axes=blender|unity|unreal|slicer, pieces=parts|union,
    smoothing=10, normals=smooth|flat, uvs=true. With --format pth the weights themselves are written, in the published
    layout (imported networks in their own); with --format ckpt the denoiser of an imported run, named instead of a shape.

    Loose shells under --crumbs of the volume are left out (of fits, and what is made of fits alone, under a tenth of it),
    never the largest of a part, and it says so.

    A GLB carries the shape itself: `import` it, here or in another project, and its parts can be mixed and healed again.
    """
    folder = str(Path(out).resolve())
    job = ExportJob(
        shapes=shapes,
        out=folder,
        format=format_,
        options=override(ExportOptions(), options.changes),
        resolution=resolution,
        crumbs=crumbs,
        overwrite=overwrite,
        health=health,
        device=options.device,
    )
    _show(options, _follow(options, job), _files)


def _follow(options: Options, job: Job) -> dict[str, Any]:
    from engine import pipeline

    with options.open() as project:
        return console.follow(pipeline.run(job, project))


def _show(options: Options, result: dict[str, Any], rows: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """What a person looks for; --json has everything."""
    console.show(result if options.json else rows(result), options.json)


def _files(result: dict[str, Any]) -> dict[str, Any]:
    for file in result["files"]:
        if "health" in file:
            file["health"] = " ".join(file["health"]["words"]) or "sound"
    return result


def _checked(result: dict[str, Any]) -> dict[str, Any]:
    keys = ("faces", "shells", "volume", "thinnest_wall", "unit")
    rows = result["checked"]
    return {
        "checked": [
            {"name": Path(row["name"]).name if Path(row["name"]).is_file() else row["name"]}
            | {"health": " ".join(row["words"]) or "sound"}
            | {key: row[key] for key in keys}
            for row in rows
        ]
    }


@cli.command()
@click.argument("names", nargs=-1, required=True, metavar="SHAPE|ITEM|FILE...")
@click.option("--size-mm", default=0.0, type=click.FloatRange(0, 1e7), help="Longest side when it is printed.")
@click.option(
    "--resolution",
    default=256,
    show_default=True,
    type=click.IntRange(32, 1024),
    help="Grid points per side, for shapes.",
)
@common("device")
def health(options: Options, names: tuple[str, ...], size_mm: float, resolution: int) -> None:
    """Say how fit surfaces are for printing: closed, in one piece, not through itself, thinnest wall, volume.

    Names of files come first, then items and shapes of the project; files alone need no project.
    """
    paths = tuple(str(Path(name).resolve()) if Path(name).is_file() else name for name in names)
    job = HealthJob(names=paths, size_mm=size_mm, resolution=resolution, device=options.device)
    if all(Path(path).is_file() for path in paths):
        from engine.checkup import check_surfaces

        result = console.follow(check_surfaces(job))
    else:
        result = _follow(options, job)
    _show(options, result, _checked)
