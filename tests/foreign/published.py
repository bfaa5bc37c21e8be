"""Files in the layouts of other programs, and their networks written out plainly: what the importer is held against."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

State = OrderedDict[str, Tensor]


def save(path: Path, data: Any, legacy: bool = False) -> Path:
    torch.save(data, path, _use_new_zipfile_serialization=not legacy)  # noqa: TID251 other programs' format
    return path


def same(path: Path, other: Path) -> bool:
    """Both files hold the same state dict: keys, order, shapes, types, bytes, kind of dictionary and module versions."""
    a, b = (torch.load(p, map_location="cpu", weights_only=True) for p in (path, other))  # noqa: TID251 the other side
    while not all(isinstance(value, Tensor) for value in a.values()):
        key = next(key for key in ("state_dict", "model") if key in a)
        a, b = a[key], b[key]
    return (
        type(a) is type(b)
        and list(a) == list(b)
        and getattr(a, "_metadata", None) == getattr(b, "_metadata", None)
        and all(a[k].dtype == b[k].dtype and a[k].shape == b[k].shape for k in a)
        and all(a[k].contiguous().view(torch.uint8).equal(b[k].contiguous().view(torch.uint8)) for k in a)
    )


def network(widths: Sequence[int], seed: int = 0, prefix: str = "") -> State:
    """A state dict of linear layers with the given widths, inputs first."""
    generator = torch.Generator().manual_seed(seed)
    state: State = OrderedDict()
    for i, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
        state[f"{prefix}layers.{i}.weight"] = torch.randn(outputs, inputs, generator=generator) * (2 / inputs) ** 0.5
        state[f"{prefix}layers.{i}.bias"] = torch.randn(outputs, generator=generator) * 0.1
    return state


def embedded(points: Tensor, octaves: int) -> Tensor:
    """The published embedder: the input, then for each frequency the sine and the cosine of all coordinates."""
    columns = [points]
    for frequency in 2.0 ** torch.linspace(0, octaves - 1, octaves):
        columns += [torch.sin(points * frequency), torch.cos(points * frequency)]
    return torch.cat(columns, -1)


def field(state: State, points: Tensor, octaves: int = 4, prefix: str = "") -> Tensor:
    """The published network: (P, 3) -> (P,) logits."""
    x = embedded(points, octaves)
    layers = sorted({key.removeprefix(prefix).split(".")[1] for key in state if key.startswith(f"{prefix}layers.")})
    for i in layers:
        x = F.linear(x, state[f"{prefix}layers.{i}.weight"], state[f"{prefix}layers.{i}.bias"])
        x = x if i == layers[-1] else F.relu(x)
    return x[:, 0]


def denoiser(sizes: Sequence[int], width: int, blocks: int, seed: int = 0) -> State:
    """A state dict in the key layout of the published Lightning files, with random numbers everywhere."""
    generator = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {"decoder.pos_emb": (1, len(sizes) + 1, width)}
    for i in range(blocks):
        block = f"decoder.blocks.{i}"
        for name in ("ln1", "ln2"):
            shapes |= {f"{block}.{name}.weight": (width,), f"{block}.{name}.bias": (width,)}
        for name in ("key", "query", "value", "proj"):
            shapes |= {f"{block}.attn.{name}.weight": (width, width), f"{block}.attn.{name}.bias": (width,)}
        shapes |= {f"{block}.mlp.0.weight": (4 * width, width), f"{block}.mlp.0.bias": (4 * width,)}
        shapes |= {f"{block}.mlp.2.weight": (width, 4 * width), f"{block}.mlp.2.bias": (width,)}
    for t, size in enumerate([*sizes, 257]):
        shapes[f"decoder.input_parameter_projections.{t}.0.weight"] = (width, size)
    for name in ("ln_in", "ln_f"):
        shapes |= {f"decoder.{name}.weight": (width,), f"decoder.{name}.bias": (width,)}
    for t, size in enumerate(sizes):
        shapes[f"decoder.output_parameter_projections.{t}.0.weight"] = (size, width)
    state: State = OrderedDict(
        (f"model.{key}", torch.randn(shape, generator=generator) * 0.3) for key, shape in shapes.items()
    )
    state["model.scalar_embedder.frequencies"] = 2 ** torch.linspace(0, 20, 128)
    return state


def denoised(state: State, x: Tensor, t: Tensor, heads: int, plain: bool) -> Tensor:
    """The published forward pass: (B, D), (B,) -> x0 (B, D). plain: attention by its formula, not torch's fused one."""
    s = {key.removeprefix("model."): value for key, value in state.items()}
    angle = t[:, None].float() * s["scalar_embedder.frequencies"]
    time = torch.cat([angle.sin(), angle.cos(), t[:, None].float()], 1)
    sizes = [v.shape[0] for k, v in s.items() if k.startswith("decoder.output_parameter_projections")]
    pieces = [*x.split(sizes, 1), time]
    tokens = [F.linear(p, s[f"decoder.input_parameter_projections.{i}.0.weight"]) for i, p in enumerate(pieces)]
    width = tokens[0].shape[1]

    def norm(h: Tensor, name: str) -> Tensor:
        return F.layer_norm(h, (width,), s[f"decoder.{name}.weight"], s[f"decoder.{name}.bias"])

    h = norm(torch.stack(tokens, 1), "ln_in") + s["decoder.pos_emb"]
    for i in range(sum(key.endswith("ln1.weight") for key in s)):

        def linear(h: Tensor, name: str, block: str = f"decoder.blocks.{i}") -> Tensor:
            return F.linear(h, s[f"{block}.{name}.weight"], s[f"{block}.{name}.bias"])

        g = norm(h, f"blocks.{i}.ln1")
        q, k, v = (
            linear(g, f"attn.{name}").unflatten(2, (heads, -1)).transpose(1, 2) for name in ("query", "key", "value")
        )
        if plain:
            y = torch.softmax(q @ k.transpose(2, 3) / (width // heads) ** 0.5, -1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v)
        h = h + linear(y.transpose(1, 2).flatten(2), "attn.proj")
        h = h + linear(F.gelu(linear(norm(h, f"blocks.{i}.ln2"), "mlp.0")), "mlp.2")
    h = norm(h, "ln_f")
    written = [F.linear(h[:, i], s[f"decoder.output_parameter_projections.{i}.0.weight"]) for i in range(len(sizes))]
    return torch.cat(written, 1)
