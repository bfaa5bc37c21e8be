"""Evaluation of field networks: many shapes and experts at once, and one shape quickly."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from engine.fields.encoding import encode
from engine.fields.weights import OMEGA, banks, layer_views, layout_parts
from engine.layout import Layout
from engine.settings import FieldSettings

EMPTY = -1e4  # logit of what is not there
ABSENT_BIAS = -8.0  # logit of the network that stands for an absent part


def network_logits(layers: Sequence[tuple[Tensor, Tensor]], activation: str, inputs: Tensor) -> Tensor:
    """Logits (M, P) of M equal networks, by (weight (M, out, in), bias (M, out)) of each layer, at encoded points (M, P, C).

    Differentiable.
    """
    hidden = inputs
    for i, (weight, bias) in enumerate(layers):
        hidden = torch.baddbmm(bias.unsqueeze(1), hidden, weight.transpose(1, 2))  # (M, P, in) -> (M, P, out)
        if i < len(layers) - 1:
            hidden = hidden.relu() if activation == "relu" else (OMEGA * hidden).sin()
    return hidden.squeeze(2)


def encoded_logits(weights: Tensor, layout: Layout, settings: FieldSettings, inputs: Tensor) -> Tensor:
    """Logits (N, K, P) at encoded points (N, P, C) that all experts of a shape share; differentiable."""
    logits = []
    for bank in banks(layout):
        rows = weights[:, bank.span].reshape(len(weights) * bank.number, -1)  # (N, G*d) -> (N*G, d)
        shared = inputs if bank.number == 1 else inputs.repeat_interleave(bank.number, 0)  # (N, P, C) -> (N*G, P, C)
        found = network_logits(layer_views(rows, bank.shapes), settings.activation, shared)
        logits.append(found.unflatten(0, (len(weights), bank.number)))  # (N*G, P) -> (N, G, P)
    return torch.cat(logits, 1)


def field_logits(weights: Tensor, layout: Layout, settings: FieldSettings, points: Tensor) -> Tensor:
    """Logits of every expert of N shapes.

    weights : (N, D) float32
    points : (N, P, C) float32, or (P, C) for the same points in all shapes; canonical space
    returns (N, K, P), K = 1 without parts; differentiable in weights and points
    """
    inputs = encode(points, settings.bands)
    if inputs.dim() == 2:
        inputs = inputs.expand(len(weights), -1, -1)
    return encoded_logits(weights, layout, settings, inputs)


def union_logits(logits: Tensor, present: Tensor | None = None) -> Tensor:
    """Field of the whole shape: the largest expert (N, K, P) -> (N, P); absent experts (``present`` (N, K)) do not count."""
    if present is not None:
        logits = logits.masked_fill(~present.unsqueeze(2), EMPTY)
    return logits.amax(1)


def absent_row(anchor: Tensor, layout: Layout) -> Tensor:
    """The row (D,) in which every part is absent: hidden layers of the anchor, last layer constantly ABSENT_BIAS."""
    row = anchor.clone()
    for slot, span in _last_layers(layout):
        row[span] = 0.0 if len(slot) == 2 else ABSENT_BIAS
    return row


def fill_absent(weights: Tensor, present: Tensor, anchor: Tensor, layout: Layout) -> Tensor:
    """Weights (N, D) whose absent experts, by ``present`` (N, K), are the fixed always-empty network."""
    empty = absent_row(anchor, layout)
    filled = weights.clone()
    for k, part in enumerate(layout_parts(layout)):
        for span in layout.spans_of(part):
            filled[:, span] = torch.where(present[:, k : k + 1], weights[:, span], empty[span])
    return filled


def presence(weights: Tensor, anchor: Tensor, layout: Layout) -> Tensor:
    """Which experts of (N, D) are there: (N, K) bool, (N, 1) of ones without parts.

    The last layer of each expert is projected on the line from the anchor to the always-empty network; beyond half way
    it counts as absent. So it also holds for generated weights, which are never exactly the stored network.
    """
    parts = layout_parts(layout)
    if not parts:
        return torch.ones(len(weights), 1, dtype=torch.bool, device=weights.device)
    empty = absent_row(anchor, layout)
    found = []
    for part in parts:
        spans = [span for name, span in zip(layout.slots, layout.spans, strict=True) if name.part == part][-2:]
        line = torch.cat([empty[span] - anchor[span] for span in spans])
        offset = torch.cat([weights[:, span] - anchor[span] for span in spans], 1)
        found.append(offset @ line < 0.5 * line.dot(line))
    return torch.stack(found, 1)


def _last_layers(layout: Layout) -> list[tuple[tuple[int, ...], slice]]:
    """Shape and span of the last weight and bias of each part."""
    both = list(zip(layout.slots, layout.spans, strict=True))
    return [
        (slot.shape, span)
        for part in layout_parts(layout)
        for slot, span in [pair for pair in both if pair[0].part == part][-2:]
    ]


class WeightField:
    """One shape as a function of points: ``field(points (P, 3)) -> (P,)`` logits, ``field.part(name)`` one expert alone.

    Works in pieces that fit the processor's cache, so the number of points is not bounded by memory.
    """

    def __init__(
        self, weights: Tensor, layout: Layout, settings: FieldSettings, present: Sequence[bool] | Tensor | None = None
    ):
        """weights : (D,) of one shape; present : (K,), all when None."""
        names = layout_parts(layout)
        there = [True] * max(1, len(names)) if present is None else [bool(flag) for flag in present]
        self.parts = tuple(name for name, flag in zip(names, there, strict=False) if flag)
        self._settings = settings
        self._device = weights.device
        self._experts: list[list[tuple[Tensor, Tensor]]] = []
        for bank in banks(layout):
            rows = weights[bank.span].reshape(bank.number, -1)
            layers = layer_views(rows, bank.shapes)
            for g in range(bank.number):
                if there[bank.experts.start + g]:
                    self._experts.append([(weight[g].T.contiguous(), bias[g].contiguous()) for weight, bias in layers])

    def __call__(self, points: Tensor) -> Tensor:
        """Logits (P,) of the whole shape at points (P, 3) float32."""
        return self._evaluate(points, self._experts)

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        """The field of one present part."""
        experts = [self._experts[self.parts.index(name)]]
        return lambda points: self._evaluate(points, experts)

    @torch.no_grad()
    def _evaluate(self, points: Tensor, experts: list[list[tuple[Tensor, Tensor]]]) -> Tensor:
        piece = 2048 if self._device.type == "cpu" else 1 << 20
        logits = torch.full((len(points),), EMPTY, device=self._device)
        for start in range(0, len(points), piece):
            inputs = encode(points[start : start + piece].to(self._device), self._settings.bands)
            for layers in experts:
                out = logits[start : start + piece]
                torch.maximum(out, self._forward(inputs, layers), out=out)
        return logits

    def _forward(self, hidden: Tensor, layers: list[tuple[Tensor, Tensor]]) -> Tensor:
        for weight, bias in layers[:-1]:
            hidden = torch.addmm(bias, hidden, weight)
            hidden = hidden.relu_() if self._settings.activation == "relu" else hidden.mul_(OMEGA).sin_()
        weight, bias = layers[-1]
        return torch.mv(hidden, weight[:, 0]).add_(bias)
