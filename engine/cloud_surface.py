"""Points on the surfaces of the parts of `basis` shapes, of many shapes at once, and in how many pieces parts are."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import label
from torch import Tensor

from engine.basis.experts import inputs_of
from engine.basis.field import STEEPNESS, part_logits
from engine.basis.frames import to_canonical
from engine.basis.points import MARGIN
from engine.basis.representation import BasisRepresentation
from engine.fields.mlp import network_logits

TRIES = 5  # places in the frame, to each point wanted, of which those next to the surface are taken
STEPS, REACH = 2, 0.2  # of Newton from there, and how far one goes, in half sides of the frame
NEAR = 0.4  # logits that may be left
COVERED = 0.005 * STEEPNESS  # logits of another part from which on a point lies inside it
GRID = 40  # places per side of the frame, to count pieces by


@dataclass(frozen=True)
class Surface:
    """Points of each part of one shape, absent ones too; of parts that are their own mirror images those with x >= 0.

    local : (K, P, 3) in the frame of the part; places : (K, P, 3) the same in canonical space
    normals : (K, P, 3) of the surface there, in canonical space, of length 1 (0 where nothing tells them)
    on : (K, P) whether they came to lie on its surface
    """

    local: Tensor
    places: Tensor
    normals: Tensor
    on: Tensor


def surfaces_of(representation: BasisRepresentation, codes: Tensor, frames: Tensor, count: int) -> list[Surface]:
    """``count`` points of each part of shapes of codes (S, K, C) and frames (S, K, 8). Equal codes give equal points."""
    shapes, parts = codes.shape[:2]
    layers = representation.experts.fold(codes.transpose(0, 1))  # of (K * S) networks
    even = torch.rand(parts, TRIES * count, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    local = even.repeat_interleave(shapes, 0)
    with torch.no_grad():
        nearest = representation.experts.logits(layers, local).abs().topk(count, 1, largest=False).indices
    local = local.gather(1, nearest[..., None].expand(-1, -1, 3))
    bands = representation.experts.settings.bands
    for _ in range(STEPS):
        place = local.requires_grad_()
        with torch.enable_grad():
            logits = network_logits(layers, "relu", inputs_of(place, bands))
            (slope,) = torch.autograd.grad(logits.sum(), place)
        step = logits.detach()[..., None] * slope / slope.square().sum(-1, keepdim=True).clamp_min(1e-6)
        local = place.detach() - step * (REACH / step.norm(dim=-1, keepdim=True).clamp_min(REACH))
    with torch.no_grad():
        left = representation.experts.logits(layers, local).abs()
    on = (left < NEAR) & (local.abs() <= MARGIN).all(-1)
    local, slope, on = (one.unflatten(0, (parts, shapes)).transpose(0, 1) for one in (local, slope, on))
    return [Surface(*one) for one in zip(local, to_canonical(local, frames), _normals(slope, frames), on, strict=True)]


def _normals(slope: Tensor, frames: Tensor) -> Tensor:
    """(..., P, 3) slopes in frames (..., 8), seen in canonical space and made of length 1."""
    along = slope * torch.exp(-frames[..., None, 5:])
    lean = (frames[..., None, :2] * along[..., 1:]).sum(-1, keepdim=True)
    return torch.nn.functional.normalize(torch.cat([along[..., :1] - lean, along[..., 1:]], -1), dim=-1)


def bared(
    representation: BasisRepresentation, codes: Tensor, frames: Tensor, there: Tensor, surface: Surface
) -> Surface:
    """Without what lies inside another part that is ``there`` (K,). codes : (K, C); frames : (K, 8)."""
    flat, parts = surface.places.flatten(0, 1), len(there)
    with torch.no_grad():
        logits = part_logits(representation.experts, codes[None], frames[None], representation.mirrored, flat)[0]
    inside = ((logits > COVERED) & there[:, None]).unflatten(1, (parts, -1))  # (K, K, P)
    inside[torch.arange(parts), torch.arange(parts)] = False
    return replace(surface, on=surface.on & ~inside.any(0))


def pieces_of(representation: BasisRepresentation, part: int, code: Tensor) -> int:
    """In how many pieces a part of code (C,) is, as its frame shows it: wherever it stands, and however large.

    Of a part that is its own mirror image one half is looked at.
    """
    experts, along = representation.experts, torch.linspace(-MARGIN, MARGIN, GRID)
    local = torch.cartesian_prod(along, along, along)[None]
    codes = code.expand(len(representation.parts), 1, -1)
    with torch.no_grad():
        layers = [(weight[part, None], bias[part, None]) for weight, bias in experts.fold(codes)]
        full = (experts.logits(layers, local) > 0).view(GRID, GRID, GRID).numpy()
    return int(label(full, np.ones((3, 3, 3)))[1])
