"""Prompts that no model was trained on, each with what a shape must be to obey it."""

from dataclasses import dataclass
from random import Random
from typing import Any

from numpy.random import PCG64, Generator

from engine.datasets.procedural import airplane, car, chair, lamp, mug, seed_of, table
from engine.errors import InputError
from engine.metrics.obedience import RULES, Rule
from engine.storage import seed_of as stream
from engine.text.captions import Phrasing, said
from engine.text.phrases import Value, phrases

PLANS: dict[str, Any] = {"airplane": airplane, "car": car, "chair": chair, "lamp": lamp, "mug": mug, "table": table}
FIRST_SEED = 2**31  # of the shapes that prompts are about: generated items have smaller ones
TRIES = 2000
PHRASINGS: tuple[Phrasing, ...] = ("pattern", "held")


@dataclass(frozen=True)
class Prompt:
    """A text, and the answer that `rule` must give of what is made for it.

    phrasing : "pattern", known words in a sentence pattern never trained on, or "held", new words too
    """

    text: str
    rule: Rule
    wanted: bool
    phrasing: Phrasing


def attributes_of(category: str, seed: int) -> dict[str, str | int | bool]:
    """The attributes of the procedural shape of this seed, without making it. Raises InputError for another category."""
    if category not in PLANS:
        raise InputError(f"no procedural category is called {category!r}; choose one of {', '.join(PLANS)}")
    plans = PLANS[category]
    attributes: dict[str, str | int | bool] = plans.words(plans.draw(Generator(PCG64(seed_of(category, seed)))))[0]
    return attributes


def seeds_of(rule: Rule, wanted: bool, count: int, first: int) -> list[int]:
    """Seeds from ``first`` on of shapes that a rule must answer ``wanted`` of, found without making them."""
    found: list[int] = []
    for seed in range(first, first + TRIES * count):
        if rule.truth(attributes_of(rule.category, seed)) is wanted:
            found.append(seed)
            if len(found) == count:
                return found
    raise InputError(f"{rule.name}: only {len(found)} of {TRIES * count} shapes are of that kind; ask for fewer")


def held_out(count: int = 200, seed: int = 0) -> list[Prompt]:
    """``count`` different prompts that are never training captions: rules, wanted answers and phrasings take turns.

    200 are 8 for each of 25 rules: 4 with either answer, of which 2 in known words and 2 in new ones. The same seed gives
    the same prompts. Raises InputError when a rule cannot be asked for that often.
    """
    found: dict[str, Prompt] = {}
    for i in range(count):
        turn, rule = i // len(RULES), RULES[i % len(RULES)]
        wanted, phrasing = turn % 2 == 0, PHRASINGS[turn // 2 % 2]
        for attempt in range(TRIES):
            prompt = prompt_for(rule, wanted, phrasing, Random(stream("held-out prompt", seed, i, attempt)))
            if prompt is not None and prompt.text not in found:
                found[prompt.text] = prompt
                break
        else:
            raise InputError(f"{rule.name} cannot be asked for in {count} different prompts; ask for fewer")
    return list(found.values())


def prompt_for(rule: Rule, wanted: bool, phrasing: Phrasing, rng: Random) -> Prompt | None:
    """A prompt about a random shape, if it has the wanted answer: it says the judged value and what `rule.told` names."""
    attributes = attributes_of(rule.category, FIRST_SEED + rng.randrange(2**30))
    if rule.truth(attributes) is not wanted:
        return None
    facts = phrases()[rule.category].said(attributes)
    chosen = {name: facts[name][0] for name in rule.told} | {
        rule.attribute: _broadest(facts[rule.attribute], rule, wanted)
    }
    type_ = chosen.pop("type", None)
    nouns = [] if type_ is None else (type_.held if phrasing == "held" else type_).noun
    noun = rng.choice(nouns) if nouns else ""
    return Prompt(said(rule.category, list(chosen.values()), rng, phrasing, noun), rule, wanted, phrasing)


def _broadest(values: list[Value], rule: Rule, wanted: bool) -> Value:
    """ "several shades" rather than "three shades" where the rule's answer is the same for all that it stands for."""
    same = {*(rule.yes if wanted else rule.no)}
    return next((value for value in values if value.of and same.issuperset(value.of)), values[0])
