"""Commands that make the parts of a shape fit together, draw them anew, or go from shape to shape."""

from typing import Any, cast, get_args

import click

from engine.commands.common import Options, cli, common, model_named, run_job
from engine.errors import InputError
from engine.jobs import HealJob, InterpolateJob, JointsJob, RerollJob
from engine.parts.settings import Ease, HealSettings, Mode, Way, eased
from engine.settings import override

EASES, MODES, WAYS = get_args(Ease), get_args(Mode), get_args(Way)


@cli.command()
@click.argument("shapes", nargs=-1, required=True)
@click.option(
    "--fit", default="", metavar="RUN", help="Whose training shapes say what is usual; the one behind the shape."
)
@common("device")
def joints(options: Options, shapes: tuple[str, ...], fit: str) -> None:
    """Measure how the parts of SHAPES meet: gaps and overlaps beyond what 95 % of the training shapes have.

    A joint score is the sum of these, in canonical units (the longest side of a shape is 0.95); 0 is usual. What is usual
    is measured once for each fit. The file holds all joints, with points of gaps and overlaps for display.
    """
    run_job(options, JointsJob(shapes=shapes, fit=fit, device=options.device))


@cli.command()
@click.argument("shape")
@click.option("--hold", "held", multiple=True, metavar="PART", help="Keep the numbers of a part, byte for byte.")
@click.option("--free", multiple=True, metavar="PART", help="Let a part be drawn anew.")
@click.option("--heal", "mode", type=click.Choice(MODES), help="What may change; free when not given.")
@click.option("--model", default="", help="A training run or model file; the newest trained on the shape's fit.")
@click.option(
    "--fit",
    default="",
    metavar="RUN",
    help="Whose training shapes say what joints should be like; the one behind SHAPE.",
)
@click.option("--seed", default=0, show_default=True, type=int)
@common("device", "set")
def heal(options: Options, shape: str, mode: str | None, **given: Any) -> None:
    """Make the parts of SHAPE fit together.

    Parts are shifted, numbers unchanged. Where short moves are not enough, free parts are drawn anew by the denoiser, given
    the held ones, which come back byte for byte; of some draws (--set tries=8) the best is kept, and the shape stays as it
    is where none is better. Parts that a mix took from other shapes are held unless --free names them.

    --heal moves shifts parts and changes no numbers; --heal all draws the whole shape anew, held parts too.
    """
    changes = [*options.changes, *([f"mode={mode}"] if mode else [])]
    job = HealJob(
        shape=shape,
        held=given["held"],
        free=given["free"],
        model=model_named(given["model"]),
        fit=given["fit"],
        settings=override(HealSettings(), changes),
        seed=given["seed"],
        device=options.device,
    )
    run_job(options, job)


@cli.command()
@click.argument("shape")
@click.option("--part", "parts", multiple=True, required=True, metavar="PART", help="The part to draw anew.")
@click.option("--count", default=4, show_default=True, type=click.IntRange(1, 10_000), help="How many variants.")
@click.option("--model", default="", help="A training run or model file; the newest trained on the shape's fit.")
@click.option("--seed", default=0, show_default=True, type=int)
@common("device", "set")
def reroll(options: Options, shape: str, parts: tuple[str, ...], count: int, model: str, seed: int) -> None:
    """Draw parts of SHAPE anew, as variants; everything else stays byte for byte. Each variant's card has its seed."""
    job = RerollJob(
        shape=shape,
        parts=parts,
        count=count,
        model=model_named(model),
        settings=override(HealSettings(), options.changes),
        seed=seed,
        device=options.device,
    )
    run_job(options, job)


@cli.command()
@click.argument("shapes", nargs=-1, required=True)
@click.option("--frames", default=8, show_default=True, type=click.IntRange(2, 10_000))
@click.option(
    "--part", "parts", multiple=True, metavar="PART[=EASE]", help="Only this part changes; several can be named."
)
@click.option("--curve", default="linear", show_default=True, type=click.Choice(WAYS))
@click.option(
    "--ease", default="linear", show_default=True, type=click.Choice(EASES), help="Where it starts or ends slowly."
)
@click.option("--model", default="", help="Judges the frames; the newest trained on the first shape's fit.")
@common("device")
def interpolate(
    options: Options, shapes: tuple[str, ...], frames: int, parts: tuple[str, ...], curve: Way, ease: Ease, model: str
) -> None:
    """Make frames on the way from shape to shape, two or more SHAPES; the first frame is the first shape, bit for bit.

    The loss of a frame is the denoiser's: lower is more plausible. `film RUN` makes a film of the frames.
    """
    if len(shapes) < 2:
        raise InputError("frames go from shape to shape: name two shapes or more")
    curves = {"": eased(ease, curve)}
    if parts:
        named = [part.partition("=") for part in parts]
        wrong = [own for _, _, own in named if own and own not in EASES]
        if wrong:
            raise InputError(f"--part: {wrong[0]!r} is no ease; choose {', '.join(EASES)}")
        curves = {part: eased(cast(Ease, own) if own else ease, curve) for part, _, own in named}
    job = InterpolateJob(shapes=shapes, frames=frames, curves=curves, model=model_named(model), device=options.device)
    run_job(options, job)
