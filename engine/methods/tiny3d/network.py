"""Transformers over points: rows in, rows out, and no point has a place in the order of the others.

``PointTransformer`` is DiT (Peebles and Xie 2023) over one token per point and two more, for the noise step and the
caption. ``PublishedPoints`` is that of Tiny 3D Diffusion with its faults, and with the names of its weights.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from engine.errors import InputError
from engine.methods.tiny3d.settings import PointDenoiserSettings

EXTRA = 2  # tokens before those of the points: noise step, caption
FEATURES = 256  # of the noise step
WRITTEN_OUT = 1100  # tokens up to which a CPU's bfloat16 attention takes half the time of the fused one in training


def step_features(t: Tensor, count: int) -> Tensor:
    """(B,) noise steps of 1000 -> (B, count) cosines and sines (Vaswani et al. 2017), cosines first as published."""
    frequencies = 10_000 ** -(torch.arange(count // 2, device=t.device) / (count // 2))
    phase = t[:, None].float() * frequencies
    return torch.cat([phase.cos(), phase.sin()], 1)


def attend(x: Tensor, qkv: nn.Linear, out: nn.Linear, heads: int) -> Tensor:
    """Self-attention of tokens (B, T, width) -> (B, T, width)."""
    batch, tokens, width = x.shape
    q, k, v = qkv(x).view(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    if x.device.type == "cpu" and q.dtype == torch.bfloat16 and tokens <= WRITTEN_OUT:
        mixed = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1) @ v
    else:
        mixed = scaled_dot_product_attention(q, k, v)
    projected: Tensor = out(mixed.transpose(1, 2).reshape(batch, tokens, width))
    return projected


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Tokens (B, T, width) with shift and scale (B, width)."""
    return x * (1 + scale[:, None]) + shift[:, None]


class PointBlock(nn.Module):
    """Attention and MLP, each on normed tokens that the condition shifts and scales, behind gates that start at 0."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.modulation = nn.Linear(width, 6 * width)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Tokens (B, T, width), condition (B, width) behind its SiLU -> tokens."""
        shift, scale, gate, shift2, scale2, gate2 = self.modulation(told).chunk(6, 1)
        x = x + gate[:, None] * attend(modulated(self.norm(x), shift, scale), self.qkv, self.out, self.heads)
        done: Tensor = x + gate2[:, None] * self.mlp(modulated(self.norm(x), shift2, scale2))
        return done


class PointTransformer(nn.Module):
    """(B, P, channels) noised points, (B,) steps, (B, text) captions -> (B, P, channels). Any P; zeros at first."""

    def __init__(self, settings: PointDenoiserSettings, text: int, channels: int = 3) -> None:
        super().__init__()
        width = settings.width
        _check_heads(settings)
        self.enter = nn.Linear(channels, width)
        self.step = nn.Sequential(nn.Linear(FEATURES, width), nn.SiLU(), nn.Linear(width, width))
        self.caption = nn.Linear(text, width)
        self.blocks = nn.ModuleList(PointBlock(width, settings.heads) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.modulation = nn.Linear(width, 2 * width)
        self.leave = nn.Linear(width, channels)
        self.scale = 1000 / settings.timesteps
        self._start()

    def _start(self) -> None:
        """DiT's first weights: Xavier, small ones for the steps, zeros for all that modulates and for the output."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for layer in self.step:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.02)
        blocks = [block.modulation for block in self.blocks if isinstance(block, PointBlock)]
        for silent in (*blocks, self.modulation, self.leave):
            nn.init.zeros_(silent.weight)

    def forward(self, x: Tensor, t: Tensor, text: Tensor) -> Tensor:
        """See the class."""
        step, caption = self.step(step_features(self.scale * t, FEATURES)), self.caption(text)
        h = torch.cat([step[:, None], caption[:, None], self.enter(x)], 1)
        told = nn.functional.silu(step + caption)
        for block in self.blocks:
            h = block(h, told)
        shift, scale = self.modulation(told).chunk(2, 1)
        out: Tensor = self.leave(modulated(self.norm(h[:, EXTRA:]), shift, scale))
        return out


class PublishedBlock(nn.Module):
    """The original's block: norms with weights of their own, and gates that do not start at 0."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.layernorm1, self.layernorm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        middle = [nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Identity(), nn.Linear(4 * width, width)]
        self.mlp = nn.ModuleDict({"mlp": nn.Sequential(*middle)})
        self.msa = nn.ModuleDict({"to_qkv": nn.Linear(width, 3 * width), "proj_out": nn.Linear(width, width)})

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Tokens (B, T, width), condition (B, width) -> tokens."""
        shift, scale, gate, shift2, scale2, gate2 = self.adaLN_modulation(told).chunk(6, 1)
        qkv, out = self.msa["to_qkv"], self.msa["proj_out"]
        assert isinstance(qkv, nn.Linear)
        assert isinstance(out, nn.Linear)
        x = x + gate[:, None] * attend(modulated(self.layernorm1(x), shift, scale), qkv, out, self.heads)
        done: Tensor = x + gate2[:, None] * self.mlp["mlp"](modulated(self.layernorm2(x), shift2, scale2))
        return done


class PublishedPoints(nn.Module):
    """The same as `PointTransformer`, as published: its head shifts and scales the points by what they are themselves
    instead of by the condition, and by a scale around 0 instead of 1."""

    def __init__(self, settings: PointDenoiserSettings, text: int, channels: int = 3) -> None:
        super().__init__()
        width = settings.width
        _check_heads(settings)
        self.width = width
        self.x_embed = nn.Linear(channels, width)
        steps = nn.Sequential(nn.Linear(4 * width, width), nn.SiLU(), nn.Linear(width, width))
        self.t_embed = nn.ModuleDict({"mlp": steps})
        self.c_embed = nn.Linear(text, width)
        self.dit_blocks = nn.ModuleList(PublishedBlock(width, settings.heads) for _ in range(settings.layers))
        self.out_layer = nn.ModuleDict(
            {
                "layernorm": nn.LayerNorm(width),
                "adaLN_modulate": nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width)),
                "linear": nn.Linear(width, channels),
            }
        )
        for parameter in self.out_layer["linear"].parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, t: Tensor, text: Tensor) -> Tensor:
        """See `PointTransformer`."""
        step, caption = self.t_embed["mlp"](step_features(t, 4 * self.width)), self.c_embed(text)
        h = torch.cat([step[:, None], caption[:, None], self.x_embed(x)], 1)
        for block in self.dit_blocks:
            h = block(h, step + caption)
        h = self.out_layer["layernorm"](h[:, EXTRA:])
        shift, scale = self.out_layer["adaLN_modulate"](h).chunk(2, -1)
        out: Tensor = self.out_layer["linear"](scale * h + shift)
        return out


def network_of(settings: PointDenoiserSettings, text: int, channels: int = 3) -> PointTransformer | PublishedPoints:
    """The network that the settings name for points of so many numbers; ``text`` numbers tell it a caption. Raises
    InputError for what cannot be."""
    kind = PointTransformer if settings.network == "ours" else PublishedPoints
    return kind(settings, text, channels)


def parameters_of(settings: PointDenoiserSettings, text: int) -> int:
    """Number of trained parameters with the learned null caption, counted without memory for them."""
    with torch.device("meta"):
        network = network_of(settings, text)
    return text + sum(math.prod(parameter.shape) for parameter in network.parameters())


def _check_heads(settings: PointDenoiserSettings) -> None:
    if settings.width % settings.heads:
        raise InputError(
            f"width {settings.width} cannot be cut into {settings.heads} heads; choose a multiple of the heads"
        )
