"""A change of coordinates in which the first layer learns evenly: the encoding is nearly collinear, whitened it is not."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from engine.fields.encoding import encode, encoded_size
from engine.fields.weights import layer_views


class Whitening(NamedTuple):
    """``(inputs - centre) @ scale`` has about unit covariance over the cube; scale is symmetric."""

    centre: Tensor  # (C,)
    scale: Tensor  # (C, C)
    inverse: Tensor  # (C, C)

    def apply(self, inputs: Tensor) -> Tensor:
        """Encoded points (..., C) in whitened coordinates."""
        return (inputs - self.centre) @ self.scale


@lru_cache
def whitening(dimensions: int, bands: int, damping: float, device: torch.device) -> Whitening:
    """Whitening of the encoding of points spread evenly in the cube.

    It depends on no shape, so it is the same for all. ``damping`` bounds the gain by 1/damping, which keeps the folded
    weights small; 0 means no whitening.
    """
    size = encoded_size(dimensions, bands)
    if damping == 0:
        eye = torch.eye(size, device=device)
        return Whitening(torch.zeros(size, device=device), eye, eye)
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(1 << 14, dimensions, generator=generator, dtype=torch.float64) - 0.5
    inputs = encode(points, bands)
    values, vectors = torch.linalg.eigh(torch.cov(inputs.T))
    gains = (values.clamp_min(0) + damping**2).sqrt()
    parts = (inputs.mean(0), (vectors / gains) @ vectors.T, (vectors * gains) @ vectors.T)
    return Whitening(*(part.float().to(device) for part in parts))


def into_whitened(rows: Tensor, shapes: tuple[tuple[int, int], ...], space: Whitening) -> Tensor:
    """Networks (M, d) on encoded points -> the same functions on whitened points."""
    moved = rows.clone()
    (weight, bias), (old, _) = layer_views(moved, shapes)[0], layer_views(rows, shapes)[0]
    weight.copy_(old @ space.inverse)
    bias.add_(old @ space.centre)
    return moved


def from_whitened(rows: Tensor, shapes: tuple[tuple[int, int], ...], space: Whitening) -> Tensor:
    """Inverse of ``into_whitened``."""
    moved = rows.clone()
    (weight, bias), (old, _) = layer_views(moved, shapes)[0], layer_views(rows, shapes)[0]
    weight.copy_(old @ space.scale)
    bias.sub_(weight @ space.centre)
    return moved
