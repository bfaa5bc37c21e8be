import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.errors import MeshError
from engine.geometry.mesh import Mesh, is_watertight, join
from engine.geometry.morph import Misfit, carry, followed, misfit, topology
from engine.geometry.surface import extract
from engine.stages import ended, retold
from tests.geometry.shapes import box, mesh_of, sphere

R = 48
Field = Callable[[Tensor], Tensor]


def ellipsoid(centre: tuple[float, float, float], radii: tuple[float, float, float], sharp: float = 8.0) -> Field:
    """Logits as a network gives them: no distances, steeper than one."""
    middle, size = torch.tensor(centre), torch.tensor(radii)
    return lambda points: sharp * (1 - ((points - middle) / size).norm(dim=1))


def peanut(apart: float) -> Field:
    """Two balls of radius 0.15 that melt into one another while they are close."""
    one, other = ellipsoid((-apart, 0, 0), (0.15, 0.15, 0.15)), ellipsoid((apart, 0, 0), (0.15, 0.15, 0.15))
    return lambda points: torch.logaddexp(one(points), other(points))


def film(fields: list[Field]) -> list[tuple[Mesh, Mesh, Misfit]]:
    """Each frame's own mesh, the carried one, and how they differ."""
    mesh = ended(extract(fields[0], R))
    found = []
    for field in fields:
        own = ended(extract(field, R))
        mesh = ended(carry(mesh, field, own, R))
        found.append((own, mesh, ended(misfit(mesh, field, own, R))))
    return found


def test_an_ellipsoid_that_grows_and_moves_is_followed() -> None:
    """From one side of the cube to the other, by more than its own size."""
    steps = np.linspace(0, 1, 7)
    fields = [
        ellipsoid((-0.25 + 0.5 * s, 0.1 * s, 0), (0.12 + 0.06 * s, 0.1 + 0.1 * s, 0.2 - 0.08 * s))
        for s in steps.tolist()
    ]
    first, *_ = found = film(fields)
    for field, (_, mesh, fit) in zip(fields, found, strict=True):
        assert np.array_equal(mesh.faces, first[0].faces)
        assert fit.error < 0.2 and fit.flipped == fit.collapsed == 0
        points = torch.from_numpy(mesh.vertices).float()
        assert float(field(points).abs().max()) < 0.05  # of 8 in the middle: on the surface, not just near it
        assert is_watertight(mesh)


def test_triangles_stay_even() -> None:
    """A ball that becomes a long cigar: without sliding, its ends would be left with a few long triangles."""
    fields = [ellipsoid((0, 0, 0), (0.1 + 0.05 * i, 0.1, 0.1)) for i in range(7)]
    _, mesh, fit = film(fields)[-1]
    edges = np.linalg.norm(mesh.triangles - np.roll(mesh.triangles, 1, 1), axis=2)
    assert fit.error < 0.3  # its ends are rounded by little more than a voxel
    assert edges.max() < 4 * np.median(edges)


def test_a_growing_tip_is_followed() -> None:
    """A thin plate that gets longer at one end only, in which Newton steps alone go nowhere along the plate."""
    size = torch.tensor([0.0, 0.03, 0.12])

    def plate(end: float) -> Field:
        half = size + torch.tensor([(end + 0.3) / 2, 0, 0])
        middle = torch.tensor([(end - 0.3) / 2, 0, 0])
        return lambda points: -40 * (((points - middle).abs() - half + 0.02).clamp_min(0).norm(dim=1) - 0.02)

    for _, _, fit in film([plate(0.05 * i) for i in range(5)]):
        assert fit.error < 0.7
        assert fit.flipped + fit.collapsed < 0.01 * fit.faces


def test_a_ball_that_splits_is_told_by_its_topology_and_by_its_error() -> None:
    fields = [peanut(apart) for apart in (0.1, 0.13, 0.3)]
    found = film(fields)
    assert [topology(own) for own, _, _ in found] == [(2,), (2,), (2, 2)]
    assert found[0][2].error < 0.5 and found[1][2].error < 0.5
    assert found[2][2].error > 1


def test_a_feature_out_of_nothing_is_told_by_its_error() -> None:
    """Same topology, but what was a ball has a hair that no vertex is near."""
    ball, hair = ellipsoid((0, 0, 0), (0.15, 0.15, 0.15)), ellipsoid((0, 0.25, 0), (0.04, 0.2, 0.04))
    grown: Field = lambda points: torch.maximum(ball(points), hair(points))  # noqa: E731
    own, mesh = ended(extract(grown, R)), ended(extract(ball, R))
    assert topology(own) == topology(mesh)
    unmoved = ended(misfit(mesh, grown, own, R))
    assert unmoved.error == pytest.approx(0.3 * (R - 1), rel=0.05)  # from the hair's tip to the ball, in voxels


def test_folds_are_counted() -> None:
    field = ellipsoid((0, 0, 0), (0.3, 0.3, 0.3))
    own = ended(extract(field, R))
    assert ended(misfit(own, field, own, R)).flipped == 0
    faces = own.faces.copy()
    faces[:7] = faces[:7, ::-1]
    assert ended(misfit(Mesh(own.vertices, faces), field, own, R)).flipped == 7
    points = own.vertices.copy()
    points[faces[100]] = points[faces[100, 0]]  # this face, and those at its three edges
    assert ended(misfit(Mesh(points, own.faces), field, own, R)).collapsed >= 4


def test_nan_is_an_error() -> None:
    good = ellipsoid((0, 0, 0), (0.2, 0.2, 0.2))
    bad: Field = lambda points: torch.where(points[:, 0] > 0.1, torch.nan, good(points))  # noqa: E731
    mesh = ended(extract(good, R))
    with pytest.raises(MeshError, match="NaN"):
        ended(carry(mesh, bad, mesh, R))
    with pytest.raises(MeshError, match="NaN"):
        ended(misfit(mesh, bad, mesh, R))


def test_topology_of_known_solids() -> None:
    import trimesh

    ring = mesh_of(trimesh.creation.torus(0.3, 0.1))
    assert topology(sphere()) == topology(box()) == (2,)
    assert topology(ring) == (0,)
    assert topology(join([box(), ring, sphere()])) == (0, 2, 2)
    assert topology(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))) == ()


def test_following_a_large_mesh_yields() -> None:
    """Nothing takes long between two events, and what is found is the motion."""
    ball = sphere(0.2, 6)  # 40,962 vertices
    moved = Mesh(ball.vertices * [1.2, 1, 0.9] + [0.1, 0, 0], ball.faces)
    stage, steps = followed(ball, moved), 0
    longest, last = 0.0, time.process_time()

    def beat(_: object) -> None:
        nonlocal steps, longest, last
        steps, longest, last = steps + 1, max(longest, time.process_time() - last), time.process_time()

    assert np.abs(ended(retold(stage, beat)) - moved.vertices).max() < 1e-3
    assert steps > 20 and longest < 0.5
