"""Positional encoding of points."""

import torch
from torch import Tensor


def encoded_size(dimensions: int, bands: int) -> int:
    """How many inputs a network gets for points of ``dimensions`` coordinates: 27 for 3 coordinates and 4 bands."""
    return dimensions * (1 + 2 * bands)


def encode(points: Tensor, bands: int) -> Tensor:
    """Coordinates followed by their sines and cosines, band by band, as published.

    points : (..., C) float32, C = 3, or 4 with time
    returns (..., C + 2*C*bands): [x, sin x, cos x, sin 2x, cos 2x, sin 4x, ...]; frequencies 2^b radians per unit, no pi
    (Mildenhall et al. 2020, eq. 4, as HyperDiffusion uses it).
    """
    columns = [points]
    for band in range(bands):
        scaled = points * float(2**band)
        columns += [scaled.sin(), scaled.cos()]
    return torch.cat(columns, -1)  # (..., C) -> (..., C + 2*C*bands)
