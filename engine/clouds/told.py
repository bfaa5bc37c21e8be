"""What training is told of items: their captions, as texts and as numbers of words."""

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.rows import ItemRow
from engine.text.captions import caption, phrasings
from engine.text.vocabulary import Vocabulary


class Told:
    """Captions of items as numbers of words."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def told(self, items: Sequence[ItemRow], keys: Sequence[int]) -> Tensor:
        """(B, L) int64: another caption of the item for each key."""
        texts = [caption_of(item, key) for item, key in zip(items, keys, strict=True)]
        return torch.from_numpy(self.vocabulary.ids(texts))


def captioned(item: ItemRow) -> bool:
    """Whether captions of an item are made from its category and attributes; else it brought its own."""
    return item.kind == "procedural" or not item.captions


def caption_of(item: ItemRow, key: int) -> str:
    """A caption of an item: of procedural ones by their attributes, else one of its own, or its category."""
    if captioned(item):
        return caption(item.category, item.attributes, key)
    return item.captions[key % len(item.captions)]


def captions_of(item: ItemRow, most: int) -> tuple[str, ...]:
    """At least one and at most ``most`` different captions of an item, always the same ones."""
    if captioned(item):
        return phrasings(item.category, item.attributes, most)
    return tuple(dict.fromkeys(item.captions))[:most]
