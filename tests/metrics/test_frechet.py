"""The Frechet distance against what is known of Gaussians."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from engine.errors import InputError
from engine.metrics.frechet import frechet, frechet_interval, too_few
from engine.stages import ended


def exactly(count: int, mean: NDArray, covariance: NDArray, seed: int) -> NDArray[np.float64]:
    """(count, F) rows that have this mean and this unbiased covariance, to rounding."""
    rows = np.random.default_rng(seed).standard_normal((count, len(mean)))
    rows -= rows.mean(0)
    white = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def covariance(width: int, seed: int) -> NDArray[np.float64]:
    root = np.random.default_rng(seed).standard_normal((width, width))
    return root @ root.T + 0.1 * np.eye(width)


def test_of_diagonal_gaussians_is_the_known_number() -> None:
    """Where covariances commute the distance is |difference of means|^2 + sum (difference of deviations)^2."""
    deviations = np.random.default_rng(0).uniform(0.5, 2, (2, 7))
    means = np.random.default_rng(1).standard_normal((2, 7))
    a, b = (exactly(50 + 20 * i, means[i], np.diag(deviations[i] ** 2), i) for i in range(2))
    known = np.square(means[0] - means[1]).sum() + np.square(deviations[0] - deviations[1]).sum()
    assert frechet(a, b) == pytest.approx(known, rel=1e-10)


def test_of_any_gaussians_agrees_with_the_root_of_the_product() -> None:
    one, two = covariance(12, 0), covariance(12, 1)
    mean = np.linspace(-1, 1, 12)
    known = 4 * mean @ mean + np.trace(one + two - 2 * np.real(sqrtm(one @ two)))
    assert frechet(exactly(40, mean, one, 2), exactly(60, -mean, two, 3)) == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize("count", [5, 200])
def test_a_set_is_nothing_from_itself_and_a_shift_is_its_square(count: int) -> None:
    """Also where there are fewer shapes than features, and nothing is lost to roots of rounding errors."""
    rows = np.random.default_rng(0).standard_normal((count, 32)) * 100
    assert frechet(rows, rows) < 1e-8
    assert frechet(rows, rows[::-1] + 3) == pytest.approx(32 * 9, rel=1e-9)
    assert frechet(rows, 2 * rows) == pytest.approx(frechet(2 * rows, rows), rel=1e-9)


def test_does_not_depend_on_the_axes() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 50, 8)) * np.arange(1, 9)
    turned = np.linalg.qr(np.random.default_rng(1).standard_normal((8, 8)))[0]
    assert frechet(a @ turned, b @ turned) == pytest.approx(frechet(a, b), rel=1e-9)


def test_intervals_hold_the_true_distance_and_narrow_with_more_shapes() -> None:
    rng = np.random.default_rng(0)
    held, widths = [], []
    for count in (50, 400):
        for _ in range(20):
            a, b = rng.standard_normal((count, 3)), rng.standard_normal((count, 3)) + 1
            found = ended(frechet_interval(a, b, resamples=60))
            assert 0 <= found.low <= found.value <= found.high
            held.append(found.low < 3 < found.high)  # the distance of the two Gaussians that the rows come from
            widths.append(found.high - found.low)
    assert np.mean(held) > 0.8
    assert np.median(widths[20:]) < 0.5 * np.median(widths[:20])


def test_too_few_shapes_are_told() -> None:
    assert not too_few(300, 257, 256)
    assert "rank-deficient" in too_few(300, 256, 256)


@pytest.mark.parametrize("bad", [np.zeros((1, 4)), np.zeros(4), np.full((5, 4), np.nan), np.zeros((5, 3))])
def test_what_is_no_features_is_refused(bad: NDArray) -> None:
    with pytest.raises(InputError):
        frechet(np.random.default_rng(0).standard_normal((5, 4)), bad)
