"""Scores from few distances are those from all of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.metrics.below import below
from engine.metrics.comparing import REFERENCES, score_rows
from engine.metrics.matrices import distances
from engine.metrics.measures import CHAMFER, Means
from engine.metrics.surfaces import Surface
from engine.settings import ProtocolSettings
from engine.stages import ended
from tests.metrics.test_shortlist import flat

NAMES = ("body", "wing")


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (40.0, 3.0)])
def test_bounds_are_below_and_near(scale: float, shift: float) -> None:
    """Of clouds of all kinds, in any frame: on surfaces, filling space, copies, and one point many times."""
    rng = np.random.default_rng(0)
    kinds = [flat(6, 1, 300), rng.uniform(-0.5, 0.5, (4, 300, 3)), rng.normal(0, 0.02, (2, 300, 3))]
    clouds = scale * (np.concatenate([*kinds, kinds[0][:1], np.full((1, 300, 3), 0.1)]) + shift)
    exact, least = (
        ended(distances({"a": clouds}, [("a", "a")], measure)).between("a", "a") for measure in (CHAMFER, below(clouds))
    )
    assert (least <= exact * (1 + 1e-12) + 1e-14 * (scale * (1 + shift)) ** 2).all()
    assert np.median((exact - least)[exact > 0]) < (scale / 40) ** 2  # about the square of the lattice's step
    other = exact > (scale / 8) ** 2
    assert other.any() and (least[other] > 0.9 * exact[other]).all()


def surfaces(count: int, seed: int) -> list[Surface]:
    """Ellipsoids, some of which have another one as a second part."""
    rng = np.random.default_rng(seed)
    body, wing = flat(count, seed, 200), flat(count, seed + 1, 200)
    return [
        Surface(a, {"body": a} | ({"wing": b} if rng.random() < 0.7 else {})) for a, b in zip(body, wing, strict=True)
    ]


def sets_of(*seeds: int) -> dict[str, list[Surface]]:
    """Three sets; samples and references share two shapes, and one is there twice."""
    samples, real, references = (surfaces(24, seed) for seed in seeds)
    return {"samples": [*samples[:-2], *samples[:2]], "training shapes": real, REFERENCES: [*references, *samples[:2]]}


def scored(sets: dict[str, list[Surface]], folder: Path | None = None) -> list[Any]:
    made = score_rows(sets, "generated", "", NAMES, ProtocolSettings(emd_points=0), 0, Means(folder))
    return ended(made)


def test_rows_of_scores_are_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every figure of both measures and of both rows, with the bounds of its interval."""
    sets = sets_of(1, 3, 5)
    every = scored(sets)
    monkeypatch.setattr("engine.metrics.shortlist.PAYS", 0)
    few = scored(sets, tmp_path)
    assert [(row.name, row.measure) for row in few] == [(row.name, row.measure) for row in every]
    for one, other in zip(few, every, strict=True):
        assert (one.coverage, one.one_nna) == (other.coverage, other.one_nna)
        assert [one.mmd.value, one.mmd.low, one.mmd.high] == pytest.approx(
            [other.mmd.value, other.mmd.low, other.mmd.high], rel=1e-9
        )
    assert scored(sets, tmp_path) == few  # with what was kept
