"""Published denoisers compute what their own program computes, and go back bit for bit."""

from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import Tensor

from engine.diffusion.denoiser import Denoiser
from engine.errors import InputError
from engine.foreign.denoisers import PARTS, Published, read_denoiser, write_denoiser
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.methods.semantic.settings import SemanticSettings
from tests.foreign.published import State, denoised, denoiser, same, save

HYPER = (27 * 8, 8, 64, 8, 8, 1)  # tokens of a field with two hidden layers of 8
SEMANTIC = HYPER * 4


def checkpoint(path: Path, state: State, **more: Any) -> Path:
    extra = {"epoch": 5999, "global_step": 12, "pytorch-lightning_version": "1.5.10", "lr_schedulers": [{"a": 1}]}
    return save(path, {**extra, "state_dict": state, **more})


def ours(found: Published) -> Denoiser:
    network = Denoiser(found.layout, found.settings.denoiser)
    network.load_state_dict(found.state)
    return network.eval()


@pytest.mark.parametrize("sizes", [HYPER, SEMANTIC], ids=["hyperdiffusion", "semantic"])
@pytest.mark.parametrize("width", [32, 48])
@torch.no_grad()
def test_outputs_are_those_of_the_published_network(tmp_path: Path, sizes: tuple[int, ...], width: int) -> None:
    state = denoiser(sizes, width, blocks=2)
    found = read_denoiser(checkpoint(tmp_path / "a.ckpt", state))
    network = ours(found)
    x = torch.randn(3, sum(sizes), generator=torch.Generator().manual_seed(2))
    for steps in ([0, 250, 499], [1, 498, 77]):
        t = torch.tensor(steps)
        output = network(x, t)
        assert torch.equal(output, denoised(state, x, t, heads=16, plain=False))
        torch.testing.assert_close(output, denoised(state, x, t, heads=16, plain=True), rtol=1e-4, atol=1e-4)
        assert torch.equal(network.restore(network.x0(network.normalise(x), t)), output)


def test_settings_follow_from_the_file(tmp_path: Path) -> None:
    published = (3456, 128, 16384, 128, 16384, 128, 128, 1)
    found = read_denoiser(checkpoint(tmp_path / "a.ckpt", denoiser(published, 16, blocks=1)))
    assert isinstance(found.settings, HyperdiffusionSettings)
    paper = HyperdiffusionSettings()
    assert found.settings.field == paper.field and found.layout.size == 36_737 and found.vocabulary == ()
    own = found.settings.denoiser
    assert (own.width, own.layers, own.heads, own.tokens, own.time) == (16, 1, 16, "tensor", "published")
    assert (own.normalise, own.schedule, own.timesteps, own.predict) == ("none", "linear", 500, "x0")
    expert = (1620, 60, 3600, 60, 3600, 60, 60, 1)
    path = checkpoint(tmp_path / "b.ckpt", denoiser(expert * 4, 16, blocks=1))
    found = read_denoiser(path, heads=4, parts=("back", "seat", "leg", "arm"))
    assert isinstance(found.settings, SemanticSettings)
    assert found.settings.field == SemanticSettings().field and found.layout.size == 36_244
    assert found.vocabulary == found.settings.parts == ("back", "seat", "leg", "arm")
    assert read_denoiser(path).vocabulary == PARTS


@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
def test_it_goes_back_bit_for_bit(tmp_path: Path, kind: torch.dtype) -> None:
    state = denoiser(SEMANTIC, 32, blocks=2)
    state["fid.weight"] = torch.randn(3)  # something beside the denoiser
    turned = type(state)((key, value.to(kind)) for key, value in state.items())
    turned._metadata = {"": {"version": 1}}  # type: ignore[attr-defined]
    path = checkpoint(tmp_path / "a.ckpt", turned)
    found = read_denoiser(path)
    write_denoiser(tmp_path / "b.ckpt", found.state, found.form, found.extra)
    assert same(path, tmp_path / "b.ckpt")
    again = read_denoiser(tmp_path / "b.ckpt")
    assert again.form == found.form and again.form.beside["pytorch-lightning_version"] == "1.5.10"


def test_the_optimisers_moments_stay_on_disk(tmp_path: Path) -> None:
    state = denoiser(HYPER, 64, blocks=1)
    moments = {i: {"exp_avg": torch.ones(4_000_000), "exp_avg_sq": torch.ones(4_000_000)} for i in range(2)}
    read_denoiser(checkpoint(tmp_path / "small.ckpt", state))
    path = checkpoint(tmp_path / "a.ckpt", state, optimizer_states=[{"state": moments}])
    del moments
    assert path.stat().st_size > 60e6
    process = psutil.Process()
    before = process.memory_info().rss
    found = read_denoiser(path)
    assert sum(tensor.numel() for tensor in found.state.values()) > 0
    assert process.memory_info().rss - before < 8e6


def test_what_cannot_be_run_is_named(tmp_path: Path) -> None:
    state = denoiser(HYPER, 32, blocks=2)
    doubled = denoiser(HYPER, 32, blocks=1)
    for i in range(len(HYPER) + 1, 2 * len(HYPER) + 1):  # the previous weights as further tokens
        doubled[f"model.decoder.input_parameter_projections.{i}.0.weight"] = torch.zeros(32, 8)
    less: dict[str, Tensor] = {key: value for key, value in state.items() if "blocks.1.ln1.bias" not in key}
    cases: list[tuple[dict[str, Tensor], dict[str, Any], str]] = [
        (state, {"heads": 5}, "5 heads"),
        (denoiser(SEMANTIC, 32, 1), {"parts": ("a", "b")}, "4 parts"),
        (denoiser((36 * 8, 8, 8, 1), 32, 1), {}, "4D"),
        (denoiser((100, 8, 8, 1), 32, 1), {}, "not the layers"),
        (denoiser((27 * 8, 8, 8), 32, 1), {}, "not the layers"),
        (doubled, {}, "use_global_residual"),
        (less, {}, "transformer.blocks.1.ln1.bias"),
        (state | {"model.decoder.blocks.0.attn.mask": torch.zeros(2)}, {}, "attn.mask"),
        (state | {"model.decoder.odd": torch.zeros(2)}, {}, "decoder.odd"),
        ({"layers.0.weight": torch.zeros(2, 2)}, {}, "no denoiser"),
    ]
    for i, (data, arguments, expected) in enumerate(cases):
        path = checkpoint(tmp_path / f"{i}.ckpt", type(state)(data))
        with pytest.raises(InputError) as caught:
            read_denoiser(path, **arguments)
        assert expected in str(caught.value) and "\n" not in str(caught.value), expected
