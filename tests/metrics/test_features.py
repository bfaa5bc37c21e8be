"""Our own feature network: what its distance must tell apart, with shapes that it was not trained on."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.datasets.procedural import make
from engine.errors import InputError
from engine.geometry.mesh import Geometry, Mesh
from engine.geometry.occupancy import surface_points
from engine.metrics.feature_lessons import LEARNED, UNSEEN, lesson, lessons
from engine.metrics.feature_training import QUICK, train_features
from engine.metrics.features import OURS, Features, described, features_of
from engine.metrics.frechet import FrechetRow, frechet, frechet_row
from engine.protocol import Progress
from engine.resources import FOLDER, resource
from engine.stages import ended
from tests.hearing import heard

COUNT, POINTS = 72, 1024  # shapes of a set: more than there are features
FIRST = UNSEEN + 5_000
LEVELS = (0.0, 0.025, 0.035, 0.05)  # deviation of noise, cube units; what is below 0.015 is not seen


def cloud(mesh: Mesh, seed: int, count: int = POINTS) -> NDArray[np.float64]:
    return surface_points(mesh, count, np.random.default_rng(seed))


def without(part: str, geometry: Geometry, seed: int) -> NDArray[np.float64]:
    """Points of the whole that are nearest to another part than this one; of the whole where it is all there is."""
    points = cloud(geometry.surface, seed, 8 * POINTS)
    apart = {name: cKDTree(cloud(mesh, seed, POINTS)).query(points)[0] for name, mesh in geometry.parts.items()}
    others = np.min([value for name, value in apart.items() if name != part], axis=0)
    left = points[apart[part] > others] if part in apart else points
    return np.resize(left if len(left) else points, (POINTS, 3))


@pytest.fixture(scope="module")
def features() -> Features:
    return features_of(None)


@pytest.fixture(scope="module")
def geometries() -> list[Geometry]:
    return [make("airplane", FIRST + i).geometry for i in range(2 * COUNT)]


@pytest.fixture(scope="module")
def planes(geometries: list[Geometry]) -> NDArray[np.float64]:
    return np.stack([cloud(geometry.surface, i) for i, geometry in enumerate(geometries)])


def fpd(features: Features, a: NDArray, b: NDArray) -> float:
    return frechet(ended(described(features, a)), ended(described(features, b)))


def test_halves_of_one_category_are_near_and_categories_are_far(features: Features, planes: NDArray) -> None:
    one, other = planes[:COUNT], planes[COUNT:]
    chairs = np.stack([cloud(make("chair", FIRST + i).geometry.surface, i) for i in range(COUNT)])
    assert fpd(features, one, chairs) > 10 * fpd(features, one, other)


def test_it_rises_with_noise(features: Features, planes: NDArray) -> None:
    rng = np.random.default_rng(0)
    found = [fpd(features, planes[:COUNT] + rng.normal(0, s, (COUNT, POINTS, 3)), planes[COUNT:]) for s in LEVELS]
    assert rises(found), found


def rises(values: Sequence[float]) -> bool:
    return all(b > a for a, b in zip(values, values[1:], strict=False))


def test_it_rises_with_the_share_of_shapes_that_lack_their_wings(
    features: Features, geometries: list[Geometry], planes: NDArray
) -> None:
    lacking = [without("wing", geometry, i) for i, geometry in enumerate(geometries[:COUNT])]
    found = []
    for share in (0, 0.3, 0.6, 1):
        count = int(share * COUNT)
        found.append(fpd(features, np.stack([*lacking[:count], *planes[count:COUNT]]), planes[COUNT:]))
    assert rises(found), found


def test_the_order_and_the_number_of_points_do_not_matter(
    features: Features, geometries: list[Geometry], planes: NDArray
) -> None:
    mixed = np.random.default_rng(0).permutation(planes[:4], axis=1)
    assert np.array_equal(features(mixed), features(planes[:4]))
    more = np.stack([cloud(geometries[i].surface, 9 + i, 3000) for i in range(4)])
    spread = np.linalg.norm(features(planes[:40]).std(0))  # between aeroplanes
    assert np.linalg.norm(features(more) - features(planes[:4]), axis=1).max() < 0.5 * spread
    with pytest.raises(InputError, match="at least"):
        features(planes[:, :200])


def test_the_row_tells_what_it_compared(features: Features, planes: NDArray) -> None:
    row, seen = heard(frechet_row("few", features, planes[:20], planes[COUNT:], resamples=20))
    assert all(isinstance(event, Progress) for event in seen)
    assert row.label == "FPD (ours)" and (row.generated, row.reference, row.points) == (20, COUNT, POINTS)
    assert row.distance.low <= row.distance.value <= row.distance.high
    assert "rank-deficient" in row.note and row.dimension == 64
    assert msgspec.json.decode(msgspec.json.encode(row), type=FrechetRow) == row


def test_the_shipped_network_is_small_and_its_card_says_how_it_was_made() -> None:
    path = resource(OURS)
    assert path.stat().st_size < 1e6
    card = msgspec.json.decode(path.with_suffix(".json").read_bytes())
    assert card["label"] == features_of(None).label and card["unseen_shapes"] >= 300
    measured = card["measured_on_unseen_shapes"]
    assert measured["category"] > 0.95 and measured["attributes"] > measured["attributes_by_guessing"]
    assert card["command"].startswith("python -m engine features")
    with pytest.raises(InputError, match="lacks"):
        resource("features/none.safetensors")
    assert path.is_relative_to(FOLDER)


def test_training_makes_a_network_that_can_be_used_and_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = ended(train_features(QUICK, tmp_path / "work", tmp_path / "features"))
    first = (tmp_path / "features/procedural.safetensors").read_bytes()
    assert ended(train_features(QUICK, tmp_path / "work", tmp_path / "features")) == card
    assert (tmp_path / "features/procedural.safetensors").read_bytes() == first
    monkeypatch.setattr("engine.resources.FOLDER", tmp_path)
    made = features_of(None)
    clouds = np.random.default_rng(0).uniform(-0.4, 0.4, (2, made.points, 3))
    assert np.isfinite(made(clouds)).all()


def test_lessons_tell_the_truth(tmp_path: Path) -> None:
    """A part that was taken away is neither asked for nor among the points; boxes move with the points."""
    source, values = ended(lessons(2, LEARNED, tmp_path))
    assert {key.split("/")[0] for key in values} == {"airplane", "chair", "car", "table", "lamp", "mug"}
    assert ((source.attributes >= 0).sum(1) > 0).all()
    index = torch.arange(len(source)).repeat(20)
    found = lesson(source, index, 400, torch.Generator().manual_seed(0))
    gone = source.present[index] & ~found.present
    assert 0.1 < gone.any(1).float().mean() < 0.3 and (gone.sum(1) <= 1).all() and found.present.any(1).all()
    quiet = (found.noise == 0) & ~gone.any(1)
    for i in torch.nonzero(quiet)[:, 0].tolist():
        low = found.boxes[i][found.present[i]][:, :3].amin(0)
        high = found.boxes[i][found.present[i]][:, 3:].amax(0)
        assert (found.clouds[i] >= low - 1e-3).all() and (found.clouds[i] <= high + 1e-3).all()
