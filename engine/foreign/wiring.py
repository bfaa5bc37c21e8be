"""The odd wiring of networks with an ``occ_head`` (Part-Guided HyperDiffusion), folded into a plain network and back.

Their program hands the occupancy head ``relu(layers.last(layers.0(x)))``: there is no ReLU after the first layer, and the
layers in between feed the class heads alone. Two linear maps in a row are one, so the field is a network of one hidden
layer. (Decoded as a plain chain, such files are noise or empty; so wired, they are the knives they were fitted to.)
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.errors import InputError

Pair = tuple[Tensor, Tensor]  # weight (out, in), bias (out,)


def layer(tensors: Mapping[str, Tensor], name: str) -> Pair:
    """Weight and bias of a linear layer by its name. Raises InputError when it is none."""
    weight, bias = tensors.get(f"{name}.weight"), tensors.get(f"{name}.bias")
    if weight is None or bias is None or weight.dim() != 2 or bias.shape != weight.shape[:1]:
        raise InputError(f"{name} is no linear layer with a bias")
    return weight, bias


def fold(first: Pair, last: Pair) -> Pair:
    """The one layer that is ``last`` after ``first``, float32. Raises InputError when they do not fit each other."""
    (w0, b0), (w1, b1) = ((weight.double(), bias.double()) for weight, bias in (first, last))
    if w1.shape[1] != w0.shape[0]:
        raise InputError(f"the last layer takes {w1.shape[1]} numbers and the first gives {w0.shape[0]}")
    return (w1 @ w0).float(), (w1 @ b0 + b1).float()


def unfold(folded: Pair, first: Pair, last: Pair) -> tuple[Pair, Pair]:
    """First and last layer whose fold is ``folded``: the given ones if they still are, else the first copies its inputs.

    Raises InputError when the first layer has fewer outputs than inputs, so that it could not.
    """
    same = all(torch.equal(a, b) for a, b in zip(fold(first, last), folded, strict=True))
    if same:
        return first, last
    outputs, inputs = first[0].shape
    if outputs < inputs:
        raise InputError(f"a changed network cannot be written so: {inputs} inputs do not fit through {outputs}")
    wide = torch.zeros_like(last[0])
    wide[:, :inputs] = folded[0]
    return (torch.eye(outputs, inputs), torch.zeros_like(first[1])), (wide, folded[1])
