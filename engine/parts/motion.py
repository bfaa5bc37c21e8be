"""Poses on the way from one to the next: what is turned turns, what is stretched stretches, what is shifted goes straight."""

import numpy as np
import torch
from scipy.linalg import polar
from scipy.spatial.transform import Rotation, Slerp
from torch import Tensor


def between(keys: Tensor, alpha: Tensor) -> Tensor:
    """Poses (F, 3, 4) float32 on the way through ``keys`` (M, 3, 4), M >= 2; alpha (F,) i / (M - 1) is key i, bit for bit.

    The linear part is cut into a rotation, which goes along the arc (Shoemake 1985), and a stretch, which goes straight
    (polar decomposition: Shoemake and Duff 1992). A mirrored pose has no way to one that is not: the nearer one is taken.
    """
    place = alpha.double() * (len(keys) - 1)
    before = place.floor().long().clamp(max=len(keys) - 2)
    return torch.stack(
        [_one(keys[i], keys[i + 1], float(p) - i) for i, p in zip(before.tolist(), place, strict=True)]
    ).float()


def _one(first: Tensor, second: Tensor, share: float) -> Tensor:
    """The pose (3, 4) at ``share`` of the way."""
    if share in (0.0, 1.0) or torch.equal(first, second):
        return second if share == 1.0 else first
    a, b = first.double().numpy(), second.double().numpy()
    (turn_a, stretch_a), (turn_b, stretch_b) = polar(a[:, :3]), polar(b[:, :3])
    if np.linalg.det(turn_a) * np.linalg.det(turn_b) < 0:
        return first if share < 0.5 else second
    flip = np.sign(np.linalg.det(turn_a))  # of both, taken out so that a rotation is left
    arc = Slerp([0.0, 1.0], Rotation.from_matrix(np.stack([turn_a, turn_b]) * flip))
    turn = arc(share).as_matrix() * flip
    linear = turn @ ((1 - share) * stretch_a + share * stretch_b)
    shift = (1 - share) * a[:, 3:] + share * b[:, 3:]
    return torch.from_numpy(np.concatenate([linear, shift], 1)).to(first.dtype)
