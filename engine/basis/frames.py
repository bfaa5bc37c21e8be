"""The frame of a part: a leaning box in which every part of its name fills [-1, 1]^3, whatever its size and place.

An expert knows only its own frame, so it need not learn where a part stands, how large it is and how thin: a wing of two
hundredths fills its frame as a body does. A frame is 8 numbers: two skews, three numbers for the middle, three logarithms
of half sides. Axes stay axes, but y and z lean along x by the skews, and a mirrored part is folded at x = 0 first::

    x' = |x|,   local = ((x', y - skew_y x', z - skew_z x') - middle) / half
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NUMBERS = 8
SMALLEST = 0.002  # least half side, cube units: flat parts keep a thickness
STEADY = 1e-5  # variance of x below which nothing leans, cube units squared


def frame_of(
    points: NDArray[np.float64], corners: NDArray[np.float64], mirrored: bool, skew: bool
) -> NDArray[np.float64]:
    """The frame (8,) of one part.

    points : (P, 3) canonical, spread over the part, which say how it leans
    corners : (Q, 3) canonical, all of which its box encloses
    The skews are those of the regression on x, times its R^2: a part that leans nowhere in particular stays upright.
    """
    place, ends = folded(points, mirrored), folded(corners, mirrored)
    numbers = np.zeros(NUMBERS)
    if skew:
        away = place - place.mean(0)
        along = (away[:, 0] ** 2).mean()
        for axis in (1, 2):
            shared = (away[:, 0] * away[:, axis]).mean()
            straight = shared**2 / (along * (away[:, axis] ** 2).mean() + 1e-12)
            numbers[axis - 1] = shared / (along + STEADY) * straight
    ends = ends - np.stack([np.zeros(len(ends)), *(numbers[i] * ends[:, 0] for i in (0, 1))], 1)
    low, high = ends.min(0), ends.max(0)
    numbers[2:5], numbers[5:] = (low + high) / 2, np.log(np.maximum((high - low) / 2, SMALLEST))
    return numbers


def folded(points: NDArray[np.float64], mirrored: bool) -> NDArray[np.float64]:
    """Points (P, 3) with x >= 0, where a part is its own mirror image."""
    return np.concatenate([np.abs(points[:, :1]), points[:, 1:]], 1) if mirrored else points


def to_local(points: Tensor, frames: Tensor, mirrored: Tensor) -> Tensor:
    """Canonical points (..., P, 3) in frames (..., 8); mirrored (...) bool. Differentiable in both.

    Leading dimensions are broadcast: points (P, 3) and frames (N, K, 8) give (N, K, P, 3).
    """
    x, y, z = points.unbind(-1)
    x = torch.where(mirrored[..., None], x.abs(), x)
    skew_y, skew_z = frames[..., 0, None], frames[..., 1, None]
    place = torch.stack(torch.broadcast_tensors(x, y - skew_y * x, z - skew_z * x), -1)
    return (place - frames[..., None, 2:5]) * torch.exp(-frames[..., None, 5:])


def to_canonical(local: Tensor, frames: Tensor) -> Tensor:
    """Local points (..., P, 3) of frames (..., 8) in canonical space; of a mirrored part the half with x >= 0."""
    x, y, z = (local * torch.exp(frames[..., None, 5:]) + frames[..., None, 2:5]).unbind(-1)
    return torch.stack([x, y + frames[..., 0, None] * x, z + frames[..., 1, None] * x], -1)
