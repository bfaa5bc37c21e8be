"""Published networks decode as their own program decodes them, and go back bit for bit."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.errors import InputError
from engine.fields.encoding import encode
from engine.fields.mlp import WeightField
from engine.foreign.networks import Network, read_network, write_network
from engine.geometry.mesh import Mesh, is_watertight, volume
from engine.geometry.surface import extract
from engine.stages import ended
from tests.foreign.published import State, embedded, field, network, same, save

POINTS = torch.rand(500, 3, generator=torch.Generator().manual_seed(1)) - 0.5
PUBLISHED = (27, 128, 128, 128, 1)


def decoded(found: Network) -> WeightField:
    return WeightField(found.row, found.layout, found.settings)


def written(found: Network, path: Path) -> Path:
    write_network(path, found.row, found.form, found.extra, found.layout)
    return path


def surface(solid: Callable[[Tensor], Tensor], resolution: int) -> Mesh:
    return ended(extract(solid, resolution))


def with_heads(state: State, classes: int = 4, seed: int = 5) -> State:
    """The last layer named occ_head, and class heads beside it."""
    last = max(int(key.split(".")[1]) for key in state)
    named = OrderedDict((key.replace(f"layers.{last}.", "occ_head."), value) for key, value in state.items())
    generator = torch.Generator().manual_seed(seed)
    for i in range(classes):
        named[f"class_heads.{i}.weight"] = torch.randn(1, 128, generator=generator)
        named[f"class_heads.{i}.bias"] = torch.randn(1, generator=generator)
    return named


def test_the_encoding_has_the_published_order() -> None:
    for octaves in (0, 1, 4, 10):
        torch.testing.assert_close(encode(POINTS, octaves), embedded(POINTS, octaves), rtol=0, atol=0)
    assert encode(POINTS, 4).shape[1] == 27


@pytest.mark.parametrize(
    "widths", [PUBLISHED, (27, 32, 32, 1), (27, 1), (3, 16, 1), (63, 8, 24, 8, 1)], ids=lambda widths: str(widths)
)
@pytest.mark.parametrize("nest", [(), ("state_dict",), ("model",)], ids=str)
def test_a_network_of_any_size(tmp_path: Path, widths: tuple[int, ...], nest: tuple[str, ...]) -> None:
    if len(widths) == 2:
        with pytest.raises(InputError):  # a linear field is no network
            read_network(save(tmp_path / "a.pth", network(widths)))
        return
    state = network(widths)
    data: Any = {"epoch": 7, nest[0]: state} if nest else state
    path = save(tmp_path / "a.pth", data)
    found = read_network(path)
    octaves = (widths[0] - 3) // 6
    assert (found.settings.hidden, found.settings.bands, found.vocabulary) == (widths[1:-1], octaves, ())
    assert torch.equal(found.row, torch.cat([value.flatten() for value in state.values()]))
    torch.testing.assert_close(decoded(found)(POINTS), field(state, POINTS, octaves), rtol=1e-5, atol=1e-5)
    assert same(path, written(found, tmp_path / "b.pth"))


def test_order_of_keys_prefix_and_types_are_kept(tmp_path: Path) -> None:
    state = network((27, 16, 16, 1), prefix="module.net.")
    for kind in (torch.float16, torch.bfloat16, torch.float32):
        turned = {key: state[key].to(kind) for key in reversed(state)}
        path = save(tmp_path / "a.pth", turned)
        found = read_network(path)
        expected = torch.cat([state[key].to(kind).float().flatten() for key in state])
        assert torch.equal(found.row, expected) and not found.notes
        assert same(path, written(found, tmp_path / "b.pth"))
    found = read_network(save(tmp_path / "c.pth", {key: value.double() / 3 for key, value in state.items()}))
    assert "rounded" in found.notes[0]


@pytest.mark.parametrize("classes", [0, 4])
def test_occ_head_is_wired_as_its_program_wires_it(tmp_path: Path, classes: int) -> None:
    state = with_heads(network(PUBLISHED), classes)
    path = save(tmp_path / "a.pth", state)
    found = read_network(path)

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    x = linear(embedded(POINTS, 4), "layers.0")  # no ReLU, and layers.1 is for the class heads
    expected = linear(F.relu(linear(x, "layers.2")), "occ_head")[:, 0]
    torch.testing.assert_close(decoded(found)(POINTS), expected, rtol=1e-4, atol=1e-4)
    assert len(found.notes) == (2 if classes else 1)
    assert same(path, written(found, tmp_path / "b.pth"))
    plain = read_network(path, head="chain")
    torch.testing.assert_close(decoded(plain)(POINTS), field(network(PUBLISHED), POINTS), rtol=1e-5, atol=1e-5)
    assert same(path, written(plain, tmp_path / "c.pth"))


def test_a_changed_network_goes_back_into_the_folded_layout(tmp_path: Path) -> None:
    found = read_network(save(tmp_path / "a.pth", with_heads(network(PUBLISHED))))
    row = found.row + 0.01
    write_network(tmp_path / "b.pth", row, found.form, found.extra, found.layout)
    again = read_network(tmp_path / "b.pth")
    assert torch.equal(again.row, row)
    assert again.form == found.form


def test_experts_are_parts_and_the_field_is_their_maximum(tmp_path: Path) -> None:
    names = ("body", "wing", "tail", "engine")
    state: State = OrderedDict()
    for i, name in enumerate(names):
        state |= network((27, 60, 60, 60, 1), seed=i, prefix=f"parts.{name}.")
    path = save(tmp_path / "a.pth", state)
    found = read_network(path)
    assert found.vocabulary == names and len(found.row) == 4 * 9_061 and found.settings.part_hidden == {}
    each = torch.stack([field(state, POINTS, prefix=f"parts.{name}.") for name in names])
    solid = decoded(found)
    torch.testing.assert_close(solid(POINTS), each.amax(0), rtol=1e-5, atol=1e-5)
    for name, logits in zip(names, each, strict=True):
        torch.testing.assert_close(solid.part(name)(POINTS), logits, rtol=1e-5, atol=1e-5)
    assert same(path, written(found, tmp_path / "b.pth"))
    uneven = network((27, 60, 60, 1), prefix="parts.back.") | network((27, 16, 24, 1), prefix="parts.arm.")
    found = read_network(save(tmp_path / "c.pth", uneven))
    assert found.settings.part_hidden == {"arm": (16, 24)}
    torch.testing.assert_close(decoded(found).part("arm")(POINTS), field(uneven, POINTS, prefix="parts.arm."))


def test_what_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    state = network((27, 16, 16, 1))
    cases: dict[str, tuple[dict[str, Tensor], str]] = {
        "time": (network((36, 16, 1)), "4D"),
        "inputs": (network((28 + 1, 16, 1)), "29 inputs"),
        "outputs": (network((27, 16, 3)), "3 outputs"),
        "gap": ({key: value for key, value in state.items() if ".1." not in key}, "lacks a layer"),
        "bias": ({key: value for key, value in state.items() if key != "layers.1.bias"}, "layers.1.bias"),
        "chain": (state | {"layers.1.weight": torch.zeros(16, 9)}, "9 inputs in the next"),
        "norm": (state | {"norms.0.weight": torch.zeros(16)}, "norms.0"),
        "nan": (state | {"layers.0.bias": torch.full((16,), torch.nan)}, "finite"),
        "both": (state | network((27, 8, 1), prefix="parts.a."), "beside those of its parts"),
        "ginr": ({"hyponet.params.linear_wb0": torch.zeros(3, 3), "factors.a": torch.zeros(2)}, "hyponet.params"),
        "denoiser": ({"model.decoder.input_parameter_projections.0.0.weight": torch.zeros(2, 2)}, "as a model"),
        "big": (network((27, *[4] * 3, 1)) | {"layers.0.bias": torch.zeros(5)}, "layers.0.bias"),
    }
    for name, (data, expected) in cases.items():
        with pytest.raises(InputError) as caught:
            read_network(save(tmp_path / f"{name}.pth", data))
        assert expected in str(caught.value) and "\n" not in str(caught.value), name
    found = read_network(save(tmp_path / "good.pth", state))
    with pytest.raises(InputError):
        write_network(tmp_path / "b.pth", found.row[:-1], found.form, found.extra, found.layout)
    assert not (tmp_path / "b.pth").exists()


def test_all_published_networks_are_solids_and_go_back_bit_for_bit(test_data: Path, tmp_path: Path) -> None:
    files = sorted((test_data / "hyperdiffusion_mlps").rglob("*.pth"))
    assert len(files) == 22
    for file in files:
        found = read_network(file)
        mesh = surface(decoded(found), 128)
        assert is_watertight(mesh) and volume(mesh) > 1e-5, file
        if "insert_name_here" in file.parent.name:  # knives, which lie along y
            assert (mesh.bounds[1] - mesh.bounds[0]).argmax() == 1, file
        assert same(file, written(found, tmp_path / "back.pth")), file
