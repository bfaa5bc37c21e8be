"""Commands that write files for other programs: export."""

from pathlib import Path
from typing import get_args

import click

from engine.commands.common import Options, cli, common, run_job
from engine.jobs import ExportJob, Format
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
@common("device", "set")
def export(
    options: Options, shapes: tuple[str, ...], format_: Format, out: str, resolution: int, crumbs: float
) -> None:
    """Decode SHAPES and write them as mesh files with named parts. Items can be named too, and are written as they came.

    How they are written: --set faces=5000, size_mm=120, axes=blender|unity|unreal|slicer, pieces=parts|union,
    smoothing=10, normals=smooth|flat, uvs=true. With --format pth the weights themselves are written, in the published
    layout (imported networks in their own); with --format ckpt the denoiser of an imported run, named instead of a shape.

    Loose shells under --crumbs of the volume are left out (of fitted shapes under a tenth of it), and it says so.
    """
    folder = str(Path(out).resolve())
    job = ExportJob(
        shapes=shapes,
        out=folder,
        format=format_,
        options=override(ExportOptions(), options.changes),
        resolution=resolution,
        crumbs=crumbs,
        device=options.device,
    )
    run_job(options, job)
