"""A PointNet++ file of the user's, here with random weights: what it must give, and what must be refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.errors import InputError
from engine.metrics.features import features_of
from engine.metrics.pointnet2 import PointNet2, farthest, neighbours

CLOUDS = np.random.default_rng(0).normal(size=(3, 600, 3)) * (0.3, 0.1, 0.2)


def state(seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the released names, written down here by hand; norms are not the identity."""
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, Tensor] = {}

    def norm(name: str, width: int) -> None:
        for key in ("weight", "bias", "running_mean"):
            found[f"{name}.{key}"] = torch.randn(width, generator=generator) * 0.2 + (key == "weight")
        found[f"{name}.running_var"] = torch.rand(width, generator=generator) + 0.5
        found[f"{name}.num_batches_tracked"] = torch.tensor(7)

    widths = {"sa1": (3, 64, 64, 128), "sa2": (131, 128, 128, 256), "sa3": (259, 256, 512, 1024)}
    for level, sizes in widths.items():
        for i, (size, width) in enumerate(zip(sizes, sizes[1:], strict=False)):
            found[f"{level}.mlp_convs.{i}.weight"] = torch.randn(width, size, 1, 1, generator=generator) / size**0.5
            found[f"{level}.mlp_convs.{i}.bias"] = torch.randn(width, generator=generator) * 0.1
            norm(f"{level}.mlp_bns.{i}", width)
    for i, (size, width) in enumerate(((1024, 512), (512, 256), (256, 40)), 1):
        found[f"fc{i}.weight"] = torch.randn(width, size, generator=generator) / size**0.5
        found[f"fc{i}.bias"] = torch.randn(width, generator=generator) * 0.1
        if i < 3:
            norm(f"bn{i}", width)
    return found


def write(path: Path, data: Any) -> Path:
    torch.save(data, path)  # noqa: TID251 a foreign file
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As training scripts leave it: an optimiser's state and accuracies that are numpy's numbers."""
    optimiser = torch.optim.Adam([nn.Parameter(torch.zeros(3))]).state_dict()
    data = {"epoch": 170, "instance_acc": np.float64(0.928), "class_acc": np.mean([0.9, 0.91])}
    data |= {"model_state_dict": state(), "optimizer_state_dict": optimiser}
    return write(tmp_path_factory.mktemp("file") / "best_model.pth", data)


def test_features_are_256_numbers_and_the_file_is_named(file: Path) -> None:
    features = features_of(file)
    found = features(CLOUDS)
    assert found.shape == (3, features.dimension) == (3, 256)
    assert (found >= 0).all() and (found.std(0) > 0).mean() > 0.3  # after a ReLU; clouds differ
    assert features.label == "3D-FID (PointNet++ file)" and "instance_acc 0.928" in features.note


def test_the_order_of_points_and_the_other_clouds_do_not_matter(file: Path) -> None:
    features = features_of(file)
    found = features(CLOUDS)
    mixed = np.random.default_rng(1).permutation(CLOUDS, axis=1)
    assert np.array_equal(features(mixed), found) and np.array_equal(features(CLOUDS), found)
    assert np.allclose(features(CLOUDS[1:2])[0], found[1], atol=1e-4)


def test_clouds_are_normalised_as_published_or_into_the_sphere(file: Path) -> None:
    found = features_of(file)(CLOUDS)
    assert np.allclose(features_of(file)(3 * CLOUDS + 5), found, atol=1e-3)
    sphere = features_of(file, "sphere")
    assert sphere.label != features_of(file).label
    assert not np.allclose(sphere(CLOUDS), found, atol=1e-2)
    prepared = sphere.prepare(CLOUDS)
    assert np.allclose(np.linalg.norm(prepared, axis=2).max(1), 1)
    assert np.allclose(features_of(file).prepare(CLOUDS).std((1, 2)), 1)


def test_a_level_is_what_it_says_step_by_step(file: Path) -> None:
    """The first level and the head against plain loops over centres, neighbours and layers."""
    features = features_of(file)
    assert isinstance(features.network, PointNet2)
    level, tensors = features.network.sa1, state()
    points = torch.from_numpy(CLOUDS[:1]).float()
    centres, found = level(points, None)
    cloud = points[0]
    for i in (0, 1, 77, 511):
        apart = (cloud - centres[0, i]).norm(dim=1)
        near = cloud[apart <= 0.2][:32] - centres[0, i]  # repeats of the first change no maximum
        x = near
        for k in range(3):
            weight, bias = tensors[f"sa1.mlp_convs.{k}.weight"][:, :, 0, 0], tensors[f"sa1.mlp_convs.{k}.bias"]
            x = x @ weight.T + bias
            mean, variance = (tensors[f"sa1.mlp_bns.{k}.running_{what}"] for what in ("mean", "var"))
            x = (x - mean) / (variance + 1e-5).sqrt()
            x = (x * tensors[f"sa1.mlp_bns.{k}.weight"] + tensors[f"sa1.mlp_bns.{k}.bias"]).clamp(min=0)
        assert torch.allclose(x.amax(0), found[0, i], atol=1e-4)


def test_farthest_points_and_neighbours() -> None:
    line = torch.tensor([[0.0], [1.0], [4.0], [9.0], [10.0]]) * torch.tensor([1.0, 0, 0])
    assert farthest(line[None], 4).tolist() == [[0, 4, 2, 1]]
    assert neighbours(line[None], line[None, :1], 4.5, 2).tolist() == [[[0, 1]]]
    assert neighbours(line[None], line[None, 3:4], 2.0, 9).tolist() == [[[3, 4, 3, 3, 3, 3, 3, 3, 3]]]


def test_other_wrappings_are_read(tmp_path: Path, file: Path) -> None:
    found = features_of(file)(CLOUDS)
    bare = write(tmp_path / "bare.pth", state())
    parallel = write(tmp_path / "parallel.pth", {"module." + name: value for name, value in state().items()})
    for path in (bare, parallel):
        assert np.array_equal(features_of(path)(CLOUDS), found)


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("never",))


def without(key: str) -> dict[str, Tensor]:
    return {name: value for name, value in state().items() if name != key}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (without("fc2.bias"), "fc2.bias is missing"),
        (state() | {"sa1.mlp_convs.0.weight": torch.zeros(64, 6, 1, 1)}, "normals"),
        (state() | {"sa1.conv_blocks.0.0.weight": torch.zeros(1)}, "several scales"),
        (state() | {"sa4.mlp_convs.0.weight": torch.zeros(1)}, "another network"),
        (state() | {"fc1.weight": torch.zeros(512, 1000)}, "fc1.weight has the shape"),
        (state() | {"bn1.bias": torch.full((512,), torch.nan)}, "no finite number"),
        ({"weight": torch.zeros(3)}, "another network"),
        ({"model_state_dict": state(), "best": Hostile()}, "run code"),
        ([1, 2], "no set of named tensors"),
    ],
)
def test_other_files_are_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: Any, words: str
) -> None:
    path = write(tmp_path / "other.pth", data)
    with pytest.raises(InputError) as caught:
        features_of(path)
    assert words in str(caught.value) and "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert not capsys.readouterr().out


def test_too_few_points_are_refused(file: Path) -> None:
    with pytest.raises(InputError, match="512"):
        features_of(file)(CLOUDS[:, :500])
    with pytest.raises(InputError, match="one repeated point"):
        features_of(file, "sphere")(np.ones((1, 600, 3)))
