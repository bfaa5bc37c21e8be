"""Commands that make shapes move: turntable, film."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from engine.commands.common import Options, cli, common, run_job
from engine.jobs import FilmFormat, FilmJob
from engine.settings import ExportOptions, override

FORMATS = [name for name in get_args(FilmFormat) if name]


def camera(command: Callable[..., None]) -> Callable[..., None]:
    """Add what both share: where it goes, size, speed, and where the camera stands."""
    options = (
        click.option("--out", required=True, metavar="FILE|FOLDER", help="F.gif, F.mp4, or a folder for PNG files."),
        click.option(
            "--fps", default=12.0, show_default=True, type=click.FloatRange(0.1, 120), help="Frames a second."
        ),
        click.option(
            "--size",
            default=512,
            show_default=True,
            type=click.IntRange(16, 2048),
            help="Pixels a side, of each shape.",
        ),
        click.option("--resolution", default=128, show_default=True, type=click.IntRange(32, 1024)),
        click.option("--azimuth", default=35.0, show_default=True, type=click.FloatRange(-360, 360)),
        click.option("--elevation", default=24.0, show_default=True, type=click.FloatRange(-89, 89)),
        click.option("--crumbs", default=0.03, show_default=True, type=click.FloatRange(0, 1)),
        click.option("--overwrite", is_flag=True, help="Replace files that are there."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@cli.command()
@click.argument("shapes", nargs=-1, required=True, metavar="SHAPE|ITEM...")
@click.option("--frames", default=36, show_default=True, type=click.IntRange(2, 3600), help="Pictures of one turn.")
@camera
@common("device")
def turntable(options: Options, shapes: tuple[str, ...], frames: int, out: str, **given: Any) -> None:
    """Let the camera go once round SHAPES and items, side by side, as a film that plays in a loop.

    GIF plays everywhere; MP4 (VP9) is several times smaller and plays in browsers, Blender and VLC, not in
    QuickTime. It needs the extra `video`: pip install 'shape-studio[video]'.
    """
    run_job(options, FilmJob(shapes=shapes, out=_place(out), turn=frames, device=options.device, **given))


@cli.command()
@click.argument("shapes", nargs=-1, required=True, metavar="SHAPE|RUN...")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Of the files in a folder.")
@click.option("--bounce", is_flag=True, help="And back again, for a loop without a jump.")
@click.option("--hold", default=0.5, show_default=True, type=click.FloatRange(0, 60), help="Seconds at both ends.")
@camera
@common("device", "set")
def film(options: Options, shapes: tuple[str, ...], format_: FilmFormat | None, out: str, **given: Any) -> None:
    """Show SHAPES one after the other, each as one frame; a run stands for all its shapes, such as an interpolation.

    One framing for all frames. --out F.gif or F.mp4 is a film, a folder gets its frames as PNG files or, with --format,
    one mesh per frame in one frame of reference (--set faces=5000 and what else `export` knows). --out F.glb is one mesh
    that moves: morph targets and an animation that Blender and three.js play, where one mesh can follow the shapes.
    """
    job = FilmJob(
        shapes=shapes,
        out=_place(out),
        format=format_ or "",
        options=override(ExportOptions(), options.changes),
        device=options.device,
        **given,
    )
    run_job(options, job)


def _place(out: str) -> str:
    return str(Path(out).resolve())
