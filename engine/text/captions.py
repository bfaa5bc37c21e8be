"""Captions of procedural shapes, made from their attributes: many phrasings to train with, others held out to test with.

A caption says some of what is true of a shape, never what is not; two of one shape may have no word in common. What is held
out is never said in training: sentence patterns, and other words for the same thing. No torch.
"""

from collections.abc import Mapping
from functools import lru_cache
from random import Random
from typing import Any, Literal

from engine.storage import seed_of
from engine.text.phrases import Phrases, Value, phrases
from engine.text.vocabulary import Vocabulary

Phrasing = Literal["known", "pattern", "held"]  # training; known words in a new pattern; new pattern and new words
MOST_FACTS = 5
TYPED = 0.6  # share of captions that name the type
PATTERNS = (
    "{a} {thing}{tail}", "{thing}{tail}", "{a} {thing}{list}", "{thing}{list}", "this {thing}{has}", "{a} {thing} that{has}",
    "a shape of {a} {thing}{tail}", "the {thing}{tail}",
)  # fmt: skip
HELD_PATTERNS = (
    "please make {a} {thing}{tail}", "I would like {a} {thing}{tail}", "{a} {thing} which{has}", "one {thing}{tail}, thanks",
    "my {thing} needs {needs}",
)  # fmt: skip


def caption(
    category: str, attributes: Mapping[str, Any], key: object, phrasing: Phrasing = "known", about: str = ""
) -> str:
    """A caption of a shape, the same for the same ``key`` (any value): a few facts in one of many ways.

    attributes : as the catalogue has them; those without words are not said. about : one of them that is always said,
    where it has words and is no type; "" = any. An unknown category is said as it is.
    """
    rng = Random(seed_of("caption", phrasing, category, key))
    if category not in phrases():
        return _pattern(rng, phrasing, category.replace("_", " ") or "shape", [], [])
    known = phrases()[category]
    facts = known.said(attributes)
    types = facts.pop("type", [])
    nouns = [noun for value in types for noun in _chosen(value, phrasing).noun] if rng.random() < TYPED else []
    names = rng.sample(sorted(facts), min(rng.randint(0 if nouns else 1, MOST_FACTS), len(facts)))
    if about in facts:
        # its own value: "two handles" rather than "a handle", which those with one have too
        facts[about] = facts[about][:1]
        names = [about, *(name for name in names if name != about)][:MOST_FACTS]
    return said(
        category, [rng.choice(facts[name]) for name in names], rng, phrasing, rng.choice(nouns) if nouns else ""
    )


def said(category: str, facts: list[Value], rng: Random, phrasing: Phrasing = "known", noun: str = "") -> str:
    """A sentence about a shape of a category that says these facts, in one of many ways; ``noun`` "" = any of its nouns."""
    known = phrases()[category]
    if not noun:
        noun = rng.choice(
            known.held.noun if phrasing == "held" and known.held.noun and rng.random() < 0.3 else known.noun
        )
    kinds: dict[str, list[str]] = {"adjective": [], "with": [], "without": []}
    for fact in facts:
        ways = _chosen(fact, phrasing).ways
        fit = [way for way in ways if way[0] != "adjective" or not kinds["adjective"]]
        if not fit:
            continue
        kind = rng.choice(sorted({way[0] for way in fit}))
        kinds[kind].append(rng.choice([phrase for one, phrase in fit if one == kind]))
    thing = " ".join([*kinds["adjective"], noun])
    return _pattern(rng, phrasing, thing, kinds["with"], kinds["without"])


def phrasings(category: str, attributes: Mapping[str, Any], count: int = 32) -> tuple[str, ...]:
    """At most ``count`` different training captions of a shape, always the same ones."""
    about = sorted(
        (name, str(value)) for name, value in attributes.items()
    )  # so that shapes differ in what is said of them
    return tuple(dict.fromkeys(caption(category, attributes, (about, i)) for i in range(count)))


@lru_cache(8)
def vocabulary_of_captions(categories: tuple[str, ...] | None = None) -> Vocabulary:
    """Every word that training captions of procedural shapes of these categories can have, None = of all; none that only
    held-out ones have."""
    known = {name: words for name, words in phrases().items() if categories is None or name in categories}
    said = [phrase for category in known.values() for phrase in category.noun]
    for category in known.values():
        said += [phrase for values in category.attributes.values() for value in values.values() for phrase in value]
    glue = [pattern.format(a="a an", thing="", tail="", list="", has="") for pattern in PATTERNS]
    return Vocabulary.of([*said, *glue, "with without and but no or has", *known])


def _chosen(value: Value, phrasing: Phrasing) -> Phrases:
    """The ways that a phrasing says a value: those held out where there are any, else the known ones."""
    return value.held if phrasing == "held" and (value.held.ways or value.held.noun) else value


def _pattern(rng: Random, phrasing: Phrasing, thing: str, with_: list[str], without: list[str]) -> str:
    """One sentence; ``thing`` "round table", ``with_`` ["a drawer"], ``without`` ["stretchers"]."""
    having = [*with_, *(f"no {_bare(one)}" for one in without)]
    patterns = [one for one in (PATTERNS if phrasing == "known" else HELD_PATTERNS) if having or "{has}" not in one]
    if not having:
        patterns = [one for one in patterns if "{needs}" not in one]
    tail = f" with {_joined(with_)}" if with_ else ""
    if without:
        tail += f"{' but' if with_ and rng.random() < 0.5 else ''} without {_joined(without, 'or')}"
    return rng.choice(patterns).format(
        a=article(thing),
        thing=thing,
        tail=tail,
        list="".join(f", {one}" for one in having),
        has=f" has {_joined(having)}",
        needs=_joined(having),
    )


def _joined(words: list[str], last: str = "and") -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


def _bare(words: str) -> str:
    """Without its article, as it stands after "no"."""
    return words.removeprefix("a ").removeprefix("an ").removeprefix("any ")


def article(words: str) -> str:
    """A or an."""
    first = words.split()[0] if words else ""
    return "an" if first[:1] in "aeiou" and not first.startswith("one") else "a"
