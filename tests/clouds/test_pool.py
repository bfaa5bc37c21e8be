"""Pools: points of surfaces, other ones at each draw, and a stopped pool goes on as if it had not been stopped."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine import Project, run
from engine.clouds import pool as pools
from engine.clouds.even import farthest
from engine.clouds.pool import CloudSet, make_pool
from engine.clouds.told import Told
from engine.errors import DamagedFileError
from engine.geometry.file import load_geometry
from engine.jobs import SamplesJob
from engine.method import Data, Encoded
from engine.rows import ItemRow
from engine.text.captions import vocabulary_of_captions

POINTS, MANY = 32, 4


class Keys:
    """Captions that are the item's number and the key."""

    def told(self, items: Sequence[ItemRow], keys: Sequence[int], about: Sequence[str] = ()) -> Tensor:
        return torch.tensor([[int(item.id.split("-")[-1]), key] for item, key in zip(items, keys, strict=True)])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    with Project.create(tmp_path_factory.mktemp("pool") / "p") as project:
        for category in ("mug", "lamp"):
            list(run(SamplesJob(category=category, count=3, seed=2), project))
        yield Data(project, tuple(project.catalogue.items()))


def drawn(clouds: CloudSet, rows: Sequence[int], seed: int) -> tuple[Tensor, Tensor]:
    batch = clouds.batch(torch.tensor(rows), torch.Generator().manual_seed(seed))
    return batch.target.unflatten(1, (-1, 3)), batch.extras["caption"]


def test_points_lie_on_their_items_and_differ_at_each_draw(data: Data, tmp_path: Path) -> None:
    list(make_pool(data, POINTS, MANY, 0, tmp_path / "clouds.safetensors"))
    clouds = CloudSet(tmp_path / "clouds.safetensors", data.items, POINTS, Keys())
    assert clouds.layout.size == 3 * POINTS
    assert [record.verdict for record in clouds.records] == ["accepted"] * 6
    assert clouds.categories == ("lamp", "mug")
    first, told = drawn(clouds, [0, 4], 1)
    for row, points in zip([0, 4], first.numpy(), strict=True):
        mesh = load_geometry(data.project.geometry_path(data.items[row].id)).surface
        a, b, c = mesh.triangles.swapaxes(0, 1)
        normals = np.cross(b - a, c - a)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-12)
        off = np.abs(((points[:, None] - a) * normals).sum(-1))  # to the planes of the faces
        assert off.min(1).max() < 1e-3  # of float16
        assert len(np.unique(points, axis=0)) == POINTS  # no point is drawn twice
    other, _ = drawn(clouds, [0, 4], 2)
    assert not torch.equal(first, other)
    again, _ = drawn(clouds, [0, 4], 1)
    assert torch.equal(first, again)
    assert told[:, 0].tolist() == [int(data.items[row].id.split("-")[-1]) for row in (0, 4)]
    even = clouds.even(4)
    assert np.array_equal(farthest(even, POINTS), np.arange(POINTS))


def test_a_stopped_pool_goes_on(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "PIECE", 2)
    list(make_pool(data, POINTS, MANY, 5, tmp_path / "straight.safetensors"))
    stage = make_pool(data, POINTS, MANY, 5, tmp_path / "stopped.safetensors")
    for _ in range(4):
        next(stage)
    stage.close()
    assert len(list((tmp_path / "stopped").iterdir())) == 1
    made: list[str] = []
    fill = pools._fill

    def noted(pool: NDArray[np.float16], data: Data, item: ItemRow, points: int, seed: int) -> Encoded:
        made.append(item.id)
        return fill(pool, data, item, points, seed)

    monkeypatch.setattr(pools, "_fill", noted)
    list(make_pool(data, POINTS, MANY, 5, tmp_path / "stopped.safetensors"))
    assert made == [item.id for item in data.items[2:]]
    found = [CloudSet(tmp_path / f"{name}.safetensors", data.items, POINTS, Keys()) for name in ("straight", "stopped")]
    assert torch.equal(drawn(found[0], range(6), 3)[0], drawn(found[1], range(6), 3)[0])
    assert not (tmp_path / "stopped").exists()


def test_a_pool_is_of_its_items(data: Data, tmp_path: Path) -> None:
    list(make_pool(data, POINTS, 1, 0, tmp_path / "c.safetensors"))
    with pytest.raises(DamagedFileError, match="other items"):
        CloudSet(tmp_path / "c.safetensors", data.items[::-1], POINTS, Keys())


def test_what_is_practised_and_whose_words_are_stirred_are_chosen_apart(data: Data, tmp_path: Path) -> None:
    """Both by the key of a draw, but not by the same number: else captions that practise would never be sentences."""
    seen: list[tuple[bool, bool]] = []

    class Watching(Told):
        def told(self, items: Sequence[ItemRow], keys: Sequence[int], about: Sequence[str] = ()) -> Tensor:
            seen.extend((bool(name), Random(key).random() < 0.5) for name, key in zip(about, keys, strict=True))
            return super().told(items, keys, about)

    list(make_pool(data, POINTS, MANY, 0, tmp_path / "clouds.safetensors"))
    captions = Watching(vocabulary_of_captions(("lamp", "mug")), 0.5)
    clouds = CloudSet(tmp_path / "clouds.safetensors", data.items, POINTS, captions).practised(["lamp.pole"], range(6))
    clouds.batch(torch.zeros(400, dtype=torch.int64), torch.Generator().manual_seed(0))
    assert min(Counter(seen).values()) > 60 and len(set(seen)) == 4
