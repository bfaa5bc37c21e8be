"""Commands that measure shapes: evaluate, report."""

from pathlib import Path
from typing import Any

import click

from engine import console
from engine.commands.common import Options, cli, common
from engine.jobs import EvaluateJob, ReportJob
from engine.settings import PROTOCOLS, override

overwriting = click.option("--overwrite", is_flag=True, help="Replace files of --out that are there.")


@cli.command()
@click.argument("names", nargs=-1, required=True, metavar="SHAPES|RUN...")
@click.option("--against", multiple=True, metavar="WHAT", help="test, val, unseen (both), a category, or items.")
@click.option("--protocol", default="ours", show_default=True, type=click.Choice(sorted(PROTOCOLS)))
@click.option("--features", default="", help="PointNet++ file for the published 3D-FID; ours when not given.")
@click.option("--out", default="", help="Folder that gets a copy of report and tables.")
@overwriting
@common("device", "set")
def evaluate(options: Options, names: tuple[str, ...], protocol: str, features: str, out: str, **given: Any) -> None:
    """Say how good and how new SHAPES are, or all shapes of a RUN, beside real ones that the model never saw.

    Of generated and mixed shapes: MMD, coverage and 1-NNA by Chamfer distance, part by part (p-CD) and by exact EMD, the
    same of real training shapes, Frechet distance, and a verdict on each: copy, blend, near or new. Of fitted shapes also
    F-score, IoU and normal consistency. report.html in the run's folder tells everything; --json the numbers.

    --set points=2048, part_points=512, emd_points=256 (0: none), grid=256, level=0.5, normalise=true, resamples=200,
    seed=0. The published quirks, off also in --protocol paper: --set level=0.8, --set spread_filter=true.
    """
    job = EvaluateJob(
        names=names,
        against=given["against"],
        protocol=override(PROTOCOLS[protocol], options.changes),
        features=_resolved(features),
        out=_resolved(out),
        overwrite=given["overwrite"],
        device=options.device,
    )
    _follow(options, job)


@cli.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--out", default="", help="Folder that gets a copy of the report.")
@overwriting
@common()
def report(options: Options, runs: tuple[str, ...], out: str, overwrite: bool) -> None:
    """Compare finished evaluations RUN... in one report: one table, one plot, then each of them."""
    _follow(options, ReportJob(runs=runs, out=_resolved(out), overwrite=overwrite))


def _follow(options: Options, job: EvaluateJob | ReportJob) -> None:
    """Run the job and print its result: for a person in few and short columns."""
    from engine import pipeline

    with options.open() as project:
        result = console.follow(pipeline.run(job, project))
    if not options.json:
        result["scores"] = [_short(row) for row in result.get("scores", [])]
        for key in [key for key in result if key.startswith("verdicts")]:
            result[key] = ", ".join(f"{share:.0%} {word}" for word, share in result[key].items())
    console.show({key: value for key, value in result.items() if value or options.json}, options.json)


def _short(row: dict[str, Any]) -> dict[str, str]:
    told = {key: str(row[key]) for key in ("set", "category", "measure")}
    return told | {
        "MMD": f"{row['mmd']:.4g}",
        "coverage": f"{row['coverage']:.1%}",
        "1-NNA": f"{row['one_nna']:.1%} (ideal {row['one_nna_ideal']:.1%})",
        "shapes": row["shapes"],
        "empty": str(row["empty"]),
    }


def _resolved(path: str) -> str:
    return str(Path(path).resolve()) if path else ""
