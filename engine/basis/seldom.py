"""Codes of so many shapes that each is seldom looked at: a step's cost does not depend on how many there are."""

from functools import partial

import torch
from torch import Tensor, nn

from engine.optimise import learning_rate
from engine.settings import TrainSettings

FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8  # fading of both moments, as those of `optimise`
REACH = 150  # steps after which a gradient moves its code no more: a ten-millionth of what it did at first
PIECE = 8_192  # codes that are brought up to date at once in the end


class SeldomCodes(nn.Module):
    """Codes of N shapes (N, K, C), kept divided by ``pace``, with their own steps of Adam (Kingma and Ba 2015).

    They move as if `optimise` took a step of all of them every time. Between two looks at a code its gradients are zero, so
    that its moments fade and it coasts by what is known beforehand: those steps are taken together when it is looked at
    again. Steps are taken in the backward pass; moments are buffers, which go to and from the checkpoints of `optimise`.
    As steps of matrices they know nothing of learning rates that were halved after a step that was not finite.
    """

    slow: Tensor
    mean: Tensor
    square: Tensor
    last: Tensor
    rates: Tensor

    def __init__(self, start: Tensor, pace: float, settings: TrainSettings) -> None:
        """start : (N, K, C); settings : of the `optimise` that they go to"""
        super().__init__()
        self.pace, self.parts = pace, start.shape[1]
        rates = torch.tensor([learning_rate(settings, step) for step in range(settings.steps)])
        self.register_buffer("slow", start.flatten(0, 1) / pace)  # (N*K, C)
        self.register_buffer("mean", torch.zeros_like(self.slow))
        self.register_buffer("square", torch.zeros_like(self.slow))
        self.register_buffer("last", torch.zeros(len(self.slow), dtype=torch.int64))  # steps that a code has taken
        self.register_buffer("rates", rates, persistent=False)

    def take(self, which: Tensor, step: int) -> Tensor:
        """(K, S, C) codes of shapes ``which`` (K, S) as they are before step ``step``; they move when it goes backward."""
        part = torch.arange(self.parts)[:, None]
        rows, back = torch.unique(which * self.parts + part, return_inverse=True)
        rows = rows.to(self.slow.device)
        self._coast(rows, step)
        leaf = self.slow[rows].requires_grad_()
        leaf.register_post_accumulate_grad_hook(partial(self._move, rows, step))
        return (leaf * self.pace)[back.to(leaf.device)]

    def final(self, steps: int) -> Tensor:
        """(N, K, C) all codes after so many steps."""
        for rows in torch.arange(len(self.slow), device=self.slow.device).split(PIECE):
            self._coast(rows, steps)
        return (self.slow * self.pace).unflatten(0, (-1, self.parts))

    @torch.no_grad()
    def _coast(self, rows: Tensor, step: int) -> None:
        """Take the steps up to ``step`` in which there was no gradient."""
        last = self.last[rows]
        count = step - last
        ahead = torch.arange(1, REACH + 1, device=rows.device)
        number = last[:, None] + ahead  # (U, REACH) of the step, from 1
        rate = self.rates[(number - 1).clamp_max(len(self.rates) - 1)] * (ahead <= count[:, None])
        fading = (FIRST / SECOND**0.5) ** ahead
        far = (rate * fading * (1 - SECOND**number).sqrt() / (1 - FIRST**number)).sum(1, keepdim=True)
        least = EPSILON * (1 - SECOND ** last.clamp_min(1)).sqrt()[:, None]
        mean, square = self.mean[rows], self.square[rows]
        self.slow[rows] -= far * mean / (square.sqrt() + least)
        self.mean[rows] = mean * (FIRST**count)[:, None]
        self.square[rows] = square * (SECOND**count)[:, None]
        self.last[rows] = step

    @torch.no_grad()
    def _move(self, rows: Tensor, step: int, leaf: Tensor) -> None:
        """Take step ``step`` of some codes by their gradients."""
        assert leaf.grad is not None
        mean = self.mean[rows].lerp(leaf.grad, 1 - FIRST)
        square = SECOND * self.square[rows] + (1 - SECOND) * leaf.grad**2
        number = step + 1
        size = self.rates[step] / (1 - FIRST**number)
        self.slow[rows] -= size * mean / ((square / (1 - SECOND**number)).sqrt() + EPSILON)
        self.mean[rows], self.square[rows] = mean, square
        self.last[rows] = number
