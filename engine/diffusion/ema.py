"""Averaged weights: smoother samples than the weights of any one step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def decay_at(step: int, decay: float) -> float:
    """Decay of the average after ``step`` finished steps: short at first, so that the start is soon forgotten."""
    return min(decay, (1 + step) / (10 + step))


def trained(modules: Mapping[str, nn.Module]) -> dict[str, nn.Parameter]:
    """The parameters that are trained, by ``module.parameter``."""
    return {
        f"{name}.{key}": parameter
        for name, module in modules.items()
        for key, parameter in module.named_parameters()
        if parameter.requires_grad
    }


class Ema:
    """Exponential moving average of the trained parameters of some modules; decay 0 is the weights themselves."""

    def __init__(self, modules: Mapping[str, nn.Module], decay: float) -> None:
        self.decay = decay
        self.live = trained(modules)
        self.average: dict[str, Tensor] = {}
        if decay > 0:
            self.average = {key: parameter.detach().clone() for key, parameter in self.live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after ``step`` finished steps: average = d * average + (1 - d) * weights."""
        if self.average:
            averages = list(self.average.values())
            weights: list[Tensor] = [self.live[key].detach() for key in self.average]
            torch._foreach_lerp_(averages, weights, 1 - decay_at(step, self.decay))

    @torch.no_grad()
    def exchange(self) -> None:
        """Exchange the average with the weights; twice is as before."""
        for key, average in self.average.items():
            held = average.clone()
            average.copy_(self.live[key])
            self.live[key].copy_(held)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """The modules carry the averaged weights inside this block."""
        self.exchange()
        try:
            yield
        finally:
            self.exchange()
