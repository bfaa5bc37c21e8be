from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from engine.fields.encoding import encode
from engine.fields.mlp import WeightField, absent_row, field_logits, fill_absent, presence, union_logits
from engine.fields.weights import field_layout, initial_weights, unflatten
from engine.layout import Layout
from engine.settings import FieldSettings

PARTS = ("body", "wing", "tail")
RELU = FieldSettings(hidden=(16, 12), bands=3)
UNEQUAL = FieldSettings(hidden=(16, 12), bands=3, part_hidden={"wing": (8,)})
SINE = FieldSettings(hidden=(16, 12), bands=1, activation="sine")


class Sine(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(30 * x)


def rows(count: int, layout: Layout, settings: FieldSettings) -> Tensor:
    return torch.stack([initial_weights(layout, settings, torch.Generator().manual_seed(n)) for n in range(count)])


def reference(row: Tensor, layout: Layout, settings: FieldSettings, points: Tensor, part: str) -> Tensor:
    """One expert as a plain torch network that is loaded from its published names."""
    prefix = f"parts.{part}." if part else ""
    tensors = {
        name.removeprefix(prefix): t[0] for name, t in unflatten(row[None], layout).items() if name.startswith(prefix)
    }
    modules: list[tuple[str, nn.Module]] = []
    depth = len(tensors) // 2
    for i in range(depth):
        outputs, inputs = tensors[f"layers.{i}.weight"].shape
        modules.append((f"layers{i}", nn.Linear(inputs, outputs)))
        if i < depth - 1:
            modules.append((f"active{i}", nn.ReLU() if settings.activation == "relu" else Sine()))
    network = nn.Sequential(OrderedDict(modules))
    network.load_state_dict({name.replace("layers.", "layers"): tensor for name, tensor in tensors.items()})
    with torch.no_grad():
        return network(encode(points, settings.bands)).squeeze(1)


@pytest.mark.parametrize("settings", [RELU, UNEQUAL, SINE])
@pytest.mark.parametrize("parts", [(), PARTS])
def test_batched_equals_one_network_at_a_time(settings: FieldSettings, parts: tuple[str, ...]) -> None:
    if settings.part_hidden and not parts:
        pytest.skip("unequal widths need parts")
    layout = field_layout(settings, parts)
    weights = rows(3, layout, settings)
    points = torch.rand(3, 50, 3) - 0.5
    logits = field_logits(weights, layout, settings, points)
    assert logits.shape == (3, len(parts) or 1, 50)
    for n in range(3):
        for k, part in enumerate(parts or ("",)):
            torch.testing.assert_close(logits[n, k], reference(weights[n], layout, settings, points[n], part))
    torch.testing.assert_close(
        field_logits(weights, layout, settings, points[0])[1],
        field_logits(weights[1:2], layout, settings, points[0])[0],
    )


@pytest.mark.parametrize("settings", [RELU, UNEQUAL, SINE])
def test_one_shape_quickly_equals_batched(settings: FieldSettings) -> None:
    layout = field_layout(settings, PARTS)
    weights = rows(1, layout, settings)
    points = torch.rand(5000, 3) - 0.5  # more than one piece
    present = torch.tensor([[True, False, True]])
    field = WeightField(weights[0], layout, settings, present[0])
    logits = field_logits(weights, layout, settings, points)
    assert field.parts == ("body", "tail")
    torch.testing.assert_close(field(points), union_logits(logits, present)[0])
    torch.testing.assert_close(field.part("tail")(points), logits[0, 2])
    assert not field(points).requires_grad


def test_a_shape_without_any_part_is_empty() -> None:
    layout = field_layout(RELU, PARTS)
    field = WeightField(rows(1, layout, RELU)[0], layout, RELU, [False] * 3)
    assert (field(torch.zeros(10, 3)) < -1000).all()


def test_absent_experts_are_empty_everywhere_and_found_again_under_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    layout = field_layout(RELU, PARTS)
    anchor = initial_weights(layout, RELU, generator) * 3
    weights = anchor + 0.1 * torch.randn(20, layout.size, generator=generator)
    present = torch.rand(20, 3, generator=generator) < 0.5
    filled = fill_absent(weights, present, anchor, layout)
    logits = field_logits(filled, layout, RELU, torch.rand(100, 3, generator=generator) - 0.5)
    assert (logits.mT[(~present).unsqueeze(1).expand(-1, 100, -1)] == -8.0).all()
    assert torch.equal(presence(filled, anchor, layout), present)
    noisy = filled + 0.2 * torch.randn(filled.shape, generator=generator)
    assert torch.equal(presence(noisy, anchor, layout), present)
    for k, part in enumerate(PARTS):  # present experts are not touched
        for span in layout.spans_of(part):
            assert torch.equal(filled[present[:, k], span], weights[present[:, k], span])
    assert not presence(absent_row(anchor, layout)[None], anchor, layout).any()
