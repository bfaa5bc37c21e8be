"""The command that makes the shipped feature network again: features."""

from pathlib import Path

import click
import msgspec

from engine import console
from engine.commands.common import Options, cli, common
from engine.resources import FOLDER
from engine.settings import override


@cli.command()
@click.option("--out", default=str(FOLDER / "features"), help="Folder of the network and its card; the program's own.")
@click.option(
    "--work", default="build/features", show_default=True, help="Folder of shapes and checkpoints on the way."
)
@click.option("--quick", is_flag=True, help="A few steps, to see that it works; the network is of no use.")
@common("set")
def features(options: Options, out: str, work: str, quick: bool) -> None:
    """Train the small network behind "FPD (ours)" on procedural shapes; ten minutes of one core. A stopped one goes on."""
    from engine.metrics.feature_training import QUICK, FeatureSettings, train_features

    settings = override(QUICK if quick else FeatureSettings(), options.changes)
    card = console.follow(train_features(settings, Path(work), Path(out)))
    console.show({**card, "settings": msgspec.to_builtins(settings)}, options.json)
