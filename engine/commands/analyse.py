"""Commands that look at latents: analyse."""

from pathlib import Path
from typing import Any, get_args

import click

from engine.commands.common import Options, cli, common, run_job
from engine.jobs import AnalyseJob, Analysis


@cli.command()
@click.argument("run")
@click.option("--kind", default="all", type=click.Choice(get_args(Analysis)), show_default=True)
@click.option("--part", default="", help="Only this part, e.g. wing.")
@click.option("--out", default="", help="Folder that gets a copy of the files.")
@click.option("--count", default=12, show_default=True, type=click.IntRange(0, 120), help="Shapes in pictures.")
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--perplexity", default=30.0, show_default=True, type=click.FloatRange(2, 200), help="Of t-SNE.")
@common("device")
def analyse(options: Options, run: str, out: str, **given: Any) -> None:
    """Look at the latents of RUN (a fit, a generate, a mix ...): tables, pictures and one page.

    nearest: the training shapes nearest to each shape, as a whole and part by part.
    map: every part of every shape on a plane, by PCA and t-SNE.
    parts: whether part names can be told from the numbers of unseen shapes, beside chance.
    outliers: shapes far from the training shapes, and poor fits.
    """
    folder = str(Path(out).resolve()) if out else ""
    run_job(options, AnalyseJob(of=run, out=folder, device=options.device, **given))
