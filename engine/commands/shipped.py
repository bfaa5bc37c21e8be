"""The command that makes the models that come with the program: models."""

import shlex
from pathlib import Path

import click
import msgspec

from engine import console
from engine.commands.common import Options, cli, common
from engine.errors import InputError
from engine.shipping.recipe import CLOUDS, COMMAND, RECIPES, CloudRecipe, Recipe


@cli.command()
@click.option("--category", "categories", multiple=True, type=click.Choice((*RECIPES, *CLOUDS)), help="Only these.")
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

    One of each category, which draws its shapes in parts, and tiny3d, which draws clouds of all categories from words.

    The recipes stand in engine/shipping/recipe.py; --preset and --set change the settings of fit and training.
    """
    from engine.shipping.make import make_models

    numbers = {"training": training, "unseen": unseen, "samples": samples}
    given = {name: value for name, value in numbers.items() if value is not None}
    words = [f"--{name} {value}" for name, value in given.items()]
    words += [f"--preset {options.preset}"] if options.preset else []
    words += [f"--set {shlex.quote(change)}" for change in options.changes]
    rows = []
    for name in categories or (*RECIPES, *CLOUDS):
        recipe = _asked(name, given, options)
        command = " ".join([COMMAND, f"--category {name}", *words])
        made = console.follow(make_models([recipe], Path(out), Path(work), options.device, command))
        rows += made["models"]
    console.show({"models": rows, "out": str(Path(out).resolve())}, options.json)


def _asked(name: str, given: dict[str, int], options: Options) -> Recipe | CloudRecipe:
    """A recipe with numbers and settings as they were given. Raises InputError for numbers that it does not have."""
    base = RECIPES[name] if name in RECIPES else CLOUDS[name]
    recipe: Recipe | CloudRecipe = msgspec.structs.replace(
        base, changes=base.changes + options.changes, preset=options.preset or base.preset
    )
    if isinstance(recipe, Recipe):
        items = 0 if given.get("training") or given.get("unseen") else recipe.items  # as many as these numbers need
        return msgspec.structs.replace(recipe, **given, items=items)
    if odd := [number for number in given if number != "unseen"]:
        raise InputError(f"the recipe of {name} has no --{odd[0]}; name categories of shapes with it")
    return msgspec.structs.replace(recipe, **given)
