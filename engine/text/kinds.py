"""What kind of thing a prompt is about: its noun, without what it says of it, and what means nothing there. No torch."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from engine.text.captions import article, vocabulary_of_captions
from engine.text.phrases import phrases
from engine.text.prompts import words_of
from engine.text.spelling import POLITE, recognised

SILENT = POLITE - {"one"}  # one engine is no two
COUNTS = {
    "pair": "two",
    "twin": "two",
    "single": "one",
}  # numbers said in other words, which captions of some kinds have


class Kind(NamedTuple):
    """A noun of a procedural category or one of its types, and which words of a text are it, from ``start`` to ``end``."""

    start: int
    end: int
    noun: str
    category: str


def kind_said(text: str, known: Collection[str]) -> str:
    """The bare kind that a text names: "a travel mug" of "my travel mug needs a lid"; "" where it names none.

    known : the words that the model has learned; nouns of others mean nothing to it
    """
    kind = _kind(text, known)
    return f"{article(kind.noun)} {kind.noun}" if kind else ""


def words_heard(text: str, known: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The words of a text that tell a model something, and its strange words, each once, which do not: no caption of the
    category that it names has them. Words that say nothing of a shape fall away too, and a strange pair is two.

    "classic" makes a car of a chair: it was said of cars alone, so of chairs it means nothing. "its" makes boxes, as captions
    have it in "a box for its load". A model that has learned other captions than those of procedural shapes hears them all.
    """
    words, kind = words_of(text), _kind(text, known)
    if not _words().issuperset(known):
        return " ".join(words), ()
    own = _words((kind.category,) if kind else None)
    words = [word if recognised(word, own) else COUNTS.get(word, word) for word in words]
    words = [word for word in words if word not in SILENT]
    strange = tuple(dict.fromkeys(word for word in words if not recognised(word, own)))
    return " ".join(word for word in words if word not in strange), strange


def told_strange(words: Sequence[str]) -> str:
    """What to tell a person about `strange_words`; "" where there are none."""
    return f"{', '.join(words)} left out, as no caption of such a thing has it" if words else ""


def _kind(text: str, known: Collection[str]) -> Kind | None:
    """The first noun of a text, as long as it goes; of nouns that overlap the last ("a bedside table lamp" is a lamp)."""
    words, found = words_of(text), []
    for name, category in phrases().items():
        types = category.attributes.get("type", {}).values()
        for noun in (*category.noun, *(noun for value in types for noun in value.noun)):
            own = words_of(noun)
            places = [place for place in range(len(words)) if words[place : place + len(own)] == own]
            if places and all(word in known for word in own):
                found.append(Kind(places[0], places[0] + len(own), noun, name))
    if not found:
        return None
    first = min(found, key=lambda kind: (kind.start, -kind.end))
    while longer := [kind for kind in found if first.start < kind.start < first.end < kind.end]:
        first = max(longer, key=lambda kind: kind.end)
    return first


@lru_cache(16)
def _words(categories: tuple[str, ...] | None = None) -> frozenset[str]:
    return frozenset(vocabulary_of_captions(categories).words)
