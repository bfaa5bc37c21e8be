from collections.abc import Callable, Generator
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes
from torch import Tensor

from engine.errors import InputError, MeshError
from engine.geometry.mesh import Mesh, face_areas, is_watertight, volume
from engine.geometry.surface import extract
from engine.protocol import Progress

T = TypeVar("T")
Field = Callable[[Tensor], Tensor]


def finish(stage: Generator[Any, None, T]) -> T:
    while True:
        try:
            assert isinstance(next(stage), Progress)
        except StopIteration as stop:
            return stop.value


def ball(radius: float, centre: tuple[float, float, float] = (0, 0, 0), scale: float = 50) -> Field:
    return lambda p: scale * (radius - (p - torch.tensor(centre)).norm(dim=1))


def rod(start: tuple[float, ...], end: tuple[float, ...], radius: float, scale: float, limit: float = 1e9) -> Field:
    a, b = torch.tensor(start), torch.tensor(end)

    def field(p: Tensor) -> Tensor:
        along = ((p - a) @ (b - a) / (b - a).square().sum()).clamp(0, 1)[:, None]
        return (scale * (radius - (p - a - along * (b - a)).norm(dim=1))).clamp(-limit, limit)

    return field


def sheet(normal: tuple[float, ...], offset: float, half: float, scale: float, limit: float = 1e9) -> Field:
    """A square plate: |n . p - offset| < half, cut off at 0.4 along every axis."""
    n = torch.nn.functional.normalize(torch.tensor(normal, dtype=torch.float32), dim=0)
    return lambda p: (scale * torch.minimum(half - (p @ n - offset).abs(), 0.4 - p.abs().amax(1))).clamp(-limit, limit)


def either(*fields: Field) -> Field:
    return lambda p: torch.stack([field(p) for field in fields]).amax(0)


def euler(mesh: Mesh) -> int:
    return len(mesh.vertices) - len(mesh.faces) * 3 // 2 + len(mesh.faces)


def dense(field: Field, resolution: int) -> Mesh:
    """Plain grid and one call of marching cubes: what the search must find again."""
    axis = (torch.arange(resolution, dtype=torch.float64) / (resolution - 1) - 0.5).float()
    rows = [
        field(torch.stack(torch.meshgrid(axis[i : i + 1], axis, axis, indexing="ij"), -1).reshape(-1, 3)).detach()
        for i in range(resolution)
    ]
    grid = torch.stack(rows).reshape((resolution,) * 3).numpy()
    vertices, faces, _, _ = marching_cubes(np.pad(grid, 1, constant_values=-1e6), 0.0, gradient_direction="ascent")
    return Mesh((vertices.astype(np.float64) - 1) / (resolution - 1) - 0.5, faces.astype(np.int32))


def same_surface(one: Mesh, other: Mesh, resolution: int, voxels: float = 0.01) -> None:
    """As many vertices and faces, every vertex of one within ``voxels`` of the other's of the same rank."""
    assert len(one.vertices) == len(other.vertices) and len(one.faces) == len(other.faces)
    from scipy.spatial import cKDTree

    away = cKDTree(other.vertices).query(one.vertices)[0]
    assert away.max() * (resolution - 1) < voxels


@pytest.mark.parametrize("resolution", [17, 64, 100, 256])
def test_sphere_lies_within_half_a_voxel(resolution: int) -> None:
    mesh = finish(extract(ball(0.37, (0.05, -0.03, 0.02)), resolution))
    radius = np.linalg.norm(mesh.vertices - [0.05, -0.03, 0.02], axis=1)
    assert np.abs(radius - 0.37).max() < 0.5 / (resolution - 1)
    assert is_watertight(mesh) and euler(mesh) == 2
    assert 0 < volume(mesh) == pytest.approx(4 / 3 * np.pi * 0.37**3, rel=40 / resolution**2)


@pytest.mark.parametrize("resolution", [33, 130, 256])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_plane_is_where_it_should_be(resolution: int, axis: int) -> None:
    for place in (0.1234, 0.0, 10 / (resolution - 1) - 0.5):  # the last is on a layer of the grid

        def field(p: Tensor, place: float = place) -> Tensor:
            return 30 * (place - p[:, axis])

        mesh = finish(extract(field, resolution))
        others = [a for a in range(3) if a != axis]
        cap = (mesh.vertices[:, axis] > -0.499) & (np.abs(mesh.vertices[:, others]) < 0.4999).all(1)
        assert np.abs(mesh.vertices[cap, axis] - place).max() < 2e-3 / (resolution - 1)
        assert is_watertight(mesh)
        low, high = mesh.bounds
        assert np.abs(low + 0.5).max() < 2e-3 / (resolution - 1)
        assert np.abs(high[others] - 0.5).max() < 2e-3 / (resolution - 1)


def test_closed_at_the_cube_and_everywhere_full() -> None:
    fields: list[Field] = [ball(0.6), ball(0.3, (0.4, 0.45, 0.5)), lambda p: torch.ones(len(p))]
    for field in fields:
        mesh = finish(extract(field, 72))
        assert is_watertight(mesh) and euler(mesh) == 2
        assert np.abs(mesh.vertices).max() < 0.5 + 1e-4
    assert volume(mesh) == pytest.approx(1, abs=1e-3)


def test_nothing_inside_gives_no_faces() -> None:
    for resolution in (16, 90, 256):
        assert not len(finish(extract(lambda p: -torch.ones(len(p)), resolution)).faces)


def test_topology() -> None:
    def torus(p: Tensor) -> Tensor:
        return 40 * (0.08 - torch.stack([p[:, [0, 2]].norm(dim=1) - 0.3, p[:, 1]], 1).norm(dim=1))

    assert euler(finish(extract(torus, 128))) == 0
    two = finish(extract(either(ball(0.1, (-0.3, 0, 0)), ball(0.05, (0.3, 0.2, 0.1))), 160))
    assert is_watertight(two) and euler(two) == 4
    hollow = finish(extract(lambda p: torch.minimum(ball(0.4)(p), -ball(0.2)(p)), 128))
    assert is_watertight(hollow) and euler(hollow) == 4
    assert volume(hollow) == pytest.approx(4 / 3 * np.pi * (0.4**3 - 0.2**3), rel=0.01)


@pytest.mark.parametrize("limit", [1e9, 8.0])
def test_thin_sheets_and_rods_are_found(limit: float) -> None:
    voxel, scale = 1 / 127, 100.0
    directions = [(1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 2, 3), (3, -1, 2)]
    for number, direction in enumerate(directions):
        along = np.array(direction) / np.linalg.norm(direction)
        middle = np.array([0.013, -0.021, 0.034]) * number
        ends = [tuple((middle + sign * 0.42 * along).tolist()) for sign in (-1, 1)]
        for field in (
            rod(ends[0], ends[1], voxel, scale, limit),
            sheet(direction, 0.0171 * number, voxel, scale, limit),
        ):
            mesh = finish(extract(field, 128))
            assert is_watertight(mesh)
            same_surface(mesh, dense(field, 128), 128)


def test_hard_steps_along_an_axis_are_found() -> None:
    """A field of only two values: rods two voxels across between all coarse samples."""
    voxel = 1 / 255
    for shift in (0.5, 1.7, 2.5, 3.3):
        y, z = (100 + shift) * voxel - 0.5, (77 + shift) * voxel - 0.5
        field = rod((-0.4, y, z), (0.4, y, z), 1.01 * voxel, 1e9, 10.0)
        mesh = finish(extract(field, 256))
        assert is_watertight(mesh) and np.ptp(mesh.vertices[:, 0]) > 0.79


def test_few_points_and_the_dense_surface() -> None:
    torch.manual_seed(1)
    network = torch.nn.Sequential(
        torch.nn.Linear(3, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1)
    )
    count = 0

    def field(p: Tensor) -> Tensor:
        nonlocal count
        count += len(p)
        wavy = 0.03 * network(6 * p)[:, 0] + 0.03 * (18 * p).sin().sum(1)
        return 60 * (wavy + 0.3 - p.norm(dim=1))

    mesh = finish(extract(field, 144))
    assert count < 144**3 / 5 and is_watertight(mesh)
    same_surface(mesh, dense(field, 144), 144)
    again = finish(extract(field, 144, coarse=144))
    assert np.array_equal(again.vertices, mesh.vertices)
    assert {tuple(sorted(face)) for face in again.faces} == {tuple(sorted(face)) for face in mesh.faces}
    shifted = finish(extract(lambda p: field(p) + 2.5, 144, level=2.5))
    assert np.allclose(shifted.vertices, mesh.vertices, atol=1e-5)


class Several:
    """The union of named fields, as methods with parts decode to."""

    def __init__(self, **fields: Field) -> None:
        self.parts = tuple(fields)
        self.part = fields.__getitem__

    def __call__(self, points: Tensor) -> Tensor:
        return either(*(self.part(name) for name in self.parts))(points)


def test_the_surface_of_a_part_does_not_depend_on_what_stands_far_from_it() -> None:
    left, right = ball(0.15, (-0.2, 0.01, 0)), ball(0.12, (0.22, 0, 0.03))

    def mild(points: Tensor) -> Tensor:
        """Hardly below 0 anywhere, so that between two lattice points it beats the other part outside of that."""
        return right(points).clamp(min=-0.1)

    alone = finish(extract(left, 65))
    whole = finish(extract(Several(left=left, right=mild), 65))
    assert is_watertight(whole) and euler(whole) == 4
    mine = whole.vertices[whole.vertices[:, 0] < 0]
    assert len(mine) == len(alone.vertices)
    assert cKDTree(mine).query(alone.vertices)[0].max() < 1e-12
    plain = finish(extract(either(left, mild), 65)).vertices
    assert cKDTree(plain).query(alone.vertices)[0].max() > 1e-3  # what it would be otherwise


def test_parts_that_meet_share_one_surface_of_their_own_points() -> None:
    first, second = ball(0.2, (-0.1, 0, 0)), ball(0.2, (0.13, 0.02, 0.01), 7)
    whole = finish(extract(Several(a=first, b=second), 49))
    assert is_watertight(whole) and euler(whole) == 2
    out_a = np.abs(np.linalg.norm(whole.vertices - [-0.1, 0, 0], axis=1) - 0.2)
    out_b = np.abs(np.linalg.norm(whole.vertices - [0.13, 0.02, 0.01], axis=1) - 0.2)
    off = np.minimum(out_a, out_b)
    assert np.mean(off < 1e-3) > 0.98  # each on a ball, but for the few in the groove
    assert off.max() < 1 / 48


def test_noise_and_ties_stay_watertight() -> None:
    torch.manual_seed(0)
    values = torch.randn(20, 20, 20)
    for grid in (values, values.sign(), (4 * values).round()):

        def field(p: Tensor, grid: Tensor = grid) -> Tensor:
            return grid[tuple(((p + 0.5) * 19).round().long().T)]

        mesh = finish(extract(field, 20))
        assert is_watertight(mesh) and volume(mesh) > 0
        assert face_areas(mesh).min() > 0


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="resolution"):
        finish(extract(ball(0.3), 1))
    with pytest.raises(MeshError, match="NaN"):
        finish(extract(lambda p: p[:, 0] * torch.nan, 40))
    part = finish(
        extract(lambda p: torch.where(p[:, 0] > 0, -torch.inf, ball(0.3)(p)), 64)
    )  # an absent expert says -inf
    assert is_watertight(part)
