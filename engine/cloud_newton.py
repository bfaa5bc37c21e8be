"""Codes and frames of the parts of a shape, made to agree with a point cloud by steps of Levenberg and Marquardt."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from engine.basis.experts import in_reach
from engine.basis.field import STEEPNESS, beside, smallest
from engine.basis.frames import NUMBERS, to_local
from engine.basis.newton import DAMPING, EASIER, HARDER, HOPELESS, Problem
from engine.basis.points import LocalPoints
from engine.basis.representation import BasisRepresentation
from engine.cloud_evidence import FREE, SHARPER, Evidence
from engine.protocol import Progress, Stage

PRIOR = 6e-4  # weight of the squared distance from the mean training shape, in deviations
FLOOR = 0.03  # of the variance of each number, by which it varies on its own


def refined(
    representation: BasisRepresentation,
    latent: Tensor,
    present: Tensor,
    row: Tensor,
    evidence: Evidence,
    steps: int,
) -> Stage[Tensor]:
    """The row (D,) after some steps of Levenberg and Marquardt from ``row``, as `engine.basis.newton` fits parts.

    A point belongs to the part that has it deepest inside, so the Gauss-Newton matrix falls into a block for each part.
    """
    parts, settings = len(representation.parts), representation.settings
    numbers, there = row.view(parts, -1), representation.present(row[None])[0]
    frames, codes = numbers[:, 1 : 1 + NUMBERS], numbers[:, 1 + NUMBERS :]
    places, ks = evidence.places, there.nonzero()[:, 0].tolist()
    local = to_local(places.double(), frames.double(), representation.mirrored)
    item = LocalPoints(local.numpy(), np.zeros(local.shape[:2]), frames.numpy(), there.numpy())  # type: ignore[arg-type]
    problem = Problem(representation.experts, item, ks, representation.mirrored, settings.fit, len(places))
    counts = (len(evidence.surface), len(evidence.free))
    wanted = torch.cat([torch.full((counts[0],), 0.5), (evidence.side + 1) / 2])
    weight = torch.cat([torch.full((counts[0],), 1 / counts[0]), torch.full((counts[1],), FREE / max(counts[1], 1))])

    start = torch.cat([codes[ks], frames[ks]], 1)
    usual, stiff = _usual(latent.view(len(latent), parts, -1), present, ks)

    def state(unknown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cost, logits (P,), rows (M, P, U) of their derivatives, 0 but for the part that a point belongs to."""
        logits, rows = problem.slopes(
            torch.cat([unknown[:, :-NUMBERS], unknown[:, -NUMBERS:] - start[:, -NUMBERS:]], 1)
        )
        moved = unknown[:, -NUMBERS:]
        place = to_local(problem.points, moved, problem.mirrored)
        known = in_reach(place)
        bound = beside(place, moved) / (STEEPNESS * representation.experts.half_band * smallest(moved))[:, None]
        union, owner = torch.where(known, logits, bound).max(0)
        own = (owner == torch.arange(len(ks))[:, None]) & known
        wrong = binary_cross_entropy_with_logits(SHARPER * union, wanted, reduction="none")
        cost = (weight * wrong).sum() + torch.einsum("mu,muv,mv->", unknown - usual, stiff, unknown - usual)
        return cost, union, rows * own[..., None]

    unknown = start
    cost, logits, rows = state(unknown)
    damping = DAMPING
    for step in range(steps):
        yield Progress(stage="parts", done=step, total=steps)
        likely = torch.sigmoid(SHARPER * logits)
        gradient = SHARPER * torch.einsum("p,mpu->mu", weight * (likely - wanted), rows)
        gradient = gradient + 2 * torch.einsum("muv,mv->mu", stiff, unknown - usual)
        scaled = rows * (weight * likely * (1 - likely))[:, None]
        curved = SHARPER**2 * scaled.transpose(1, 2) @ rows + 2 * stiff
        damped = curved + damping * torch.diag_embed(curved.diagonal(dim1=1, dim2=2))
        tried = unknown - torch.linalg.solve(damped, gradient)
        new = state(tried)
        if bool(new[0] < cost):
            unknown, (cost, logits, rows), damping = tried, new, damping * EASIER
        else:
            damping *= HARDER
            if damping > HOPELESS:
                break
    found = numbers.clone()
    found[ks, 1 : 1 + NUMBERS] = unknown[:, -NUMBERS:]
    found[ks, 1 + NUMBERS :] = unknown[:, :-NUMBERS]
    return found.flatten()


def _usual(numbers: Tensor, present: Tensor, ks: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Mean code and frame (M, C + 8) of the parts ``ks`` of training shapes, and the weight of being away from it
    (M, C + 8, C + 8): PRIOR in squares of how they vary.

    numbers : (N, K, 1 + 8 + C); present : (N, K)
    """
    means, weights = [], []
    for k in ks:
        own = numbers[present[:, k], k]
        own = torch.cat([own[:, 1 + NUMBERS :], own[:, 1 : 1 + NUMBERS]], 1)
        spread = torch.cov(own.T) if len(own) > 1 else torch.eye(own.shape[1])
        floor = FLOOR * spread.diagonal() + 1e-6
        means.append(own.mean(0))
        weights.append(PRIOR * torch.linalg.inv(spread + torch.diag(floor)))
    return torch.stack(means), torch.stack(weights)
