"""CLIP's text tower (Radford et al. 2021) from a folder in the Hugging Face layout; a forward of our own."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor
from torch.nn.functional import gelu, normalize

from engine.errors import InputError
from engine.text.bpe import END, WORD_END, BytePairs
from engine.text.encoder import EncoderMark
from engine.text.weights import Layers, json_of, linear_shapes, norm_shapes, number, sha256_of, tensors_of, text_of

BATCH = 64  # texts encoded at once
NAMES = ("q_proj", "k_proj", "v_proj")


def quick_gelu(x: Tensor) -> Tensor:
    """x sigmoid(1.702 x), which OpenAI's weights were trained with."""
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "quick_gelu": quick_gelu,
    "gelu": gelu,
    "gelu_pytorch_tanh": partial(gelu, approximate="tanh"),
}


class ClipTextEncoder:
    """The vector of the end token, mapped to the space that pictures and texts share, of length 1. Frozen, on the CPU."""

    def __init__(self, folder: Path) -> None:
        """folder : config.json, vocab.json, merges.txt, model.safetensors; the vision tower in it is not read.

        Raises InputError when the folder is not one of a CLIP model with a text projection.
        """
        path = folder / "model.safetensors"
        self._hash = sha256_of(path)
        whole = json_of(folder / "config.json")
        config: Mapping[str, Any] = whole.get("text_config", whole)
        if not str(config.get("model_type", whole.get("model_type", ""))).startswith("clip"):
            raise InputError(f"{folder}: config.json is of {config.get('model_type')!r}, not of a CLIP model")
        activation = config.get("hidden_act", "quick_gelu")
        if activation not in ACTIVATIONS:
            raise InputError(f"{folder}: config.json: hidden_act {activation!r}; known are {', '.join(ACTIVATIONS)}")
        self._activation = ACTIVATIONS[activation]
        width, self._heads = number(config, "hidden_size", 512), number(config, "num_attention_heads", 8)
        self._layers, inner = number(config, "num_hidden_layers", 12), number(config, "intermediate_size", 2048)
        words, self._most = number(config, "vocab_size", 49408), number(config, "max_position_embeddings", 77)
        self._dim = number(whole, "projection_dim", number(config, "projection_dim", 512))
        if width % self._heads:
            raise InputError(f"{folder}: config.json cuts {width} numbers into {self._heads} heads")
        try:
            vocabulary = msgspec.json.decode(text_of(folder / "vocab.json"), type=dict[str, int])
        except msgspec.DecodeError as error:
            raise InputError(
                f"{folder}: vocab.json is not words with numbers ({error}); fetch the folder again"
            ) from error
        if any(not 0 <= value < words for value in vocabulary.values()):
            raise InputError(f"{folder}: vocab.json has numbers beyond the {words} that config.json says")
        self._tokens = BytePairs(vocabulary, text_of(folder / "merges.txt").split("\n"))
        self._end = vocabulary[END]
        self._tensors = tensors_of(path, _shapes(width, inner, self._layers, words, self._most, self._dim))
        self._net = Layers(self._tensors, float(config.get("layer_norm_eps", 1e-5)))

    @property
    def mark(self) -> EncoderMark:
        """Of its weights."""
        return EncoderMark("clip", self._hash[:16], self._dim)

    @property
    def id(self) -> str:
        """``mark.id``."""
        return self.mark.id

    @property
    def dim(self) -> int:
        """512 of ViT-B/32, 768 of ViT-L/14."""
        return self._dim

    @property
    def spelled(self) -> Collection[str]:
        """The whole words among its tokens."""
        return frozenset(one.removesuffix(WORD_END) for one in self._tokens.number if one.endswith(WORD_END))

    def encode(self, texts: Sequence[str]) -> Tensor:
        """(B, dim) float32, each row of length 1."""
        rows = [self._pooled(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]
        return torch.cat(rows) if rows else torch.zeros(0, self._dim)

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(B, L, width) float32 before the projection and (B, L) bool, with start and end; L is the longest text's."""
        return self._forward(texts)

    def _pooled(self, texts: Sequence[str]) -> Tensor:
        x, there = self._forward(texts)
        last = x[torch.arange(len(x)), there.sum(1) - 1]  # (B, width) of the end token
        return normalize(last @ self._tensors["text_projection.weight"].T, dim=-1)

    def _forward(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Last vectors (B, L, width), and which of them are tokens of the text (B, L). Each sees only those before it."""
        rows = [self._tokens.ids(text, self._most) for text in texts]
        longest = max(map(len, rows), default=0)
        ids = torch.tensor([row + [self._end] * (longest - len(row)) for row in rows])
        there = torch.tensor([[i < len(row) for i in range(longest)] for row in rows])
        past = torch.ones(longest, longest, dtype=torch.bool).tril()
        net, tables = self._net, self._tensors
        with torch.no_grad():
            x = tables[f"{EMBED}.token_embedding.weight"][ids] + tables[f"{EMBED}.position_embedding.weight"][:longest]
            for i in range(self._layers):
                at = f"text_model.encoder.layers.{i}"
                y = net.norm(f"{at}.layer_norm1", x)
                y = net.attend([f"{at}.self_attn.{one}" for one in NAMES], y, self._heads, past)
                x = x + net.linear(f"{at}.self_attn.out_proj", y)
                y = self._activation(net.linear(f"{at}.mlp.fc1", net.norm(f"{at}.layer_norm2", x)))
                x = x + net.linear(f"{at}.mlp.fc2", y)
            x = net.norm("text_model.final_layer_norm", x)
        return x, there


EMBED = "text_model.embeddings"


def _shapes(width: int, inner: int, layers: int, words: int, places: int, dim: int) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the tensors of the text tower."""
    shapes: dict[str, tuple[int, ...]] = {
        f"{EMBED}.token_embedding.weight": (words, width),
        f"{EMBED}.position_embedding.weight": (places, width),
        "text_projection.weight": (dim, width),
    }
    shapes |= norm_shapes("text_model.final_layer_norm", width)
    for i in range(layers):
        at = f"text_model.encoder.layers.{i}"
        for one in (*NAMES, "out_proj"):
            shapes |= linear_shapes(f"{at}.self_attn.{one}", width, width)
        shapes |= linear_shapes(f"{at}.mlp.fc1", inner, width) | linear_shapes(f"{at}.mlp.fc2", width, inner)
        shapes |= norm_shapes(f"{at}.layer_norm1", width) | norm_shapes(f"{at}.layer_norm2", width)
    return shapes
