"""More points: midway between neighbours, as even as they come, and what lies around them."""

import numpy as np
import torch
from torch import Tensor

from engine.clouds.even import farthest
from engine.clouds.upsampling import NEIGHBOURS, around, between, continued, filling, midpoints, nearest
from engine.stages import ended


def clouds(points: int = 60, count: int = 2) -> Tensor:
    return torch.rand(count, points, 3, generator=torch.Generator().manual_seed(1))


def test_farthest_points_go_on_from_those_there_are() -> None:
    """From one point it is farthest point sampling; given points are never chosen again while others are left."""
    some = clouds()
    rows = continued(some[:, :1], some, 20)
    for cloud, found in zip(some.numpy(), rows.numpy(), strict=True):
        assert np.array_equal(found, farthest(cloud, 21)[1:])
    rows = continued(some[:, :25], some, 35)
    assert all(sorted(found) == list(range(25, 60)) for found in rows.tolist())


def test_midpoints_lie_midway_between_near_points() -> None:
    """On a line of even points they lie on it, and the first fill the gaps; more than fit in one pass come too."""
    line = torch.linspace(0, 1, 17)[None, :, None] * torch.tensor([1.0, 2.0, -1.0])
    new = midpoints(line, 100)
    assert new.shape == (1, 100, 3)
    assert torch.allclose(new, new[..., :1] * torch.tensor([1.0, 2.0, -1.0]), atol=1e-6)
    places = new[0, :16, 0].sort().values
    assert torch.allclose(places, torch.arange(16) / 16 + 1 / 32, atol=1e-6)


def test_midpoints_at_random_are_of_neighbours() -> None:
    some = clouds()
    new = between(some, 50, torch.Generator().manual_seed(0))
    pairs = ((some[:, :, None] + some[:, None]) / 2).flatten(1, 2)
    found = pairs[torch.arange(2)[:, None], nearest(new, pairs)]
    assert torch.allclose(found, new, atol=1e-6)
    assert not torch.allclose(found.roll(1, 1), new, atol=1e-2)


def test_surroundings_are_nearest_first_and_alike_at_every_size() -> None:
    some = clouds()
    at = clouds(7)
    steps, spacing = around(at, some)
    assert steps.shape == (2, 7, NEIGHBOURS, 3)
    reach = steps.norm(dim=3)
    assert (reach.diff(dim=2) >= 0).all()
    assert torch.allclose(reach[:, :, :3].mean(2), torch.ones(2, 7), atol=1e-5)
    larger, wider = around(3 * at + 1, 3 * some + 1)
    assert torch.allclose(larger, steps, atol=1e-4)
    assert torch.allclose(wider, 3 * spacing, atol=1e-5)
    own, _ = around(some, some, own=True)
    assert own.norm(dim=3).min() > 0
    few, _ = around(at, some[:, :4])
    assert few.shape == steps.shape


def test_what_is_filled_is_nearer_and_more_even_than_midpoints() -> None:
    """Between random points of a ball's surface."""
    ways = torch.randn(3, 150, 3, generator=torch.Generator().manual_seed(2))
    given = ways / ways.norm(dim=2, keepdim=True)

    def seen(new: Tensor) -> tuple[float, float]:
        every = torch.cat([given, new], 1)
        apart = torch.cdist(every, every, compute_mode="donot_use_mm_for_euclid_dist")
        nearest_one = apart.topk(2, largest=False).values[:, :, 1]
        return float((1 - new.norm(dim=2)).abs().mean()), float(nearest_one.std() / nearest_one.mean())

    (off, uneven), (other_off, other_uneven) = seen(ended(filling(given, 450))), seen(midpoints(given, 450))
    assert off < other_off
    assert uneven < 0.75 * other_uneven
