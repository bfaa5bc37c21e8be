"""Joint guidance: a differentiable measure of how parts meet, which masked diffusion follows while it heals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from engine.errors import InputError
from engine.method import Representation, Shapes
from engine.parts.heal import Guide
from engine.parts.spans import numbers_of

PERCENTILE = 0.95

Pair = tuple[str, str]


@dataclass(frozen=True)
class Meeting:
    """How two parts usually meet, in logits at some points: ``touch`` is exceeded, and ``share`` undercut, by 95 % of the
    training shapes. See `meetings`."""

    touch: float
    share: float


def meetings(
    representation: Representation, training: Shapes, points: Tensor, pairs: Sequence[Pair] | None = None
) -> dict[Pair, Meeting]:
    """How pairs of parts (all when left out) meet in training shapes that have both, looked at in ``points`` (P, 3).

    Raises InputError for unknown parts. Pairs that no shape has are left out.
    """
    names = [part.name for part in representation.parts]
    numbers_of([name for pair in pairs or () for name in pair], representation.parts)
    with torch.no_grad():
        logits = representation.part_logits(training, points)  # (N, K, P)
    found = {}
    for pair in pairs or list(combinations(names, 2)):
        a, b = (names.index(name) for name in pair)
        both = torch.minimum(logits[:, a], logits[:, b])
        if training.present is not None:
            both = both[(training.present[:, a] & training.present[:, b]).to(both.device)]
        if len(both):
            touch, share = both.amax(1).quantile(1 - PERCENTILE), _share(both).quantile(PERCENTILE)
            found[pair] = Meeting(float(touch), float(share))
    return found


def joint_guide(representation: Representation, shape: Shapes, usual: Mapping[Pair, Meeting], points: Tensor) -> Guide:
    """The loss of rows (B, D) by which healing is guided: 0 when all parts that ``shape`` (one row) has meet as usual.

    Two parts touch where the smaller of their logits reaches 0: its largest value over ``points`` (P, 3) should be at least
    the usual one (far below 0 for parts that stand apart), and the soft share of points inside both at most the usual one.
    Parts are looked at where they were learned: raises InputError
    for a shape with moved parts, which are moved after healing.
    """
    if shape.pose is not None:
        raise InputError("guidance sees parts where they were learned; heal first, then move parts")
    names = [part.name for part in representation.parts]
    there = [True] * len(names) if shape.present is None else shape.present[0].tolist()
    pairs = [
        (names.index(a), names.index(b), meeting)
        for (a, b), meeting in usual.items()
        if there[names.index(a)] and there[names.index(b)]
    ]

    def guide(rows: Tensor) -> Tensor:
        logits = representation.part_logits(Shapes(rows), points.to(rows.device))
        loss = torch.zeros(len(rows), device=rows.device)
        for a, b, meeting in pairs:
            both = torch.minimum(logits[:, a], logits[:, b])
            loss = loss + (meeting.touch - both.amax(1)).relu() + (_share(both) / max(meeting.share, 1e-3) - 1).relu()
        return loss

    return guide


def _share(both: Tensor) -> Tensor:
    """Soft share (N,) of the points (N, P) that lie inside both parts."""
    return both.sigmoid().mean(1)
