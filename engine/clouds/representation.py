"""Items as clouds of points: nothing is learned but which words their captions have."""

from collections.abc import Sequence

import msgspec
import numpy as np
import torch
from torch import Tensor

import engine.clouds.writing  # noqa: F401, how clouds are written and drawn
from engine.clouds.cloud import PointCloud
from engine.clouds.pool import CloudSet, make_pool
from engine.errors import InputError
from engine.method import Data, Representation, Shapes, Workspace
from engine.methods.tiny3d.settings import Tiny3dSettings
from engine.protocol import Note, Progress, Stage
from engine.rows import ItemRow
from engine.text.captions import caption, vocabulary_of_captions
from engine.text.vocabulary import Vocabulary

BYTES = 16  # room for a word in the model's file, on average


class CloudRepresentation(Representation):
    """Rows of 3 P coordinates, whatever P is. ``words`` : the vocabulary as JSON, so that it is saved with the model."""

    ordered = False
    words: Tensor  # (BYTES * words,) uint8

    def __init__(self, settings: Tiny3dSettings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("words", torch.zeros(BYTES * settings.text.words, dtype=torch.uint8))

    def fit(self, data: Data, work: Workspace) -> Stage[None]:
        """Learn the words that captions of the items can have, and no others, so that it is known what was never said."""
        yield Progress(stage="words", done=0, total=1)
        own = [text for item in data.items for text in (*item.captions, item.category) if text]
        made = tuple(sorted({item.category for item in data.items if captioned(item)}))
        found = dict.fromkeys((*vocabulary_of_captions(made).words, *(Vocabulary.of(own).words if own else ())))
        most = self.settings.text.words
        if len(found) > most:
            text = f"the captions have {len(found):,} words and the model has room for {most:,}; set text.words"
            yield Note(text=text, warning=True)
        self.vocabulary = Vocabulary(tuple(found)[:most])

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that the model knows."""
        text = bytes(self.words.cpu().tolist()).rstrip(b"\0")
        return Vocabulary(msgspec.json.decode(text, type=tuple[str, ...]) if text else ())

    @vocabulary.setter
    def vocabulary(self, known: Vocabulary) -> None:
        text = msgspec.json.encode(known.words)
        if len(text) > len(self.words):
            raise InputError("the words of the captions are too long to be kept; set a larger text.words")
        self.words.zero_()
        self.words[: len(text)] = torch.tensor(list(text), dtype=torch.uint8)

    def encode(self, data: Data, work: Workspace) -> Stage[CloudSet]:
        """The pool of the items, made once."""
        path, own = work.folder / "clouds.safetensors", self.settings.fit
        if not path.exists():
            yield from make_pool(data, own.points, own.pool, self.settings.seed, path)
        return CloudSet(path, data.items, own.points, Told(self.vocabulary))

    def decode(self, shapes: Shapes) -> Sequence[PointCloud]:
        """The rows as points."""
        points = shapes.latent.detach().cpu().float().unflatten(1, (-1, 3)).numpy()
        return [PointCloud(np.ascontiguousarray(cloud)) for cloud in points]

    def meaning(self) -> str:
        """Coordinates mean the same to all."""
        return "points"


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
