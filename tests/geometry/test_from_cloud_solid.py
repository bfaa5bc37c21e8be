"""The solid that points bound, as a function: on grids and at points, and what becomes of clean and of noisy points."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.cloud_settings import DRAWN, CloudMeshSettings
from engine.geometry import from_cloud_thin
from engine.geometry.from_cloud import mesh_of_cloud, spacing_of
from engine.geometry.from_cloud_field import Solid, solid_of
from engine.stages import ended


@pytest.fixture(scope="module")
def ball() -> NDArray[np.float64]:
    """(400, 3) points on a ball of radius 0.4, evenly spread."""
    i = np.arange(400) + 0.5
    z, turn = 1 - 2 * i / 400, np.pi * (1 + 5**0.5) * i
    flat = np.sqrt(1 - z * z)
    return 0.4 * np.stack([flat * np.cos(turn), flat * np.sin(turn), z], 1)


@pytest.fixture(scope="module")
def solid(ball: NDArray[np.float64]) -> Solid:
    return ended(solid_of(ball, spacing_of(ball), 0.05, 0.5))


def test_on_a_grid_it_is_what_it_is_at_its_points(solid: Solid) -> None:
    """Also beyond the cube, where it goes round."""
    x, y, z = np.linspace(-0.5, 0.5, 7), np.linspace(-0.9, 0.3, 5), np.array([-0.123, 0.8, 0.719])
    places = np.stack(np.meshgrid(x, y, z, indexing="ij"), -1).reshape(-1, 3)
    assert np.allclose(solid.on_grid(x, y, z).ravel(), solid(places), atol=1e-5)


def test_its_size_does_not_matter_to_the_bridges(
    ball: NDArray[np.float64], solid: Solid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slabs of any number of planes give the same; so does a cloud that stands at the edge of the cube."""
    spacing = spacing_of(ball)
    whole = ended(from_cloud_thin.with_bridges(ball, spacing, solid, 32))
    monkeypatch.setattr(from_cloud_thin, "SLAB", 5)
    assert np.array_equal(whole, ended(from_cloud_thin.with_bridges(ball, spacing, solid, 32)))
    middle = np.linspace(-0.5, 0.5, 32)[None, None, :].repeat(32, 0).repeat(32, 1)
    away = 0.4 - np.sqrt(middle**2 + middle.transpose(0, 2, 1) ** 2 + middle.transpose(2, 1, 0) ** 2)
    sure = np.abs(away) > 0.06
    assert np.array_equal(whole[sure] > 0, away[sure] > 0)


def test_clean_points_stay_and_noisy_ones_are_laid_on_the_surface(ball: NDArray[np.float64]) -> None:
    noisy = ball + np.random.default_rng(0).normal(0, 0.01, ball.shape)

    def off(points: NDArray[np.float64]) -> float:
        return float(np.abs(np.linalg.norm(points, axis=1) - 0.4).mean())

    coarse = CloudMeshSettings(resolution=48)
    assert np.allclose(np.sort(ended(mesh_of_cloud(noisy, None, coarse)).laid, 0), np.sort(noisy, 0))
    laid = ended(mesh_of_cloud(noisy, None, DRAWN)).laid
    assert off(laid) < 0.8 * off(noisy)
