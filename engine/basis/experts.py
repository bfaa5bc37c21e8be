"""Experts: one small network per part name, shared by all shapes and bent to each by a code."""

import math

import torch
from torch import Tensor, nn

from engine.basis.points import MARGIN
from engine.fields.encoding import encode, encoded_size
from engine.fields.mlp import network_logits
from engine.methods.basis.settings import ExpertSettings

START = 0.3  # size of the bends at first, in weights of a unit code
CODE_START = 0.1  # deviation of codes at first

Layers = list[tuple[Tensor, Tensor]]


class Experts(nn.Module):
    """K networks of equal widths. A code scales and shifts every hidden layer, which can be folded into its weights.

    Folded once per shape an expert is a plain network, as fast as any other. ``half_band`` turns logits into distances.
    """

    def __init__(self, settings: ExpertSettings, parts: int, band: float) -> None:
        super().__init__()
        self.settings, self.parts, self.half_band = settings, parts, band / 2
        widths = (encoded_size(3, settings.bands), *settings.hidden, 1)
        shapes = list(zip(widths[1:], widths, strict=False))  # (out, in) of each layer
        self.weights = nn.ParameterList(torch.empty(parts, *shape) for shape in shapes)
        self.biases = nn.ParameterList(torch.zeros(parts, out) for out, _ in shapes)
        self.bends = nn.ParameterList(torch.empty(parts, settings.code, 2 * out) for out, _ in shapes[:-1])
        with torch.no_grad():
            for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
                last = i == len(shapes) - 1
                bound = (3 / weight.shape[2]) ** 0.5 * (
                    0.3 if last else 2**0.5
                )  # He et al. 2015; the output starts small
                weight.uniform_(-bound, bound)
                if i == 0:
                    bias.uniform_(-0.5, 0.5)  # kinks all over the frame
            for bend in self.bends:
                bend.normal_(0, START / settings.code**0.5)

    def fold(self, codes: Tensor) -> Layers:
        """Plain networks for codes (K, S, C): weight (K*S, out, in) and bias (K*S, out) of each layer. Differentiable."""
        layers = []
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if i < len(self.bends):
                gain, shift = (codes @ self.bends[i]).chunk(2, -1)  # (K, S, out)
                folded = (1 + gain)[..., None] * weight[:, None], (1 + gain) * bias[:, None] + shift
            else:
                count = codes.shape[1]
                folded = weight[:, None].expand(-1, count, -1, -1), bias[:, None].expand(-1, count, -1)
            layers.append((folded[0].flatten(0, 1), folded[1].flatten(0, 1)))
        return layers

    def logits(self, layers: Layers, local: Tensor) -> Tensor:
        """Logits (M, P) of M folded networks at points (M, P, 3) in their frames: twice the distance over the band."""
        return network_logits(layers, "relu", inputs_of(local, self.settings.bands))


def inputs_of(local: Tensor, bands: int) -> Tensor:
    """Encoded local points (..., 3) -> (..., 3 + 6 * bands): the slowest sine goes from -1 to 1 across the frame."""
    return encode(local * (math.pi / 2), bands)


def in_reach(local: Tensor) -> Tensor:
    """(...,) bool: whether the expert of a part knows the local points (..., 3)."""
    return (local.abs() <= MARGIN).all(-1)
