"""The encoder that needs no weights from elsewhere: it learns from the captions, together with the denoiser."""

import math
from collections.abc import Collection, Sequence

import msgspec
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize, scaled_dot_product_attention

from engine.errors import InputError
from engine.storage import digest
from engine.text.encoder import EncoderMark
from engine.text.settings import MOST_WORDS, WordSettings
from engine.text.vocabulary import FIRST, PADDING, Vocabulary

PRIME = 1_000_003  # spreads pairs of words over the rows that they share


class WordBlock(nn.Module):
    """x += Attention(LN(x)) over the words that are there; x += MLP(LN(x)), twice as wide with GELU."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """x (B, L, width), there (B, L) bool -> (B, L, width)."""
        batch, length, width = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None, :])  # (B, heads, L, width / heads)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, width))
        out: Tensor = x + self.mlp(self.ln2(x))
        return out


class WordNetwork(nn.Module):
    """A bag of words and of pairs of neighbours, and a small transformer over them, both behind one linear map.

    The bag alone tells "no arms" from "arms"; the transformer tells what belongs to what. Its sizes follow from its
    settings alone; which word has which number is the `Vocabulary`'s business.
    """

    def __init__(self, settings: WordSettings) -> None:
        super().__init__()
        if settings.width % settings.heads:
            raise InputError(
                f"a width of {settings.width} cannot be cut into {settings.heads} heads; choose a multiple"
            )
        self.settings, width = settings, settings.width
        self.word = nn.Embedding(FIRST + settings.words, width)
        self.pair = nn.Embedding(settings.bigrams, width)
        self.place = nn.Parameter(torch.zeros(MOST_WORDS, width))
        self.blocks = nn.ModuleList(WordBlock(width, settings.heads) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(2 * width)
        self.head = nn.Linear(2 * width, settings.dim)
        self.facts = nn.Linear(settings.dim, settings.facts) if settings.facts else None
        for table in (self.word, self.pair):
            nn.init.normal_(table.weight, 0.0, 0.5)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, L) int64 numbers of words, L at most MOST_WORDS -> (B, dim) of length 1, with gradients."""
        words, tokens, there = self.tokens(ids)
        share = there.float() / there.sum(1, keepdim=True).clamp(min=1)
        pooled = torch.cat([torch.einsum("bl,blw->bw", share, x) for x in (words, tokens)], -1)
        return normalize(self.head(self.norm(pooled)), dim=-1)

    def facts_told(self, vectors: Tensor) -> Tensor:
        """(B, F) how likely each fact is of what a caption (B, dim) of `forward` is about; F = 0 where none are learned."""
        if self.facts is None:
            return vectors.new_zeros(len(vectors), 0)
        guess: Tensor = self.facts(math.sqrt(vectors.shape[1]) * vectors)
        return guess.sigmoid()

    def misread(self, vectors: Tensor, facts: Tensor) -> Tensor:
        """How badly the facts of shapes are told from their captions: the mean binary cross-entropy, a scalar.

        vectors : (B, dim) of `forward`; facts : (B, F) 1 true, 0 false, -1 nothing that such a shape could be. What a caption
        does not say is learned as how likely it is.
        """
        if self.facts is None or not facts.shape[1]:
            return vectors.new_zeros(())
        guess = self.facts(math.sqrt(vectors.shape[1]) * vectors)[:, : facts.shape[1]]
        known = (facts >= 0).to(guess)
        error = binary_cross_entropy_with_logits(guess, facts.clamp(min=0).to(guess), known, reduction="sum")
        return error / known.sum().clamp(min=1)

    def tokens(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Words with their pairs, and what the transformer makes of them, (B, L, width) each; (B, L) bool which are there."""
        there = ids != PADDING
        before = nn.functional.pad(ids, (1, 0))[:, :-1]
        words = self.word(ids) + self.pair((before * PRIME + ids) % self.settings.bigrams)
        x = words + self.place[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, there)
        return words, x, there


class WordEncoder:
    """A network that has learned, with the vocabulary that it learned: a `TextEncoder`.

    Words that are not in the vocabulary share one vector: ask `Vocabulary.unknown`, or correct them with `spelling.check`.
    Raises InputError for more words than the network has room for.
    """

    def __init__(self, vocabulary: Vocabulary, network: WordNetwork) -> None:
        if len(vocabulary) > len(network.word.weight):
            raise InputError(
                f"the captions have {len(vocabulary.words)} words, the encoder has room for {network.settings.words}; give "
                "it more (words), or use fewer different captions"
            )
        self.vocabulary, self.network = vocabulary, network

    @property
    def mark(self) -> EncoderMark:
        """Of vocabulary and sizes: the weights are the model's own."""
        sizes = msgspec.json.encode(self.network.settings)
        return EncoderMark("words", digest(self.vocabulary.hash.encode() + sizes), self.dim)

    @property
    def id(self) -> str:
        """``mark.id``."""
        return self.mark.id

    @property
    def dim(self) -> int:
        """Numbers of a text's vector."""
        return self.network.settings.dim

    @property
    def spelled(self) -> Collection[str]:
        """The words of its captions."""
        return self.vocabulary.words

    def encode(self, texts: Sequence[str]) -> Tensor:
        """(B, dim) float32, each row of length 1."""
        vectors: Tensor = self.network(self._ids(texts))
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(B, MOST_WORDS, width) and (B, MOST_WORDS) bool."""
        return self.network.tokens(self._ids(texts))[1:]

    def _ids(self, texts: Sequence[str]) -> Tensor:
        return torch.from_numpy(self.vocabulary.ids(texts)).to(self.network.place.device)
