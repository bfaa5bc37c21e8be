"""Training of many equal networks at once, with a hand-written backward pass into buffers that are allocated once."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.fields.weights import OMEGA, layer_views
from engine.settings import FitSettings

Shapes = tuple[tuple[int, int], ...]


class Stack:
    """M networks of one architecture under one optimiser; nothing in it couples one network with another.

    Between calls it holds the weights ``rows`` (M, d), their gradients, the optimiser's state and all activations of one
    batch. Autograd would give the same numbers and costs a quarter more time on a CPU, mostly in allocation.
    """

    def __init__(self, rows: Tensor, shapes: Shapes, activation: str, points: int, fit: FitSettings):
        """rows : (M, d) start, which is also what ``keep_near_anchor`` pulls to; points : P per network and step."""
        self.shapes, self.activation, self.fit = shapes, activation, fit
        self.rows, self.start = rows.clone(), rows.clone()
        self.first, self.second = torch.zeros_like(rows), torch.zeros_like(rows)
        self.steps = 0
        self._allocate(points)

    def _allocate(self, points: int) -> None:
        like, count = self.rows, len(self.rows)
        self.slopes = torch.zeros_like(like)
        self.layers, self.gradients = layer_views(self.rows, self.shapes), layer_views(self.slopes, self.shapes)
        self.momenta = layer_views(self.first, self.shapes)
        self.outputs = [like.new_empty(count, points, width) for width, _ in self.shapes]
        self.backs = [torch.empty_like(output) for output in self.outputs[:-1]]
        self.before = [torch.empty_like(back) for back in self.backs] if self.activation == "sine" else []

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (M, P) at encoded points (M, P, C), valid until the next call."""
        self.inputs = inputs
        hidden = inputs
        for i, (weight, bias) in enumerate(self.layers):
            out = self.outputs[i]
            torch.baddbmm(bias.unsqueeze(1), hidden, weight.transpose(1, 2), out=out)  # (M, P, in) -> (M, P, out)
            if i < len(self.backs):
                if self.activation == "sine":
                    torch.mul(out, OMEGA, out=self.before[i])
                    torch.sin(self.before[i], out=out)
                else:
                    out.relu_()
            hidden = out
        return hidden.squeeze(2)

    def backward(self, slope: Tensor) -> None:
        """Fill the gradients from the derivative of the loss by the logits, (M, P)."""
        slope = slope.unsqueeze(2)
        for i in range(len(self.layers) - 1, -1, -1):
            below = self.outputs[i - 1] if i else self.inputs
            torch.bmm(slope.transpose(1, 2), below, out=self.gradients[i][0])  # (M, out, P) x (M, P, in)
            torch.sum(slope, 1, out=self.gradients[i][1])
            if i:
                back = self.backs[i - 1]
                torch.bmm(slope, self.layers[i][0], out=back)  # (M, P, out) x (M, out, in)
                if self.activation == "sine":
                    back.mul_(self.before[i - 1].cos_()).mul_(OMEGA)
                else:
                    torch.ops.aten.threshold_backward.grad_input(back, below, 0, grad_input=back)
                slope = back

    def step(self) -> None:
        """One optimiser step on the gradients of ``backward``: warm-up, then a cosine to zero at ``fit.steps``."""
        self.steps += 1
        fit = self.fit
        pace = (
            min(1.0, self.steps / max(1, fit.warmup)) * 0.5 * (1 + math.cos(math.pi * (self.steps - 0.5) / fit.steps))
        )
        seconds = layer_views(self.second, self.shapes)
        for i, ((weight, bias), (slope, bias_slope), (first, bias_first), (second, bias_second)) in enumerate(
            zip(self.layers, self.gradients, self.momenta, seconds, strict=True)
        ):
            hidden = i < len(self.backs)
            scale = pace / OMEGA if hidden and self.activation == "sine" else pace  # such layers act times OMEGA
            _adam(bias, bias_slope, bias_first, bias_second, fit.lr * scale, self.steps)
            if hidden and fit.optimiser == "muon":
                first.mul_(0.95).add_(slope)
                size = fit.matrix_lr * scale * max(1.0, weight.shape[1] / weight.shape[2]) ** 0.5
                weight.sub_(orthogonal(slope.add_(first, alpha=0.95)), alpha=size)
            else:
                _adam(weight, slope, first, second, fit.lr * scale, self.steps)
        if fit.keep_near_anchor:
            self.rows.lerp_(self.start, min(1.0, fit.keep_near_anchor * pace))

    def keep(self, which: Sequence[int]) -> None:
        """Go on with these networks only; the others have reached their goal."""
        index = torch.tensor(which, device=self.rows.device)
        self.rows, self.start, self.first, self.second = (
            tensor[index] for tensor in (self.rows, self.start, self.first, self.second)
        )
        self._allocate(self.outputs[0].shape[1])


def _adam(weight: Tensor, slope: Tensor, first: Tensor, second: Tensor, lr: float, step: int) -> None:
    """Kingma & Ba 2015, algorithm 1, in place."""
    first.lerp_(slope, 0.1)
    second.mul_(0.999).addcmul_(slope, slope, value=0.001)
    scale = (second / (1 - 0.999**step)).sqrt_().add_(1e-8)
    weight.addcdiv_(first, scale, value=-lr / (1 - 0.9**step))


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices (M, a, b) with all singular values brought near one: five steps of a quintic Newton-Schulz iteration.

    The update rule of Muon (Jordan et al. 2024), with its published coefficients.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-12)
    for _ in range(5):
        gram = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return x.transpose(1, 2) if tall else x
