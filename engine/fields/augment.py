"""Augmentations of rows of weights while a denoiser trains on them, as published; all off by default."""

import torch
from torch import Tensor

from engine.fields.weights import banks, layer_views
from engine.layout import Layout
from engine.settings import TrainSettings


def augment(weights: Tensor, layout: Layout, settings: TrainSettings, generator: torch.Generator) -> Tensor:
    """Weights (B, D) with ``settings.interpolate``, ``.permute`` and ``.jitter`` applied, in this order.

    ``generator`` is on the CPU. Blends come first: between rows with differently ordered units they would be nonsense.
    """
    if settings.interpolate:
        chosen = torch.rand(len(weights), generator=generator) < settings.interpolate
        weights = interpolate(weights, chosen.to(weights.device), generator)
    if settings.permute:
        chosen = torch.rand(len(weights), generator=generator) < settings.permute
        weights = permute(weights, layout, chosen.to(weights.device), generator)
    return jitter(weights, settings.jitter, generator) if settings.jitter else weights


def permute(weights: Tensor, layout: Layout, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Rows (B, D) of which those ``chosen`` (B,) have the units of every hidden layer in a random order; same fields."""
    moved = weights.clone()
    for bank in banks(layout):
        rows = weights[:, bank.span].reshape(len(weights) * bank.number, -1)
        order = None
        result = rows.clone()
        for (weight, bias), (new_weight, new_bias) in zip(
            layer_views(rows, bank.shapes), layer_views(result, bank.shapes), strict=True
        ):
            if order is not None:  # inputs follow the units of the layer before
                weight = weight.gather(2, order.unsqueeze(1).expand_as(weight))
            if weight.shape[1] > 1:
                noise = torch.rand(weight.shape[:2], generator=generator).to(weights.device)
                order = noise.argsort(1)  # (B*G, out)
                weight = weight.gather(1, order.unsqueeze(2).expand_as(weight))
                bias = bias.gather(1, order)
            new_weight.copy_(weight)
            new_bias.copy_(bias)
        moved[:, bank.span] = result.view(len(weights), -1)
    return torch.where(chosen.unsqueeze(1), moved, weights)


def jitter(weights: Tensor, size: float, generator: torch.Generator) -> Tensor:
    """Weights plus uniform noise in [0, ``size``), as published."""
    return weights + size * torch.rand(weights.shape, generator=generator).to(weights.device)


def interpolate(weights: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Rows (B, D) of which those ``chosen`` (B,) are blended with another row of the batch by an even random share."""
    other = torch.randperm(len(weights), generator=generator).to(weights.device)
    share = torch.rand(len(weights), 1, generator=generator).to(weights.device)
    return torch.where(chosen.unsqueeze(1), torch.lerp(weights, weights[other], share), weights)
