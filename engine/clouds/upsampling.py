"""More points between those of a cloud: midpoints of neighbours, spread evenly, and what lies around them."""

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from engine.protocol import Progress, Stage

NEIGHBOURS = 8
RATIO = 4  # most times as many points in one pass: midpoints lie between points, so they cannot be much denser
CHOICE, CLOSE = 2, 0.7  # how many midpoints there are for each that is taken, and the share of them that is close
CLOSEST = 1e-4  # cube units; nearer points count as so far apart


def continued(given: Tensor, candidates: Tensor, count: int) -> Tensor:
    """(B, count) rows of candidates (B, M, 3), each the one farthest from those before it and from given (B, N, 3).

    Farthest point sampling (Eldar et al. 1997) that goes on from points that are there. count at most M. O(count M).
    """
    every = torch.arange(len(given), device=given.device)
    places = candidates.mT.contiguous()  # (B, 3, M)
    away = _apart(candidates, given).square()
    rows = torch.empty(len(given), count, dtype=torch.int64, device=given.device)
    for i in range(count):
        rows[:, i] = away.argmax(1)
        chosen = places[every, :, rows[:, i], None]  # (B, 3, 1)
        away = torch.minimum(away, (places - chosen).square().sum(1))
    return rows


def midpoints(given: Tensor, count: int) -> Tensor:
    """(B, count, 3) points midway between neighbours of a cloud (B, N, 3), as even as midpoints can be.

    Where more than ``RATIO`` - 1 times N are asked for, new points become neighbours too.
    """
    known, wanted = given, given.shape[1] + count
    while known.shape[1] < wanted:
        more = min(wanted - known.shape[1], (RATIO - 1) * known.shape[1])
        known = torch.cat([known, _between(known, more)], 1)
    return known[:, given.shape[1] :]


def filling(given: Tensor, count: int) -> Stage[Tensor]:
    """(B, count, 3) as `midpoints`, but of ``CHOICE`` times as many those that are left without the farthest from all of
    given: so they lie nearer to the surface, and where given points are uneven, about twice as even."""
    beat = Progress(stage="points", done=0, total=count)  # each step may take half a second
    yield beat
    some = midpoints(given, count)
    yield beat
    more = midpoints(torch.cat([given, some], 1), (CHOICE - 1) * count)
    yield beat
    return fewer(torch.cat([some, more], 1), given, count)


def fewer(some: Tensor, given: Tensor, count: int) -> Tensor:
    """(B, count, 3) of the points ``some`` (B, K, 3), without those farthest from given (B, N, 3), as even as they come."""
    close = _apart(some, given).topk(max(count, round(CLOSE * some.shape[1])), largest=False).indices
    every = torch.arange(len(given), device=given.device)[:, None]
    some = some[every, close]
    return some[every, continued(given, some, count)]


def between(given: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """(B, count, 3) points midway between neighbours of a cloud (B, N, 3), at random."""
    middles = _middles(given)
    rows = torch.rand(middles.shape[:2], generator=generator).topk(count).indices
    return middles[torch.arange(len(given))[:, None], rows]


def nearest(at: Tensor, given: Tensor) -> Tensor:
    """(B, K) rows of given (B, N, 3) that are nearest to ``at`` (B, K, 3)."""
    return _distances(at, given).argmin(2)


def around(at: Tensor, given: Tensor, own: bool = False) -> tuple[Tensor, Tensor]:
    """The ``NEIGHBOURS`` points of given (B, N, 3) nearest to each of ``at`` (B, K, 3), from it and in units of spacing:
    (B, K, NEIGHBOURS, 3), nearest first; and the spacing, (B, K), the mean distance of the nearest three.

    own : ``at`` are the given points themselves, each of which is no neighbour of its own
    """
    many = min(NEIGHBOURS, given.shape[1] - own)
    near = _distances(at, given).topk(many + own, dim=2, largest=False).indices[:, :, int(own) :]
    every = torch.arange(len(given), device=given.device)[:, None, None]
    steps = given[every, near] - at[:, :, None]  # (B, K, many, 3)
    spacing = steps[:, :, :3].norm(dim=3).mean(2).clamp(min=CLOSEST)
    steps = torch.cat([steps, steps[:, :, -1:].expand(-1, -1, NEIGHBOURS - many, -1)], 2)
    return steps / spacing[:, :, None, None], spacing


def _between(given: Tensor, count: int) -> Tensor:
    """(B, count, 3) midpoints of pairs of neighbours, those that fill the widest gaps first."""
    middles = _middles(given)
    return middles[torch.arange(len(given), device=given.device)[:, None], continued(given, middles, count)]


def _middles(given: Tensor) -> Tensor:
    """(B, N NEIGHBOURS, 3) midpoints of each point and its neighbours; those of each other's neighbours come twice."""
    many = min(NEIGHBOURS, given.shape[1] - 1)
    near = _distances(given, given).topk(many + 1, dim=2, largest=False).indices[:, :, 1:]
    every = torch.arange(len(given), device=given.device)[:, None, None]
    return (given[every, near] + given[:, :, None]).flatten(1, 2) / 2


def _apart(at: Tensor, given: Tensor) -> Tensor:
    """(B, K) distance of each of ``at`` (B, K, 3) to the nearest of given (B, N, 3)."""
    pairs = zip(given.cpu().numpy(), at.cpu().numpy(), strict=True)
    return torch.from_numpy(np.stack([cKDTree(known).query(new)[0] for known, new in pairs])).to(at)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
