"""Models of the original, on files written here in their layout, against a network written out by hand."""

import json
import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.errors import InputError
from engine.methods.tiny3d import denoiser
from engine.methods.tiny3d.original import read_original

WIDTH, DEPTH, HEADS, CLIP = 16, 2, 2, 12
CONFIG: dict[str, Any] = {
    "noise_scheduler": {"num_timesteps": 1000, "schedule_type": "linear"},
    "model": {
        "type": "CLIPConditionalPointCloudDiT",
        "num_points": 20,
        "dim": 3,
        "depth": DEPTH,
        "hidden_size": WIDTH,
        "num_heads": HEADS,
        "mlp_ratio": 4,
        "clip_model": "ViT-B-32",
    },
    "sampler": {"type": "DDPMSampler"},
    "min_snr_loss_weight": True,
    "min_snr_gamma": 5.0,
}


def weights() -> dict[str, Tensor]:
    """Random numbers under the original's names."""
    sizes = {"x_embed": (WIDTH, 3), "t_embed.mlp.0": (WIDTH, 4 * WIDTH), "t_embed.mlp.2": (WIDTH, WIDTH)}
    sizes |= {
        "c_embed": (WIDTH, CLIP),
        "out_layer.adaLN_modulate.1": (2 * WIDTH, WIDTH),
        "out_layer.linear": (3, WIDTH),
    }
    norms = ["out_layer.layernorm"]
    for i in range(DEPTH):
        block = f"dit_blocks.{i}"
        norms += [f"{block}.layernorm1", f"{block}.layernorm2"]
        sizes |= {f"{block}.adaLN_modulation.1": (6 * WIDTH, WIDTH), f"{block}.msa.to_qkv": (3 * WIDTH, WIDTH)}
        sizes |= {f"{block}.msa.proj_out": (WIDTH, WIDTH), f"{block}.mlp.mlp.0": (4 * WIDTH, WIDTH)}
        sizes[f"{block}.mlp.mlp.3"] = (WIDTH, 4 * WIDTH)
    generator = torch.Generator().manual_seed(3)
    state = {f"{name}.weight": torch.randn(size, generator=generator) / 4 for name, size in sizes.items()}
    state |= {f"{name}.bias": torch.randn(size[0], generator=generator) / 4 for name, size in sizes.items()}
    state |= {f"{name}.{kind}": torch.rand(WIDTH, generator=generator) for name in norms for kind in ("weight", "bias")}
    return state | {"null_token": torch.randn(1, CLIP, generator=generator), "clip.text": torch.zeros(4)}


def by_hand(state: dict[str, Tensor], x: Tensor, t: float, feature: Tensor) -> Tensor:
    """Points (P, 3) of one cloud, noise step and text feature (CLIP,) -> noise (P, 3), in the original's axes."""

    def linear(name: str, value: Tensor) -> Tensor:
        return value @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(name: str, value: Tensor) -> Tensor:
        centred = value - value.mean(-1, keepdim=True)
        even = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return even * state[f"{name}.weight"] + state[f"{name}.bias"]

    def silu(value: Tensor) -> Tensor:
        return value / (1 + (-value).exp())

    def gelu(value: Tensor) -> Tensor:
        return value / 2 * (1 + ((value + 0.044715 * value**3) * math.sqrt(2 / math.pi)).tanh())

    half = 2 * WIDTH
    phase = torch.tensor([t * 10_000 ** (-i / half) for i in range(half)])
    step = linear("t_embed.mlp.2", silu(linear("t_embed.mlp.0", torch.cat([phase.cos(), phase.sin()]))))
    caption = linear("c_embed", feature)
    h = torch.cat([step[None], caption[None], linear("x_embed", x)])
    for i in range(DEPTH):
        block = f"dit_blocks.{i}"
        a = linear(f"{block}.adaLN_modulation.1", silu(step + caption)).split(WIDTH)
        q, k, v = linear(f"{block}.msa.to_qkv", norm(f"{block}.layernorm1", h) * (1 + a[1]) + a[0]).split(WIDTH, 1)
        heads = []
        for one in range(HEADS):
            own = slice(one * WIDTH // HEADS, (one + 1) * WIDTH // HEADS)
            scores = (q[:, own] @ k[:, own].T / math.sqrt(WIDTH // HEADS)).exp()
            heads.append(scores / scores.sum(1, keepdim=True) @ v[:, own])
        h = h + a[2] * linear(f"{block}.msa.proj_out", torch.cat(heads, 1))
        inner = gelu(linear(f"{block}.mlp.mlp.0", norm(f"{block}.layernorm2", h) * (1 + a[4]) + a[3]))
        h = h + a[5] * linear(f"{block}.mlp.mlp.3", inner)
    h = norm("out_layer.layernorm", h[2:])
    shift, scale = linear("out_layer.adaLN_modulate.1", silu(h)).split(WIDTH, 1)
    return linear("out_layer.linear", scale * h + shift)


def written(folder: Path, state: Any, config: Any = CONFIG) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    torch.save(state, folder / "weights.pt")  # noqa: TID251 the layout of another program
    return folder


@pytest.mark.parametrize("nested", [False, True])
def test_it_predicts_what_the_original_would(tmp_path: Path, nested: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """+Z of the original is +Y here; noise turns as points do. With and without a caption."""
    monkeypatch.setattr(denoiser, "narrow", lambda device: nullcontext())
    state = weights()
    found = read_original(written(tmp_path / "m", {"weights": state} if nested else state))
    theirs, feature = torch.randn(20, 3), 3 * torch.randn(CLIP)

    def here(points: Tensor) -> Tensor:
        return torch.stack([points[:, 0], points[:, 2], -points[:, 1]], 1)

    for said in (feature, state["null_token"][0]):
        noise = here(by_hand(state, theirs, 412.0, said)).flatten()
        got = found(here(theirs).flatten()[None], torch.tensor([412]), said[None])[0]
        assert torch.allclose(got, noise, atol=1e-4)
    signal, share = found.schedule.at(412)
    clean = found.x0(here(theirs).flatten()[None], torch.tensor([412]), None)[0]
    assert torch.allclose(clean, (here(theirs).flatten() - share * noise) / signal, atol=1e-3)
    assert found.restore(torch.ones(1, 3)).tolist()[0] == pytest.approx([0.475] * 3)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    other = CONFIG | {"model": CONFIG["model"] | {"depth": 3}}
    with pytest.raises(InputError, match="does not fit its config.json"):
        read_original(written(tmp_path / "a", weights(), other))
    with pytest.raises(InputError, match="there is no .*config.json"):
        read_original(tmp_path)
    unread = {name: tensor for name, tensor in weights().items() if name != "null_token"}
    with pytest.raises(InputError, match="does not read captions"):
        read_original(written(tmp_path / "b", unread))
    sigma = CONFIG | {"model": CONFIG["model"] | {"learn_sigma": True}}
    with pytest.raises(InputError, match="without sigma"):
        read_original(written(tmp_path / "c", weights(), sigma))
    (tmp_path / "c" / "config.json").write_text('{"model": {}}')
    with pytest.raises(InputError, match="does not describe"):
        read_original(tmp_path / "c")
