"""Novelty as an evaluation finds it: planted copies, unseen shapes, and fits that are not quite their items."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.metrics.measures import Means
from engine.metrics.newness import Known, newness
from engine.metrics.surfaces import Surface
from engine.protocol import Stage
from tests.metrics.test_chamfer import finish
from tests.metrics.test_verdict import latents, surfaces

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
    result, parts = finish(newness(copies, unseen, items, lambda rows: decoded(training, rows), ("ball",), Means()))[0]
    assert result.shares["copy"] >= 0.95 and result.unseen_shares["copy"] <= 0.05
    assert [one.shape for one in result.samples] == list(range(TRAINING))
    (ball,) = parts
    assert ball.part == "ball" and len(ball.nearest) == TRAINING and 0 <= ball.unseen_share <= 0.05
    blind, _ = finish(newness(copies, unseen, items, nothing, (), Means()))[0]
    assert blind.shares["copy"] < 0.5  # why the fits are asked for


def test_new_shapes_are_new() -> None:
    training = latents(0, TRAINING)
    samples, unseen, items = known(latents(5, 40), 12, OFF), known(latents(1, UNSEEN), 11), known(training, 10)
    result, _ = finish(newness(samples, unseen, items, lambda rows: decoded(training, rows), (), Means()))[0]
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
    _, (wing,) = finish(newness(*sets, nothing, ("wing",), Means()))[0]
    assert wing.nearest[:15] == tuple(range(15))
    assert all(distance is not None and distance < wing.threshold for distance in wing.distance[:15])
    assert 0.5 <= wing.share < 0.7 and wing.unseen_share < 0.3  # a percentile of 50 distances is a rough one
