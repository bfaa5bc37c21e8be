"""Published meshes land on our extraction once their shear is undone, and nowhere near without."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.measure import marching_cubes
from torch import Tensor

from engine.errors import InputError
from engine.foreign.frames import LARGEST_COORDINATE, METRIC_ISOVALUE, field_frame, published_grid, to_field

RESOLUTION = 40
VOXEL = 1 / (RESOLUTION - 1)


def distance(points: Tensor) -> Tensor:
    """Signed distance to a torus about an inclined axis, positive inside."""
    axis = torch.nn.functional.normalize(torch.tensor([0.3, 1.0, 0.5]), dim=0)
    along = points @ axis
    ring = (points - along[:, None] * axis).norm(dim=1) - 0.3
    return 0.1 - torch.hypot(ring, along)


def published_vertices(level: float, steepness: float = 30.0) -> NDArray[np.float64]:
    """Vertices as the published program writes them: marching cubes over its grid, twice the size."""
    values = (distance(published_grid(RESOLUTION)) * steepness).reshape(RESOLUTION, RESOLUTION, RESOLUTION)
    vertices, *_ = marching_cubes(values.numpy(), level, spacing=(VOXEL,) * 3)
    return 2 * (vertices.astype(np.float64) - 0.5)


@pytest.mark.parametrize("level", [0.0, METRIC_ISOVALUE])
def test_published_meshes_come_back_onto_the_surface(level: float) -> None:
    vertices = published_vertices(level)
    offset = distance(torch.from_numpy(to_field(vertices, RESOLUTION)).float()) - level / 30
    assert float(offset.abs().max()) < 0.1 * VOXEL
    uncorrected = distance(torch.from_numpy(to_field(vertices, RESOLUTION, sheared=False)).float()) - level / 30
    assert float(uncorrected.abs().max()) > 0.5 * VOXEL


def test_the_grid_is_off_by_half_a_voxel_on_average_and_at_most_one() -> None:
    axis = torch.arange(RESOLUTION) * VOXEL - 0.5
    exact = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    off = (published_grid(RESOLUTION) - exact) / VOXEL
    assert float(off[:, 2].abs().max()) < 1e-3
    for column in (0, 1):
        assert float(off[:, column].min()) > -1e-3 and float(off[:, column].max()) < 1 + 1e-3
        assert float(off[:, column].mean()) == pytest.approx(0.5, abs=0.02)


def test_frame_of_the_fitted_mesh() -> None:
    vertices = np.random.default_rng(0).normal(size=(50, 3)) * [1, 2, 3] + 7
    frame = field_frame(vertices)
    placed = vertices @ frame[:3, :3].T + frame[:3, 3]
    np.testing.assert_allclose(placed.mean(0), 0, atol=1e-12)
    assert np.abs(placed).max() == pytest.approx(LARGEST_COORDINATE)
    with pytest.raises(InputError):
        field_frame(np.ones((3, 3)))
    with pytest.raises(InputError):
        to_field(vertices, 1)
