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
from engine.protocol import Progress, Stage

PERCENTILE = 0.95
BATCH = 16  # training shapes looked at in one go: a fraction of a second on a slow core

Pair = tuple[str, str]


@dataclass(frozen=True)
class Meeting:
    """How two parts usually meet, in logits at some points: ``touch`` is exceeded, and ``share`` undercut, by 95 % of the
    training shapes. See `meetings`."""

    touch: float
    share: float


def meetings(
    representation: Representation, training: Shapes, points: Tensor, pairs: Sequence[Pair] | None = None
) -> Stage[dict[Pair, Meeting]]:
    """How pairs of parts (all when left out) meet in training shapes that have both, looked at in ``points`` (P, 3).

    Raises InputError for unknown parts. Pairs that no shape has are left out.
    """
    names = [part.name for part in representation.parts]
    numbers_of([name for pair in pairs or () for name in pair], representation.parts)
    chosen = list(pairs or combinations(names, 2))
    seen: dict[Pair, list[Tensor]] = {pair: [] for pair in chosen}  # (2, B) each: largest logit, share inside both
    total = len(training.latent)
    for first in range(0, total, BATCH):
        yield Progress(stage="guidance", done=first, total=total)
        with torch.no_grad():
            logits = representation.part_logits(Shapes(training.latent[first : first + BATCH]), points)  # (B, K, P)
            for pair in chosen:
                a, b = (names.index(name) for name in pair)
                both = torch.minimum(logits[:, a], logits[:, b])
                if training.present is not None:
                    there = training.present[first : first + BATCH]
                    both = both[(there[:, a] & there[:, b]).to(both.device)]
                seen[pair].append(torch.stack([both.amax(1), _share(both)]))
    yield Progress(stage="guidance", done=total, total=total)
    found = {}
    for pair, pieces in seen.items():
        touch, share = torch.cat([torch.zeros(2, 0, device=points.device), *pieces], 1)
        if len(touch):
            found[pair] = Meeting(float(touch.quantile(1 - PERCENTILE)), float(share.quantile(PERCENTILE)))
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
