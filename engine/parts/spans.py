"""Parts of a model's vocabulary as places in a latent row: by name, as masks, as bytes."""

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from engine.errors import InputError
from engine.method import Part
from engine.storage import digest


def numbers_of(names: Collection[str], parts: Sequence[Part]) -> list[int]:
    """Places in the vocabulary of ``parts`` (K) of the named ones, in its order. Raises InputError for a name it lacks."""
    known = {part.name for part in parts}
    unknown = [name for name in names if name not in known]
    if unknown:
        there = ", ".join(part.name for part in parts) or "none: its shapes are whole"
        raise InputError(f"there is no part named {', '.join(unknown)}; the model's parts are {there}")
    return [k for k, part in enumerate(parts) if part.name in names]


def mask_of(names: Collection[str], parts: Sequence[Part], size: int) -> Tensor:
    """(D,) bool, True on the spans of the named parts of a row of ``size`` numbers. Raises InputError for unknown names."""
    mask = torch.zeros(size, dtype=torch.bool)
    for k in numbers_of(names, parts):
        for span in parts[k].spans:
            mask[span] = True
    return mask


def part_values(row: Tensor, part: Part) -> Tensor:
    """The numbers of one part in a row (..., D) -> (..., d), its spans one after the other."""
    return torch.cat([row[..., span] for span in part.spans], -1)


def part_hashes(row: Tensor, parts: Sequence[Part]) -> Mapping[str, str]:
    """Hash of the bytes of each part of a row (D,): two parts with one hash are equal bit for bit."""
    return {part.name: digest(part_values(row.detach().cpu(), part).numpy().tobytes()) for part in parts}
