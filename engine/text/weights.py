"""Encoders of other people: a folder in the Hugging Face layout, its sizes, words and weights."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from engine.errors import InputError
from engine.foreign.load import open_foreign

CHUNK = 1 << 20


def text_of(path: Path) -> str:
    """A text file. Raises InputError when it is missing or is not text."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); fetch the folder again") from error


def json_of(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises InputError when it is missing or is none."""
    try:
        return msgspec.json.decode(text_of(path), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InputError(f"{path} is not a JSON object ({error}); fetch the folder again") from error


def sha256_of(path: Path) -> str:
    """Hex digest of a file. Raises InputError when it cannot be read."""
    total = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(CHUNK):
                total.update(piece)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); name a folder with model.safetensors") from error
    return total.hexdigest()


def number(config: Mapping[str, Any], key: str, usual: int) -> int:
    """A positive whole number of a configuration. Raises InputError for anything else."""
    value = config.get(key, usual)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"config.json: {key} = {value!r} is not a positive whole number; fetch the folder again")
    return value


def tensors_of(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The named tensors of a safetensors file as float32; others in the file are left alone.

    Raises InputError when one is missing, has another shape or has numbers that are not finite.
    """
    tensors = open_foreign(path).tensors
    found: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        tensor = tensors.get(name)
        if tensor is None or tuple(tensor.shape) != shape:
            have = "there is none" if tensor is None else f"it is {tuple(tensor.shape)}"
            raise InputError(
                f"{path}: {name} should be {shape} and {have}; config.json and weights do not belong together, or it is "
                "another kind of model"
            )
        found[name] = tensor.float().clone()  # not a map of a file that may go away
        if not torch.isfinite(found[name]).all():
            raise InputError(f"{path}: {name} has numbers that are not finite; fetch the file again")
    return found


def norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    """Of weight and bias of a layer norm."""
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def linear_shapes(name: str, outputs: int, inputs: int) -> dict[str, tuple[int, ...]]:
    """Of weight and bias of a linear layer."""
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


class Layers:
    """Linear layers and layer norms by the names of their tensors."""

    def __init__(self, tensors: Mapping[str, Tensor], eps: float) -> None:
        self.tensors, self.eps = tensors, eps

    def linear(self, name: str, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        return nn.functional.linear(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def norm(self, name: str, x: Tensor) -> Tensor:
        """(..., width) -> (..., width)."""
        weight = self.tensors[f"{name}.weight"]
        return nn.functional.layer_norm(x, weight.shape, weight, self.tensors[f"{name}.bias"], self.eps)

    def attend(self, names: Sequence[str], x: Tensor, heads: int, allowed: Tensor) -> Tensor:
        """Query, key and value by name, and the weighted values (B, L, width); ``allowed`` broadcasts to (B, heads, L, L)."""
        batch, length, width = x.shape
        q, k, v = (self.linear(name, x).view(batch, length, heads, width // heads).transpose(1, 2) for name in names)
        y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return y.transpose(1, 2).reshape(batch, length, width)
