from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.chamfer import chamfer, chamfer_matrix
from engine.stages import ended
from tests.hearing import heard

T = TypeVar("T")


def brute(a: NDArray, b: NDArray) -> float:
    squared = ((a[:, None].astype(np.float64) - b[None]) ** 2).sum(-1)
    return float(squared.min(1).mean() + squared.min(0).mean())


def clouds(seed: int, n: int, points: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, points, 3)).astype(np.float32)


def test_known_by_hand() -> None:
    a = np.array([[0.0, 0, 0], [1, 0, 0]])
    b = np.array([[0.0, 0, 3]])
    assert chamfer(a, b) == (9 + 10) / 2 + 9


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 300), st.sampled_from([0, 1, 3]))
def test_equals_brute_force_on_any_sizes(seed: int, p: int, q: int, decimals: int) -> None:
    rng = np.random.default_rng(seed)
    # rounding makes equal coordinates and equal points, which degenerate a tree; 0 decimals nearly always
    a, b = rng.normal(size=(p, 3)).round(decimals), rng.normal(size=(q, 3)).round(decimals) * 3
    assert chamfer(a, b) == pytest.approx(brute(a, b), rel=1e-12, abs=1e-15)
    assert chamfer(a, b) == chamfer(b, a)
    assert chamfer(a, np.concatenate([a, a])) == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_invariances(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(50, 3)), rng.normal(size=(70, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    shift = rng.normal(size=3)
    moved = chamfer(scale * a @ turn + shift, scale * b @ turn + shift)
    assert moved == pytest.approx(scale**2 * chamfer(a, b), rel=1e-9)
    assert chamfer(rng.permutation(a), rng.permutation(b)) == pytest.approx(chamfer(a, b), rel=1e-12)


@pytest.mark.parametrize("other", [None, clouds(1, 3, 60)])
def test_matrix_is_every_pair(other: NDArray | None) -> None:
    a = clouds(0, 5, 40)
    b = a if other is None else other
    matrix, events = heard(chamfer_matrix(a, other, stage="named"))
    exact = np.array([[brute(one, two) for two in b] for one in a])
    assert matrix.dtype == np.float64 and matrix == pytest.approx(exact, rel=1e-12)
    done = [event.done for event in events]
    assert done == sorted(done) and done[0] == 0 and done[-1] == events[-1].total
    assert {(event.stage, event.total) for event in events} == {("named", events[0].total)}


def test_matrix_within_a_set_is_exactly_symmetric() -> None:
    matrix = ended(chamfer_matrix(clouds(2, 7, 40)))
    assert np.array_equal(matrix, matrix.T) and not matrix.diagonal().any()


@pytest.mark.parametrize("bad", [np.zeros((0, 3)), np.zeros((4, 2)), np.full((4, 3), np.nan), np.zeros(3)])
def test_bad_clouds_are_named(bad: NDArray) -> None:
    with pytest.raises(InputError):
        chamfer(bad, np.zeros((2, 3)))
    with pytest.raises(InputError):
        ended(chamfer_matrix(np.zeros((1, 2, 3)), bad[None]))
    with pytest.raises(InputError):
        ended(chamfer_matrix(np.zeros((0, 2, 3))))
