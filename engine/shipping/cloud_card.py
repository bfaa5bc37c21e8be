"""The card of the shipped model of clouds, and the card as a page."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from engine.datasets.procedural import VERSION
from engine.shapes import read_model_about
from engine.shipped import Fresh, ModelCard, Obedience, Score
from engine.shipping.card import score_of
from engine.shipping.cloud_scores import CloudScores
from engine.shipping.learning import CLOUD_PLACES, learning_version
from engine.shipping.page import BEST, NAMES, figures, written
from engine.shipping.recipe import LICENCE, CloudRecipe


def card_of_clouds(
    recipe: CloudRecipe,
    command: str,
    machine: str,
    model: Path,
    training: int,
    seconds: Mapping[str, float],
    found: CloudScores,
    tried: str,
) -> ModelCard:
    """The card of a packed model without what its files tell.

    training : shapes that it learned from; seconds : wall clock of steps on ``machine``, by the names of `make_clouds`
    """
    about = read_model_about(model)
    data = f"procedural generator, version {VERSION}"
    made = sum(value for name, value in seconds.items() if name.startswith("samples-"))
    trained = {name: value for name, value in sorted(seconds.items()) if name == "fit" or name.startswith("train-")}
    ranked = {"match": sum(value for name, value in seconds.items() if name.startswith("match-"))}
    return ModelCard(
        name=recipe.name,
        title="Clouds from words",
        method=recipe.method,
        categories=about.categories,
        parts=(),
        conditions={},
        data=data,
        generator=VERSION,
        learning=learning_version(places=CLOUD_PLACES),
        training=training,
        unseen=recipe.unseen * len(recipe.categories),
        settings=msgspec.to_builtins(about.settings),
        command=command,
        device=machine,
        seconds={step: round(value, 2) for step, value in ({"samples": made} | trained | ranked).items() if value},
        scores=tuple(score_of(row) for row in found.rows),
        verdicts={},
        verdicts_unseen={},
        obedience=tuple(
            Obedience(attribute=one.rule.name, yes=one.yes, yes_of=one.yes_of, no=one.no, no_of=one.no_of)
            for one in found.obeyed
        ),
        fresh=found.fresh,
        prompts=recipe.shown,
        drawn_again=0,
        tried=tried,
        origin=f"{recipe.method} model of {', '.join(recipe.categories)} shapes, from the {data}",
        licence=LICENCE,
        hash="",
        hashes={},
        size=0,
    )


def cloud_page(card: ModelCard) -> str:
    """The card as a page for people; every figure is the card's."""
    pictures = [
        f"![What it draws for prompts]({card.name}-shapes.webp)",
        "",
        "*The first cloud that it draws for each prompt, not chosen by hand.*",
    ]
    fresh = [] if card.fresh is None else _fresh(card.name, card.fresh)
    return written(card, pictures, [*_obedience(card), *_scores(card.scores), *fresh])


def _obedience(card: ModelCard) -> list[str]:
    if card.obeyed is None:
        return []
    total = sum(one.yes_of + one.no_of for one in card.obedience)
    return [
        "",
        "## Obedience",
        "",
        f"Of {total} prompts in words or sentences that it was never trained on {card.obeyed:.1%} are obeyed, attributes "
        "counting the same: the first cloud of each prompt is judged by rules of geometry, and half of the prompts ask for "
        "either answer, so chance is 50 %.",
        "",
        "| attribute | yes | no | obeyed |",
        "|---|---|---|---|",
        *(f"| {_row(one)} |" for one in card.obedience),
    ]


def _row(one: Obedience) -> str:
    return f"{one.attribute} | {one.yes} of {one.yes_of} | {one.no} of {one.no_of} | {one.share:.0%}"


def _scores(scores: tuple[Score, ...]) -> list[str]:
    return [
        "",
        "## Likeness",
        "",
        "Clouds drawn without guidance for captions of training shapes, against as many real shapes that it never saw, by "
        f"the Chamfer distance. Brackets are 95 % bootstrap intervals. {BEST}",
        "",
        "| category | shapes | MMD | coverage | 1-NNA | number |",
        "|---|---|---|---|---|---|",
        *(f"| {row.category} | {NAMES.get(row.kind, row.kind)} | {figures(row)} |" for row in scores),
    ]


def _fresh(name: str, found: Fresh) -> list[str]:
    return [
        "",
        "## Novelty",
        "",
        f"![Clouds and the nearest of what it learned from]({name}-nearest.webp)",
        "",
        f"The nearest training cloud of {found.clouds} clouds lies {found.drawn:.3g} away, by the median of the Chamfer "
        f"distance; that of as many real shapes that it never saw {found.unseen:.3g}. What copied would be much nearer.",
    ]
