import math

import pytest
import torch

from engine.errors import InputError
from engine.fields.encoding import encode
from engine.fields.weights import field_layout, flatten, initial_weights, unflatten
from engine.settings import FieldSettings

AIRPLANE = ("body", "wing", "tail", "engine")
UNEQUAL = FieldSettings(hidden=(16, 12), part_hidden={"tail": (8,)})


def test_published_sizes() -> None:
    assert field_layout(FieldSettings()).size == 36_737
    assert field_layout(FieldSettings(), dimensions=4).size == 37_889
    layout = field_layout(FieldSettings(hidden=(60, 60, 60)), AIRPLANE)
    assert layout.size == 4 * 9_061
    assert [sum(span.stop - span.start for span in layout.spans_of(part)) for part in AIRPLANE] == [9_061] * 4


def test_published_order_and_names() -> None:
    layout = field_layout(FieldSettings())
    assert [slot.name for slot in layout.slots[:4]] == [
        "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias",
    ]  # fmt: skip
    assert [slot.size for slot in layout.slots] == [3456, 128, 16384, 128, 16384, 128, 128, 1]
    expert = field_layout(FieldSettings(hidden=(60, 60, 60)), AIRPLANE).slots[8]
    assert (expert.name, expert.shape, expert.part) == ("parts.wing.layers.0.weight", (60, 27), "wing")


def test_flatten_and_unflatten_are_inverse_with_unequal_experts() -> None:
    layout = field_layout(UNEQUAL, AIRPLANE)
    rows = torch.randn(3, layout.size)
    assert torch.equal(flatten(unflatten(rows, layout), layout), rows)


def test_wrong_tensors_are_named() -> None:
    layout = field_layout(FieldSettings())
    tensors = unflatten(torch.zeros(1, layout.size), layout)
    tensors["layers.1.weight"] = torch.zeros(1, 128, 60)
    with pytest.raises(InputError, match=r"layers\.1\.weight is \(128, 60\)"):
        flatten(tensors, layout)
    with pytest.raises(InputError, match="fin"):
        field_layout(FieldSettings(part_hidden={"fin": (8,)}), AIRPLANE)


def test_encoding_is_the_published_one() -> None:
    point = torch.tensor([0.3, -0.4, 0.1])
    expected = [0.3, -0.4, 0.1]
    for band in range(4):
        expected += [math.sin(2**band * x) for x in (0.3, -0.4, 0.1)]
        expected += [math.cos(2**band * x) for x in (0.3, -0.4, 0.1)]
    torch.testing.assert_close(encode(point, 4), torch.tensor(expected))
    assert encode(torch.zeros(2, 5, 4), 4).shape == (2, 5, 36)


def test_sine_layers_start_with_unit_spread() -> None:
    """Sitzmann et al. 2020: pre-activations of hidden sine layers have a standard deviation near 1."""
    settings = FieldSettings(hidden=(256, 256, 256), bands=0, activation="sine")
    layout = field_layout(settings)
    tensors = unflatten(initial_weights(layout, settings, torch.Generator().manual_seed(0)).unsqueeze(0), layout)
    hidden = torch.rand(2000, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    for i in range(3):
        before = 30 * (hidden @ tensors[f"layers.{i}.weight"][0].T + tensors[f"layers.{i}.bias"][0])
        if i:
            assert 0.7 < before.std() < 2.5
        hidden = before.sin()
