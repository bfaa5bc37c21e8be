"""Which labelled points a fit sees at each step: pools of points, and seeded draws from them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import InputError
from engine.geometry.samples import Samples
from engine.settings import FitSettings
from engine.storage import seed_of

BLOCK = 50  # steps drawn at a time
HELD_BACK = 16  # one of so many points is never drawn: the check points


class Points(NamedTuple):
    """Labelled points of one fit, which may join several items (a mean anchor is one network for several shapes).

    points : (P, C) float32; targets : (P, K + 1) uint8, the experts' labels, last the whole shape's
    near, even : indices of the points to draw near the surface, and evenly in the cube
    own_near, own_even : the same for each expert, inside its part's box; empty for an absent part
    check : indices held back, on which progress is judged
    present : (K,) bool
    """

    points: NDArray[np.float32]
    targets: NDArray[np.uint8]
    near: NDArray[np.int64]
    even: NDArray[np.int64]
    own_near: tuple[NDArray[np.int64], ...]
    own_even: tuple[NDArray[np.int64], ...]
    check: NDArray[np.int64]
    present: NDArray[np.bool_]


def gather(items: Sequence[Samples], parts: tuple[str, ...]) -> Points:
    """The points of one or more items as one set, with its pools. ``parts`` are the experts; () leaves parts out.

    Raises InputError when the points were labelled for other parts.
    """
    for item in items:
        if parts and item.vocabulary != parts:
            raise InputError(
                f"points are labelled for parts {item.vocabulary}, the field has {parts}; sample them again"
            )
    points = np.concatenate([item.points for item in items])
    whole = np.concatenate([item.occupancy for item in items])
    count = len(parts)
    inside = np.concatenate([item.inside[:, :count] for item in items])
    if parts:  # what the experts are to make up between them; an item may have parts that they leave out
        whole = inside.max(1)
    drawn = np.arange(len(points)) % HELD_BACK != HELD_BACK - 1
    near, even = np.zeros(len(points), bool), np.zeros(len(points), bool)
    own_near, own_even = np.zeros((count, len(points)), bool), np.zeros((count, len(points)), bool)
    start = 0
    for item in items:
        for name, (first, last) in item.sections.items():
            section = slice(start + first, start + last)
            if name == "uniform":
                even[section] = True
            elif name == "near":
                near[section] = True
            elif parts:
                own_even[item.vocabulary.index(name.removeprefix("part:")), section] = True
        stop = start + len(item.points)
        for k in np.flatnonzero(item.present[:count]):
            low, high = item.boxes[k]
            own_near[k, start:stop] = near[start:stop] & ((item.points >= low) & (item.points <= high)).all(1)
        start = stop
    return Points(
        points,
        np.concatenate([inside, whole[:, None]], 1),
        np.flatnonzero(near & drawn),
        np.flatnonzero(even & drawn),
        tuple(np.flatnonzero(pool & drawn) for pool in own_near),
        tuple(np.flatnonzero(pool & drawn) for pool in own_even),
        np.flatnonzero(~drawn),
        np.logical_or.reduce([item.present[:count] for item in items]),
    )


def shared_count(fit: FitSettings, experts: int) -> int:
    """How many of a batch's points all experts see; without parts all of them."""
    return round(fit.batch * fit.shared) if experts else fit.batch


def draw(pools: Points, fit: FitSettings, seed: int, name: str, block: int) -> Tensor:
    """Indices of the points of ``BLOCK`` steps: (BLOCK, max(K, 1), fit.batch) int64, with replacement.

    They depend on the seed, the item's id and the number of the block, so neither on neighbours nor on order. The first
    ``shared_count`` points of a step are the same for all experts, the others lie in the expert's own box.
    """
    generator = torch.Generator().manual_seed(seed_of("fit", seed, name, block))
    experts = len(pools.own_near)
    shared = shared_count(fit, experts)
    common = _mixed(pools.near, pools.even, shared, fit.near, generator)
    if not experts:
        return common.unsqueeze(1)
    rows = []
    for own_near, own_even in zip(pools.own_near, pools.own_even, strict=True):
        if not len(own_near) + len(own_even):
            own_near, own_even = pools.near, pools.even
        own = _mixed(own_near, own_even, fit.batch - shared, fit.near, generator)
        rows.append(torch.cat([common, own], 1))
    return torch.stack(rows, 1)


def _mixed(
    near: NDArray[np.int64], even: NDArray[np.int64], count: int, share: float, generator: torch.Generator
) -> Tensor:
    """(BLOCK, count) indices, ``share`` of them from ``near``; a pool that is empty leaves its share to the other."""
    from_near = 0 if not len(near) else count if not len(even) else round(count * share)
    picks = []
    for pool, number in ((near, from_near), (even, count - from_near)):
        if number:
            picks.append(torch.from_numpy(pool)[torch.randint(len(pool), (BLOCK, number), generator=generator)])
    return torch.cat(picks, 1) if picks else torch.zeros(BLOCK, 0, dtype=torch.int64)
