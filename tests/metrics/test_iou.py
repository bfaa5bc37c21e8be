import torch

from engine.metrics.iou import iou


def test_known_by_hand() -> None:
    logits = torch.tensor([[2.0, 1.0, -1.0, -3.0], [0.0, -1.0, -1.0, -1.0], [1.0, 1.0, 1.0, 1.0]])
    occupancy = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    assert torch.equal(iou(logits, occupancy), torch.tensor([1 / 3, 1.0, 1.0]))  # logit 0 is outside; nothing = nothing
    assert torch.equal(iou(logits, occupancy.float()), iou(logits, occupancy.bool()))


def test_two_overlapping_balls() -> None:
    points = torch.rand(200_000, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    radius = 0.3
    first = radius - (points - torch.tensor([0.1, 0.0, 0.0])).norm(dim=-1)
    second = (points + torch.tensor([0.1, 0.0, 0.0])).norm(dim=-1) < radius
    ball = 4 / 3 * torch.pi * radius**3
    lens = torch.pi * (4 * radius + 0.2) * (2 * radius - 0.2) ** 2 / 12  # two equal balls, centres 0.2 apart
    assert abs(float(iou(first, second)) - lens / (2 * ball - lens)) < 0.01
