"""The part-aware Chamfer distance."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.metrics.chamfer import chamfer
from engine.metrics.matrices import Matrices, distances
from engine.metrics.measures import CHAMFER
from engine.metrics.part_aware import MISSING, joined, part_matrices
from engine.metrics.surfaces import Surface
from engine.stages import ended
from tests.metrics.test_chamfer import clouds

A, B, C, D = clouds(0, 4, 30).astype(np.float64)
NAMES = ("body", "wing", "tail")


def shape(**parts: NDArray[np.float64]) -> Surface:
    return Surface(np.concatenate(list(parts.values())), parts)


def measured(first: Sequence[Surface], second: Sequence[Surface]) -> Matrices:
    wanted = [("a", "a"), ("a", "b"), ("b", "b")]
    measure = partial(distances, measure=CHAMFER)
    made = part_matrices({"a": first, "b": second}, NAMES, wanted, lambda clouds, asked, only: measure(clouds, asked))
    return joined(ended(made))


def test_it_is_the_mean_over_the_parts() -> None:
    found = measured([shape(body=A, wing=B, tail=C)], [shape(body=B, wing=D, tail=C)])
    assert found.between("a", "b")[0, 0] == pytest.approx((chamfer(A, B) + chamfer(B, D) + 0) / 3)
    assert found.between("a", "a")[0, 0] == 0
    assert found.between("b", "a")[0, 0] == found.between("a", "b")[0, 0]


def test_parts_that_are_missing() -> None:
    found = measured([shape(body=A, wing=B), shape(body=A)], [shape(body=A, wing=D), shape(body=A)])
    one = chamfer(B, D) / 3  # no shape has a tail, which counts as 0
    assert found.between("a", "b") == pytest.approx(np.array([[one, MISSING / 3], [MISSING / 3, 0]]))
    assert found.between("a", "a") == pytest.approx(np.array([[0, MISSING / 3], [MISSING / 3, 0]]))


def test_it_sees_parts_that_have_swapped_places_where_the_whole_does_not() -> None:
    right, wrong = shape(body=A, wing=B), shape(body=B, wing=A)
    assert chamfer(right.whole, wrong.whole) == 0
    assert measured([right], [wrong]).between("a", "b")[0, 0] == pytest.approx(2 * chamfer(A, B) / 3)


def test_it_is_symmetric_and_tells_its_points() -> None:
    rng = np.random.default_rng(3)
    shapes = [
        shape(body=A, **{name: rng.normal(size=(30, 3)) for name in ("wing", "tail") if rng.random() < 0.6})
        for _ in range(9)
    ]
    found = measured(shapes, shapes[:4])
    within = found.between("a", "a")
    assert np.array_equal(within, within.T) and not within.diagonal().any() and np.isfinite(within).all()
    assert found.points == 30 and np.array_equal(found.between("a", "b"), within[:, :4])
