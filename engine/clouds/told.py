"""What training is told of items: their captions, as texts and as numbers of words."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from torch import Tensor

from engine.rows import ItemRow
from engine.text.captions import caption, phrasings
from engine.text.prompts import words_of
from engine.text.vocabulary import Vocabulary


class Told:
    """Captions of items as numbers of words; a share of them with the words in any order."""

    def __init__(self, vocabulary: Vocabulary, shuffle: float = 0.0) -> None:
        self.vocabulary, self.shuffle = vocabulary, shuffle

    def told(self, items: Sequence[ItemRow], keys: Sequence[int], about: Sequence[str] = ()) -> Tensor:
        """(B, L) int64: another caption of the item for each key. about : what each must name, see `caption_of`."""
        named = about or [""] * len(items)
        rows = zip(items, keys, named, strict=True)
        texts = [self._stirred(caption_of(item, key, name), key) for item, key, name in rows]
        return torch.from_numpy(self.vocabulary.ids(texts))

    def _stirred(self, text: str, key: int) -> str:
        rng = Random(key)
        if rng.random() >= self.shuffle:
            return text
        words = words_of(text)
        return " ".join(rng.sample(words, len(words)))


Fact = tuple[tuple[str, str], str]  # category and name of an attribute, and its value; ("", "") of the category itself


def facts_in(items: Sequence[ItemRow]) -> list[Fact]:
    """All facts of items: a category, or a value of an attribute (word, yes or no, whole number) of one, where items differ
    in it."""
    values: dict[tuple[str, str], set[str]] = {}
    for item in items:
        for name, value in _attributes(item).items():
            values.setdefault(name, set()).add(value)
    return [(name, value) for name in sorted(values) if len(values[name]) > 1 for value in sorted(values[name])]


@dataclass(frozen=True)
class Facts:
    """Facts of N items: their ``names``, and a ``table`` (N, F) int8, 1 where a fact is true, 0 where it is not, -1 where it
    means nothing."""

    names: tuple[Fact, ...]
    table: Tensor


def facts_of(items: Sequence[ItemRow], most: int) -> Facts:
    """Facts of items, the first ``most`` of `facts_in` them."""
    facts = facts_in(items)[:most]
    found = np.full((len(items), len(facts)), -1, np.int8)
    for row, item in enumerate(items):
        own = _attributes(item)
        found[row] = [-1 if name not in own else own[name] == value for name, value in facts]
    return Facts(tuple(facts), torch.from_numpy(found))


def _attributes(item: ItemRow) -> dict[tuple[str, str], str]:
    """Values by category and name; the category itself stands under ("", "")."""
    known = {
        (item.category, name): str(value) for name, value in item.attributes.items() if isinstance(value, str | int)
    }
    return {("", ""): item.category} | known


def captioned(item: ItemRow) -> bool:
    """Whether captions of an item are made from its category and attributes; else it brought its own."""
    return item.kind == "procedural" or not item.captions


def caption_of(item: ItemRow, key: int, about: str = "") -> str:
    """A caption of an item: of procedural ones by their attributes, of which it names ``about``, else one of its own, or its
    category."""
    if captioned(item):
        return caption(item.category, item.attributes, key, about=about)
    return item.captions[key % len(item.captions)]


def captions_of(item: ItemRow, most: int) -> tuple[str, ...]:
    """At least one and at most ``most`` different captions of an item, always the same ones."""
    if captioned(item):
        return phrasings(item.category, item.attributes, most)
    return tuple(dict.fromkeys(item.captions))[:most]
