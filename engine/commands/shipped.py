"""The command that makes the models that come with the program: models."""

import shlex
from pathlib import Path

import click
import msgspec

from engine import console
from engine.commands.common import Options, cli, common
from engine.shipping.recipe import COMMAND, RECIPES


@cli.command()
@click.option("--category", "categories", multiple=True, type=click.Choice(tuple(RECIPES)), help="Only these.")
@click.option("--out", default="resources/models", show_default=True, help="Folder that gets the models.")
@click.option("--work", default="build/models", show_default=True, help="Folder of what is made on the way.")
@click.option("--training", type=click.IntRange(3), help="Training shapes, instead of the recipe's.")
@click.option("--unseen", type=click.IntRange(2), help="Unseen shapes that the model is measured against.")
@click.option("--samples", type=click.IntRange(2), help="Shapes of the model that are measured.")
@common("device", "preset", "set")
def models(
    options: Options,
    categories: tuple[str, ...],
    out: str,
    work: str,
    training: int | None,
    unseen: int | None,
    samples: int | None,
) -> None:
    """Train, measure and pack the models that come with the program; hours on a CPU. A stopped one goes on.

    The recipes stand in engine/shipping/recipe.py; --preset and --set change the settings of fit and training.
    """
    from engine.shipping.make import make_models

    numbers = {"training": training, "unseen": unseen, "samples": samples}
    given = {name: value for name, value in numbers.items() if value is not None}
    words = [f"--{name} {value}" for name, value in given.items()]
    words += [f"--preset {options.preset}"] if options.preset else []
    words += [f"--set {shlex.quote(change)}" for change in options.changes]
    rows = []
    for name in categories or RECIPES:
        recipe = RECIPES[name]
        items = 0 if training or unseen else recipe.items  # as many as these numbers need
        recipe = msgspec.structs.replace(recipe, **given, items=items, changes=recipe.changes + options.changes)
        if options.preset:
            recipe = msgspec.structs.replace(recipe, preset=options.preset)
        command = " ".join([COMMAND, f"--category {name}", *words])
        made = console.follow(make_models([recipe], Path(out), Path(work), options.device, command))
        rows += made["models"]
    console.show({"models": rows, "out": str(Path(out).resolve())}, options.json)
