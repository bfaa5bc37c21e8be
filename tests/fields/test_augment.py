import torch

from engine.fields.augment import augment, interpolate, jitter, permute
from engine.fields.mlp import field_logits
from engine.fields.weights import field_layout
from engine.settings import FieldSettings, TrainSettings

SETTINGS = FieldSettings(hidden=(16, 12), bands=2, part_hidden={"wing": (8, 8)})
LAYOUT = field_layout(SETTINGS, ("body", "wing", "tail"))


def test_permuted_units_give_the_same_fields() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(6, LAYOUT.size, generator=generator)
    chosen = torch.tensor([True, True, False, True, True, False])
    moved = permute(weights, LAYOUT, chosen, generator)
    points = torch.rand(200, 3, generator=generator) - 0.5
    before, after = (field_logits(rows, LAYOUT, SETTINGS, points) for rows in (weights, moved))
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    assert ((moved != weights).float().mean(1) > 0.5).tolist() == chosen.tolist()


def test_blends_lie_between_two_rows_and_jitter_within_its_size() -> None:
    generator = torch.Generator().manual_seed(0)
    corners = torch.eye(8, LAYOUT.size)
    blends = interpolate(corners, torch.ones(8, dtype=torch.bool), generator)
    torch.testing.assert_close(blends.sum(1), torch.ones(8))
    assert ((blends > 0).sum(1) <= 2).all()
    assert (blends >= 0).all()
    moved = jitter(corners, 1e-3, generator) - corners
    assert moved.min() > -1e-6
    assert 0.9e-3 < moved.max() < 1.001e-3


def test_all_off_leaves_weights_alone() -> None:
    weights = torch.randn(4, LAYOUT.size)
    assert torch.equal(augment(weights, LAYOUT, TrainSettings(), torch.Generator()), weights)
