"""Items as clouds of points: nothing is learned but which words their captions have."""

from collections.abc import Sequence

import msgspec
import numpy as np
import torch
from torch import Tensor

import engine.clouds.writing  # noqa: F401, how clouds are written and drawn
from engine.clouds.cloud import PointCloud
from engine.clouds.encoded import Encoded, encode_captions
from engine.clouds.pool import AXES, MIDDLE, CloudSet, make_pool
from engine.clouds.told import Facts, Told, captioned, facts_in, facts_of
from engine.errors import InputError
from engine.geometry.export.scene import to_linear
from engine.method import Data, Representation, Shapes, Workspace
from engine.methods.tiny3d.settings import Tiny3dSettings
from engine.protocol import Note, Progress, Stage
from engine.text.captions import vocabulary_of_captions
from engine.text.encoder import require
from engine.text.opening import ROOM, mark_as_bytes, mark_from_bytes, opening
from engine.text.settings import TextSettings
from engine.text.vocabulary import Vocabulary

BYTES = 16  # room for a word in the model's file, on average


class CloudRepresentation(Representation):
    """Rows of P points, whatever P is, of ``width`` numbers each.

    words : the vocabulary as JSON, so that it is saved with the model
    facts : of the items, once they are encoded, where captions tell any
    encoder : mark of the encoder of captions as JSON, only where it is not the model's own
    """

    ordered = False
    words: Tensor  # (BYTES * words,) uint8
    encoder: Tensor  # (ROOM,) uint8

    def __init__(self, settings: Tiny3dSettings) -> None:
        super().__init__()
        self.settings = settings
        self.facts: Facts | None = None
        self.register_buffer("words", torch.zeros(BYTES * settings.text.words, dtype=torch.uint8))
        if settings.text.encoder != "words":
            self.register_buffer("encoder", torch.zeros(ROOM, dtype=torch.uint8))

    @property
    def width(self) -> int:
        """Numbers of a point in a row, see `CloudSettings.width`."""
        return self.settings.fit.width

    def fit(self, data: Data, work: Workspace) -> Stage[None]:
        """Learn the words that captions of the items can have, and no others, so that it is known what was never said.

        Raises InputError for settings of the model's own encoder of captions where that is another.
        """
        _check_reader(self.settings.text)
        learned, known = self.settings.text.facts, len(facts_in(data.items))
        if 0 < learned < known:
            said = f"{learned:,} of the {known:,} facts that captions could tell of the items are learned"
            yield Note(text=f"{said}; set text.facts={known} for all", warning=True)
        yield Progress(stage="words", done=0, total=1)
        brought = [text for item in data.items if not captioned(item) for text in item.captions]
        own = [text for text in (*brought, *{item.category for item in data.items}) if text]
        made = tuple(sorted({item.category for item in data.items if captioned(item)}))
        found = dict.fromkeys((*vocabulary_of_captions(made).words, *(Vocabulary.of(own).words if own else ())))
        most = self.settings.text.words
        if len(found) > most:
            text = f"the captions have {len(found):,} words and the model has room for {most:,}; set text.words"
            yield Note(text=text, warning=True)
        self.vocabulary = Vocabulary(tuple(found)[:most])
        if self.settings.text.encoder != "words":
            encoder = yield from opening(self.settings.text)
            self.encoder.copy_(mark_as_bytes(encoder.mark))

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
            yield from make_pool(data, own.points, own.pool, self.settings.seed, path, self.width)
        if self.settings.text.encoder == "words":
            text = self.settings.text
            self.facts = facts_of(data.items, text.facts) if text.facts else None
            return CloudSet(path, data.items, own.points, Told(self.vocabulary, text.shuffle), self.facts)
        captions = work.folder / "captions.safetensors"
        if not captions.exists():
            encoder = yield from opening(self.settings.text)
            require(mark_from_bytes(self.encoder), encoder)
            yield from encode_captions(data, encoder, self.settings.text.captions, captions)
        return CloudSet(path, data.items, own.points, Encoded(captions, mark_from_bytes(self.encoder)))

    def decode(self, shapes: Shapes) -> Sequence[PointCloud]:
        """The rows as points, with their colours where they have some."""
        rows = shapes.latent.detach().cpu().float().unflatten(1, (-1, self.width)).numpy()
        points = [np.ascontiguousarray(cloud[:, :AXES]) for cloud in rows]
        if self.width == AXES:
            return [PointCloud(cloud) for cloud in points]
        shades = [to_linear(cloud[:, AXES:] + MIDDLE).astype(np.float32) for cloud in rows]
        return [PointCloud(cloud, own) for cloud, own in zip(points, shades, strict=True)]

    def meaning(self) -> str:
        """Coordinates mean the same to all, and so do colours."""
        return "points" if self.width == AXES else "coloured points"


def _check_reader(text: TextSettings) -> None:
    """Raise InputError where what only the model's own reader of captions learns is asked of another, which would be left
    out."""
    extra = [f"text.{name}=0" for name, value in (("facts", text.facts), ("shuffle", text.shuffle)) if value]
    if text.encoder != "words" and extra:
        raise InputError(
            f"{text.encoder} has learned to read elsewhere and is taught nothing more; set {' and '.join(extra)}, "
            "or text.encoder=words"
        )
