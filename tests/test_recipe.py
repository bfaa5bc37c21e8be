"""Recipes of shipped models: what is trained, drawn and measured anew where one of their numbers changes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import engine
from engine.settings import ProtocolSettings
from engine.shipping.learning import PLACES, learning_version, meaning
from engine.shipping.recipe import Recipe

ROOT = Path(engine.__file__).parent
RECIPE = Recipe(category="mug", training=100, unseen=20, samples=30)


def steps(recipe: Recipe) -> tuple[Any, ...]:
    return recipe.learned, recipe.drawn, recipe.evaluated, recipe.mixed, recipe.measured


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        ({"unseen": 40}, "nnyny"),
        ({"protocol": ProtocolSettings(grid=64)}, "nnyny"),
        ({"samples": 40}, "nyyyy"),
        ({"draw": 2}, "nyyyy"),
        ({"shown": 12}, "nnnyy"),
        ({"grid": 64}, "nnnny"),
        ({"mixes": 3}, "nnnny"),
        ({"training": 50}, "ynnnn"),
        ({"changes": ("fit.steps=10",)}, "ynnnn"),
        ({"seed": 3}, "ynnyy"),
    ],
)
def test_what_is_made_anew(change: dict[str, Any], anew: str) -> None:
    before, after = steps(RECIPE), steps(replace(RECIPE, **change))
    assert "".join("n" if one == other else "y" for one, other in zip(before, after, strict=True)) == anew


def test_all_that_there_are_is_another_number_of_shapes() -> None:
    every = replace(RECIPE, training=0, items=100)
    assert every.learned == replace(every, unseen=40).learned != replace(every, items=200).learned


def test_code_counts_for_what_it_does() -> None:
    source = 'def f(x):\n    """Words."""\n    return x + 1  # and more\n'
    assert (
        meaning(source)
        == meaning("# first\ndef f(x):\n    return (x + 1)\n")
        != meaning("def f(x):\n    return x + 2\n")
    )


def test_a_line_of_the_learning_code_is_another_version_and_a_remark_is_not(tmp_path: Path) -> None:
    for place in PLACES:
        own, copy = ROOT / place, tmp_path / place
        shutil.copytree(own, copy) if own.is_dir() else shutil.copy(own, copy)
    version = learning_version(tmp_path)
    assert version == learning_version()
    learn = tmp_path / "basis" / "learn.py"
    learn.write_text(learn.read_text("utf-8") + "# a remark\n", "utf-8")
    assert learning_version(tmp_path) == version
    learn.write_text(learn.read_text("utf-8") + "MORE = 1\n", "utf-8")
    assert learning_version(tmp_path) != version
