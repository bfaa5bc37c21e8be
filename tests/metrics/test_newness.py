"""Novelty as an evaluation finds it: planted copies, unseen shapes, and fits that are not quite their items."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.method import Batch, Data, Encoded, Workspace
from engine.metrics.measures import Means
from engine.metrics.newness import Known, latents_of, newness
from engine.metrics.surfaces import Surface
from engine.project import Project
from engine.protocol import Stage
from engine.rows import ItemRow
from engine.stages import ended
from tests.metrics.test_verdict import latents, surfaces
from tests.parts.toys import drive

TRAINING, UNSEEN, OFF = 50, 50, 0.25


def known(rows: NDArray[np.float64], seed: int, off: float = 0.0) -> Known:
    """Shapes of latents, fitted ``off`` the true surface, with points drawn anew."""
    clouds = surfaces(rows, seed) * (1 + off)
    return Known([Surface(cloud, {"ball": cloud[::3]}) for cloud in clouds], rows.astype(np.float32))


def decoded(training: NDArray[np.float64], rows: list[int]) -> Stage[dict[int, Surface]]:
    yield from ()
    return {row: Surface(surfaces(training[[row]], 1000 + row)[0] * (1 + OFF), {}) for row in rows}


def nothing(rows: list[int]) -> Stage[dict[int, Surface]]:
    yield from ()
    return {}


def planted() -> tuple[NDArray[np.float64], Known]:
    training = latents(0, TRAINING)
    noise = np.random.default_rng(2).normal(size=training.shape) * 0.01 * training.std(0)
    return training, known(training + noise, 12, OFF)


def test_planted_copies_are_copies_although_fits_are_off_and_unseen_shapes_are_not() -> None:
    training, copies = planted()
    unseen, items = known(latents(1, UNSEEN), 11), known(training, 10)
    result, parts = ended(newness(copies, unseen, items, lambda rows: decoded(training, rows), ("ball",), Means()))
    assert result.shares["copy"] >= 0.95 and result.unseen_shares["copy"] <= 0.05
    assert [one.shape for one in result.samples] == list(range(TRAINING))
    (ball,) = parts
    assert ball.part == "ball" and len(ball.nearest) == TRAINING and 0 <= ball.unseen_share <= 0.05
    blind = ended(newness(copies, unseen, items, nothing, (), Means()))[0]
    assert blind.shares["copy"] < 0.5  # why the fits are asked for


def test_new_shapes_are_new() -> None:
    training = latents(0, TRAINING)
    samples, unseen, items = known(latents(5, 40), 12, OFF), known(latents(1, UNSEEN), 11), known(training, 10)
    result = ended(newness(samples, unseen, items, lambda rows: decoded(training, rows), (), Means()))[0]
    assert result.shares["copy"] <= 0.05 and result.shares["new"] > 0.7


def test_a_part_that_is_copied_is_told_though_the_shape_is_new() -> None:
    rng = np.random.default_rng(0)
    training, unseen, new = latents(0, TRAINING), latents(1, UNSEEN), latents(7, 30)

    def with_wing(rows: NDArray[np.float64], seed: int, wings: Sequence[NDArray[np.float64]]) -> Known:
        shapes = known(rows, seed)
        parts = zip(shapes.surfaces, wings, strict=True)
        return Known([Surface(one.whole, {"wing": wing}) for one, wing in parts], shapes.latents)

    def wings(count: int) -> list[NDArray[np.float64]]:
        return [rng.uniform(-1, 1, (60, 3)) * rng.uniform(0.1, 1, 3) for _ in range(count)]

    learned = wings(TRAINING)
    copied = [learned[i] + 1e-4 * rng.normal(size=(60, 3)) for i in range(15)] + wings(15)
    sets = with_wing(new, 12, copied), with_wing(unseen, 11, wings(UNSEEN)), with_wing(training, 10, learned)
    _, (wing,) = ended(newness(*sets, nothing, ("wing",), Means()))
    assert wing.nearest[:15] == tuple(range(15))
    assert all(distance is not None and distance < wing.threshold for distance in wing.distance[:15])
    assert 0.5 <= wing.share < 0.7 and wing.unseen_share < 0.3  # a percentile of 50 distances is a rough one


@dataclass
class Rows:
    """Latents of some items: the number in their names, three times."""

    names: list[str]
    asked: list[list[str]] = field(default_factory=list)

    @property
    def records(self) -> list[Encoded]:
        return [Encoded(name, None, 0.0, "accepted", "") for name in self.names]

    def batch(self, index: torch.Tensor, generator: torch.Generator) -> Batch:
        return Batch(torch.tensor([[float(self.names[i].removeprefix("i"))] * 3 for i in index.tolist()]))

    def encode(self, data: Data, work: Workspace) -> Stage["Rows"]:
        yield from ()
        self.asked.append([item.id for item in data.items])
        return Rows(self.asked[-1])


def test_an_item_is_fitted_once_for_all_evaluations_of_a_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, version = Rows(["i0", "i1"]), ["a"]

    def fit_of(*_: Any) -> Stage[Any]:
        yield from ()
        return rows, rows

    monkeypatch.setattr("engine.metrics.newness.fit_of", fit_of)
    monkeypatch.setattr("engine.metrics.newness.hash_of_file", lambda path: version[0])

    def asked(run: str, *names: str, contents: str = "") -> list[float]:
        items = [
            ItemRow(
                id=name,
                kind="mesh",
                category="",
                path="",
                hash=name + contents,
                verdict="accepted",
                reason="",
                split="test",
            )
            for name in names
        ]
        work = Workspace(tmp_path / run, torch.device("cpu"))
        found = drive(latents_of(items, "fit", project, work), [])
        assert found.dtype == np.float32
        return [float(value) for value in found[:, 0]]

    with Project.create(tmp_path / "p") as project:
        assert asked("one", "i1", "i2", "i3") == [1, 2, 3] and rows.asked == [["i2", "i3"]]
        assert asked("two", "i3", "i0", "i4", "i2") == [3, 0, 4, 2] and rows.asked[1:] == [["i4"]]
        asked("three", "i2", contents="changed")
        version[0] = "b"
        asked("four", "i2")
        assert rows.asked[2:] == [["i2"], ["i2"]]
