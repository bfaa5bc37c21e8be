"""Muon for the hidden matrices of the experts, taken in the backward pass, so that `optimise` need not know of it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.fields.stack import orthogonal

MOMENTUM = 0.95


class MatrixSteps(nn.Module):
    """Steps of some matrices (G, out, in) by Muon (Jordan et al. 2024), as soon as their gradients are there.

    The gradients are taken away afterwards, so an optimiser that also knows the matrices leaves them alone. Momenta are
    buffers: given to `optimise` with the matrices' module, they go to and from its checkpoints. ``pace`` is the share of
    ``lr`` that the next step takes.
    """

    def __init__(self, matrices: Sequence[nn.Parameter], lr: float) -> None:
        """lr : size of a step, relative to a matrix of unit norm, at pace 1."""
        super().__init__()
        self.lr, self.pace = lr, 1.0
        self._number = {id(matrix): i for i, matrix in enumerate(matrices)}
        for i, matrix in enumerate(matrices):
            self.register_buffer(f"momentum_{i}", torch.zeros_like(matrix))
        self._handles = [matrix.register_post_accumulate_grad_hook(self._step) for matrix in matrices]

    def end(self) -> None:
        """Leave the matrices to others."""
        for handle in self._handles:
            handle.remove()

    @torch.no_grad()
    def _step(self, matrix: Tensor) -> None:
        assert matrix.grad is not None
        momentum = self.get_buffer(f"momentum_{self._number[id(matrix)]}")
        momentum.mul_(MOMENTUM).add_(matrix.grad)
        size = self.lr * self.pace * max(1.0, matrix.shape[1] / matrix.shape[2]) ** 0.5
        matrix.sub_(orthogonal(matrix.grad.add_(momentum, alpha=MOMENTUM)), alpha=size)
        matrix.grad = None
