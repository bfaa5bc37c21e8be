"""Codes of one new shape with the experts as they are: a part has few unknowns, so a few large steps find them.

Each part is a problem of its own. Unknown are its code and by how much its frame moves, since the box of a real part is
seldom where the box of a like part that the experts know would be. Least is made the cross-entropy of the logits, sharper
than in learning, so that the surface counts more than the distances around it, and a prior on both.

The steps are those of Levenberg (1944) and Marquardt (1963) with the Gauss-Newton matrix of the cross-entropy,
J' p (1 - p) J.
"""

from collections.abc import Sequence
from copy import copy

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from engine.basis.experts import Experts, inputs_of
from engine.basis.frames import NUMBERS, to_canonical, to_local
from engine.basis.points import LocalPoints
from engine.methods.basis.settings import BasisFitSettings
from engine.protocol import Progress, Stage
from engine.storage import seed_of

STARTS, FIRST_STEPS, FIRST_POINTS = 4, 15, 512  # of the search for a good beginning
SPREAD = 0.5  # of the numbers of codes that it begins from, about the mean code
STEPS, POINTS = 20, 4_096  # from there on, at most; points of each part: many times its unknowns
PRIOR = 3e-4  # weight of the squared length of a code: not far beyond those that the experts and a denoiser know
SHARPER = 1.5  # than the cross-entropy that experts learn by
LOOSE = (0.05, 0.05, 0.02, 0.02, 0.02, 0.05, 0.05, 0.05)  # how far a frame may well move: skews, middle, log half sides
STIFF = 1e-3  # weight of a frame's moves, in squares of these
DAMPING = 1e-3  # at first, in curvatures
EASIER, HARDER = 1 / 4, 6.0  # damping after a step that helped, and after one that did not
HOPELESS = 1e4  # damping at which a part is left as it is
ENOUGH = 3e-5  # a step that gains less than this share ends the search of a part


class Problem:
    """The cost of codes and moves of frames (M, C + 8) for M parts of one item, and how it changes with them."""

    def __init__(
        self,
        experts: Experts,
        item: LocalPoints,
        parts: Sequence[int],
        mirrored: Tensor,
        fit: BasisFitSettings,
        count: int,
    ) -> None:
        """parts : numbers of the M parts, which the item has; mirrored : (K,) bool; count : points of each part"""
        ks, device = list(parts), mirrored.device
        self.bands, size = experts.settings.bands, experts.settings.code
        self.frames = torch.from_numpy(item.frames[ks]).to(device)  # (M, 8)
        local = torch.from_numpy(item.points[ks, :count].astype(np.float64)).to(device)
        self.points = to_canonical(local, self.frames.double()).float()  # (M, P, 3)
        self.mirrored = mirrored[ks]
        distance = torch.from_numpy(item.distance[ks, :count].astype(np.float32)).to(device)
        self.wanted = torch.sigmoid(SHARPER * 2 / fit.band * distance)  # (M, P)
        loose = torch.tensor(LOOSE, device=device)
        self.prior = torch.cat([torch.full((size,), PRIOR, device=device), STIFF / loose**2])  # (C + 8,)
        layers = zip(experts.weights, experts.biases, strict=True)
        self._layers = [(weight[ks].transpose(1, 2), bias[ks, None]) for weight, bias in layers]
        self._bends = [bend[ks] for bend in experts.bends]

    def some(self, which: Tensor) -> "Problem":
        """That of some of the M parts."""
        one = copy(self)
        one.frames, one.points, one.mirrored = self.frames[which], self.points[which], self.mirrored[which]
        one.wanted = self.wanted[which]
        one._layers = [(weight[which], bias[which]) for weight, bias in self._layers]
        one._bends = [bend[which] for bend in self._bends]
        return one

    def cost(self, logits: Tensor, unknown: Tensor) -> Tensor:
        """(M,) what is made least, of logits (M, P) and unknowns (M, C + 8)."""
        wrong = binary_cross_entropy_with_logits(SHARPER * logits, self.wanted, reduction="none").mean(1)
        return wrong + (self.prior * unknown**2).sum(1)

    def slopes(self, unknown: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (M, P) and their derivatives (M, P, C + 8).

        One pass back through the layers gives the rows of all points, since no point has a part in what another one says.
        """
        codes, moves = unknown[:, :-NUMBERS], unknown[:, -NUMBERS:]
        own = moves[:, None].repeat(1, self.points.shape[1], 1).requires_grad_()
        with torch.enable_grad():
            frames = self.frames[:, None] + own  # (M, P, 8)
            local = to_local(self.points[:, :, None], frames, self.mirrored[:, None].expand(frames.shape[:2]))[:, :, 0]
            inputs = inputs_of(local, self.bands)
        hidden, passed = inputs.detach(), []
        for (weight, bias), bend in zip(self._layers, self._bends, strict=False):
            gain, shift = (codes[:, None] @ bend).chunk(2, -1)  # (M, 1, H)
            plain = torch.baddbmm(bias, hidden, weight)
            hidden = torch.addcmul(shift, plain, 1 + gain).relu_()
            passed.append((plain, hidden, weight * (1 + gain), bend))
        weight, bias = self._layers[-1]
        logits = torch.baddbmm(bias, hidden, weight)[..., 0]
        back, rows = weight.transpose(1, 2), torch.zeros((), device=unknown.device)  # (M, 1, H)
        for plain, hidden, folded, bend in reversed(passed):
            back = back * (hidden > 0)
            to_gain, to_shift = bend.transpose(1, 2).chunk(2, 1)  # (M, H, C)
            rows = rows + (back * plain) @ to_gain + back @ to_shift
            back = back @ folded.transpose(1, 2)
        (moved,) = torch.autograd.grad(inputs, own, back)
        return logits, torch.cat([rows, moved], -1)

    def downhill(self, logits: Tensor, rows: Tensor, unknown: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient (M, U) and Gauss-Newton matrix (M, U, U) of the cost."""
        likely, count = torch.sigmoid(SHARPER * logits), logits.shape[1]
        gradient = SHARPER * torch.einsum("mp,mpu->mu", likely - self.wanted, rows) / count + 2 * self.prior * unknown
        curved = SHARPER**2 * (rows * (likely * (1 - likely))[..., None]).transpose(1, 2) @ rows / count
        return gradient, curved + torch.diag(2 * self.prior)


def newton_codes(
    experts: Experts, item: LocalPoints, mirrored: Tensor, start: Tensor, fit: BasisFitSettings, seed: int
) -> Stage[tuple[Tensor, Tensor]]:
    """Codes (K, C) of one item, and frames (K, 8) to go with them, with the experts as they are.

    The search begins at ``start`` (K, C), the mean code, and at others about it, with few points; for each part the best of
    these ends is gone on from with more. Codes of absent parts stay at ``start``. What an item gets depends on no other.
    """
    parts = np.flatnonzero(item.present).tolist()
    codes, frames = start.clone(), torch.from_numpy(item.frames.copy()).to(start)
    if not parts:
        return codes, frames
    frozen, total = experts.requires_grad_(False), STARTS * FIRST_STEPS + STEPS
    generator = torch.Generator().manual_seed(seed_of("starts", seed))
    few = Problem(frozen, item, parts, mirrored, fit, FIRST_POINTS)
    ends = []
    for number in range(STARTS):
        about = SPREAD * torch.randn(start.shape, generator=generator).to(start) if number else 0.0
        begin = torch.cat([(start + about)[parts], torch.zeros(len(parts), NUMBERS, device=start.device)], 1)
        ends.append((yield from _descend(few, begin, FIRST_STEPS, number * FIRST_STEPS, total)))
    best = torch.stack([cost for _, cost in ends]).argmin(0)  # (M,)
    chosen = torch.stack([unknown for unknown, _ in ends])[best, torch.arange(len(parts))]
    every = Problem(frozen, item, parts, mirrored, fit, POINTS)
    unknown, _ = yield from _descend(every, chosen, STEPS, total - STEPS, total)
    codes[parts] = unknown[:, :-NUMBERS]
    frames[parts] += unknown[:, -NUMBERS:]
    return codes, frames


def _descend(problem: Problem, unknown: Tensor, steps: int, done: int, total: int) -> Stage[tuple[Tensor, Tensor]]:
    """Unknowns (M, U) after up to ``steps`` steps from ``unknown``, and their costs (M,)."""
    logits, rows = problem.slopes(unknown)
    cost = problem.cost(logits, unknown)
    ends, least, going = unknown.clone(), cost.clone(), torch.arange(len(cost), device=cost.device)
    damping = torch.full_like(cost, DAMPING)
    for step in range(steps):
        yield Progress(stage="codes", done=done + step, total=total)
        gradient, curved = problem.downhill(logits, rows, unknown)
        damped = curved + damping[:, None, None] * torch.diag_embed(curved.diagonal(dim1=1, dim2=2))
        tried = unknown - torch.linalg.solve(damped, gradient)
        new_logits, new_rows = problem.slopes(tried)
        new_cost = problem.cost(new_logits, tried)
        better = new_cost < cost
        hopeful = ~better | (cost - new_cost > ENOUGH * cost)
        unknown, cost = torch.where(better[:, None], tried, unknown), torch.where(better, new_cost, cost)
        ends[going], least[going] = unknown, cost
        damping = damping * torch.where(better, EASIER, HARDER)
        hopeful &= damping < HOPELESS
        if not bool(hopeful.any()):
            break
        logits = torch.where(better[:, None], new_logits, logits)
        rows = torch.where(better[:, None, None], new_rows, rows)
        if not bool(hopeful.all()):
            problem, going, unknown, cost = problem.some(hopeful), going[hopeful], unknown[hopeful], cost[hopeful]
            damping, logits, rows = damping[hopeful], logits[hopeful], rows[hopeful]
    return ends, least
