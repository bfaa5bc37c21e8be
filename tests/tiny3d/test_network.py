"""The transformers over points: their sizes, and that no point has a place in an order."""

from typing import Literal

import pytest
import torch

from engine.errors import InputError
from engine.methods.tiny3d.network import PointBlock, PointTransformer, network_of, parameters_of
from engine.methods.tiny3d.settings import PRESETS, PointDenoiserSettings

CLIP, MINILM = 512, 384  # numbers of a caption


@pytest.mark.parametrize("width, layers, millions", [(64, 8, 0.66), (64, 24, 1.86), (128, 24, 7.32)])
def test_the_published_networks_have_their_sizes(width: int, layers: int, millions: float) -> None:
    """The three configurations of the original (facts page), counted; the corrected one is within 1 % of each."""
    settings = PointDenoiserSettings(network="published", width=width, layers=layers)
    published = parameters_of(settings, CLIP)
    assert round(published / 1e6, 2) == millions
    assert parameters_of(PointDenoiserSettings(width=width, layers=layers), CLIP) == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("preset, millions", [("tiny", 1.30), ("small", 4.2), ("paper", 7.24), ("point-e", 58)])
def test_presets_are_as_large_as_recommended(preset: str, millions: float) -> None:
    """With captions of 384 numbers, as the facts page counts them."""
    assert parameters_of(PRESETS[preset].denoiser, MINILM) / 1e6 == pytest.approx(millions, rel=0.02)


def some(network: Literal["ours", "published"]) -> torch.nn.Module:
    """A small network whose gates are open."""
    torch.manual_seed(1)
    made = network_of(PointDenoiserSettings(network=network, width=32, layers=2, heads=2), 8)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made


@pytest.mark.parametrize("network", ["ours", "published"])
def test_points_have_no_order_and_any_number(network: Literal["ours", "published"]) -> None:
    made = some(network)
    x, t, text = torch.randn(2, 20, 3), torch.tensor([3, 700]), torch.randn(2, 8)
    order = torch.randperm(20)
    with torch.no_grad():
        out = made(x, t, text)
        assert torch.allclose(made(x[:, order], t, text), out[:, order], atol=1e-5)
        assert made(torch.cat([x, x], 1), t, text).shape == (2, 40, 3)
        assert not torch.allclose(made(x, t + 50, text), out, atol=1e-3)
        assert not torch.allclose(made(x, t, -text), out, atol=1e-3)


@pytest.mark.parametrize("network", ["ours", "published"])
def test_nothing_is_predicted_at_first(network: Literal["ours", "published"]) -> None:
    made = network_of(PointDenoiserSettings(network=network, width=16, layers=1, heads=1), 8)
    assert not made(torch.randn(1, 5, 3), torch.tensor([9]), torch.randn(1, 8)).any()


def test_the_condition_reaches_the_head() -> None:
    """With all gates of the blocks closed, the caption still changes what leaves the network."""
    made = some("ours")
    assert isinstance(made, PointTransformer)
    for block in made.blocks:
        assert isinstance(block, PointBlock)
        for parameter in block.modulation.parameters():
            torch.nn.init.zeros_(parameter)
    x, t = torch.randn(1, 6, 3), torch.tensor([100])
    with torch.no_grad():
        assert not torch.allclose(made(x, t, torch.zeros(1, 8)), made(x, t, torch.ones(1, 8)), atol=1e-4)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(InputError, match="multiple of the heads"):
        network_of(PointDenoiserSettings(width=10, heads=3), 8)
