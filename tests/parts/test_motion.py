"""Poses between poses: keys come back bit for bit, turns are turned half way, mirrored poses are never flattened."""

import torch

from engine.parts.motion import between
from engine.parts.pose import mirrored, moved, rotated, scaled, unmoved


def test_keys_come_back_and_half_way_is_half_the_turn_the_shift_and_the_stretch() -> None:
    start = unmoved()
    end = moved(rotated(scaled(start, (2.0, 1.0, 1.0)), (0, 1, 0), 80), (0.2, 0, 0.1))
    found = between(torch.stack([start, end, start]), torch.tensor([0.0, 0.25, 0.5, 1.0]))
    assert torch.equal(found[0], start) and torch.equal(found[2], end) and torch.equal(found[3], start)
    half = moved(rotated(scaled(start, (1.5, 1.0, 1.0)), (0, 1, 0), 40), (0.1, 0, 0.05))
    torch.testing.assert_close(found[1], half)


def test_mirrored_poses_turn_among_themselves_and_are_never_flat() -> None:
    start, turned = mirrored(unmoved(), (1, 0, 0)), rotated(mirrored(unmoved(), (1, 0, 0)), (0, 0, 1), 60)
    torch.testing.assert_close(
        between(torch.stack([start, turned]), torch.tensor([0.5]))[0],
        rotated(mirrored(unmoved(), (1, 0, 0)), (0, 0, 1), 30),
    )
    way = between(torch.stack([unmoved(), start]), torch.linspace(0, 1, 7))
    assert torch.linalg.det(way[:, :, :3]).abs().min() > 0.99
