from dataclasses import replace

import numpy as np
import pytest

from engine.geometry.canonical import canonical
from engine.geometry.inside import inside
from engine.geometry.mesh import Geometry, Mesh, flip, join
from engine.geometry.occupancy import occupied, sample, surface_points
from engine.geometry.regions import from_cloud
from engine.geometry.solids import union
from engine.settings import SampleSettings
from tests.geometry.shapes import box, sphere

SETTINGS = SampleSettings(uniform=4000, near=4000, per_part=500, held_out=3000)
RADIUS = 0.4


def in_ball(points: np.ndarray, slack: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the ball, and where they are certain for a mesh of triangles inscribed in it."""
    distance = np.linalg.norm(points, axis=1)
    return distance < RADIUS, np.abs(distance - RADIUS) > slack


@pytest.mark.parametrize("kind", ["closed", "inside out", "open", "doubled solids"])
def test_inside_needs_no_perfect_mesh(kind: str) -> None:
    ball = sphere(RADIUS)
    hole = np.ones(len(ball.faces), bool)
    hole[:40] = False
    mesh = {
        "closed": ball,
        "inside out": flip(ball),
        "open": Mesh(ball.vertices, ball.faces[hole]),
        "doubled solids": join([ball, ball]),
    }[kind]
    points = np.random.default_rng(0).random((20_000, 3)) - 0.5
    labels, certain = in_ball(points, 0.005)
    wrong = (inside(mesh, points) != labels) & certain
    assert wrong.mean() <= (0.002 if kind == "open" else 0)


def test_surface_points_are_even_over_area() -> None:
    points = surface_points(box((2, 1, 0.5)), 60_000, np.random.default_rng(1))
    share = [(np.abs(np.abs(points[:, axis]) - half) < 1e-12).mean() for axis, half in enumerate((1, 0.5, 0.25))]
    assert share == pytest.approx(np.array([0.5, 1, 2]) / 3.5, abs=0.01)
    half = points[np.abs(points[:, 2] - 0.25) < 1e-12]
    assert np.abs(half[:, :2].mean(0)) == pytest.approx(0, abs=0.02)


def test_labels_of_parts_and_whole() -> None:
    seat, leg = box((0.9, 0.1, 0.9), (0, 0.4, 0)), box((0.1, 0.9, 0.1), (0.3, 0, 0))
    geometry = Geometry(union([seat, leg]), {"seat": seat, "leg": leg})
    samples = sample(geometry, SETTINGS, ("leg", "arm", "seat"), seed=5, held_out=False)
    points = samples.points.astype(np.float64)
    in_seat = (np.abs(points - [0, 0.4, 0]) < [0.45, 0.05, 0.45]).all(1)
    in_leg = (np.abs(points - [0.3, 0, 0]) < [0.05, 0.45, 0.05]).all(1)
    assert np.array_equal(samples.inside, np.stack([in_leg, np.zeros_like(in_leg), in_seat], 1))
    assert np.array_equal(samples.occupancy, in_leg | in_seat)
    assert samples.present.tolist() == [True, False, True]
    assert list(samples.sections) == ["uniform", "near", "part:leg", "part:seat"]
    assert samples.sections["part:seat"][1] == len(points) == 9000
    section = points[samples.section("part:leg")]
    assert (np.abs(section - [0.3, 0, 0]) <= np.array([0.055, 0.495, 0.055]) + 1e-6).all()
    assert 0.7 < samples.inside[samples.section("part:leg"), 0].mean() < 0.8  # 1 / 1.1^3
    for k in (0, 2):  # every part's surface is sampled
        near = samples.inside[samples.section("near"), k]
        assert near.mean() > 0.1
    assert np.abs(points).max() <= 0.5 and samples.points.dtype == np.float32


def test_parts_outside_the_vocabulary_count_for_the_whole() -> None:
    ball, block = sphere(0.2), box((0.1, 0.1, 0.1), (0.4, 0.4, 0.4))
    geometry = Geometry(union([ball, block]), {"ball": ball, "block": block})
    samples = sample(geometry, SETTINGS, ("ball",), seed=0, held_out=True)
    assert (samples.occupancy > samples.inside[:, 0]).any()


def test_streams_repeat_and_differ() -> None:
    geometry = canonical(sphere(1.0, 3))
    one, again = (sample(geometry, SETTINGS, (), seed=3, held_out=False) for _ in range(2))
    assert np.array_equal(one.points, again.points) and np.array_equal(one.occupancy, again.occupancy)
    unseen = sample(geometry, SETTINGS, (), seed=3, held_out=True)
    assert list(unseen.sections) == ["uniform"] and len(unseen.points) == SETTINGS.held_out
    assert not set(map(bytes, unseen.points)) & set(map(bytes, one.points))
    assert not np.array_equal(sample(geometry, SETTINGS, (), seed=4, held_out=False).points, one.points)
    volume = 4 / 3 * np.pi * 0.475**3
    assert unseen.occupancy.mean() == pytest.approx(volume, abs=0.03)


def test_regions_label_the_inside_like_solids() -> None:
    left, right = box((0.4, 0.5, 0.5), (-0.2, 0, 0)), box((0.4, 0.5, 0.5), (0.2, 0, 0))
    whole = box((0.8, 0.5, 0.5))
    points = np.stack([np.linspace(-0.395, 0.395, 80), np.zeros(80), np.zeros(80)], 1)
    regions = from_cloud(points, (points[:, 0] > 0).astype(int), ("left", "right"))
    found = sample(Geometry(whole, regions=regions), SETTINGS, ("right", "none", "left"), seed=2, held_out=False)
    solid = sample(Geometry(whole, {"left": left, "right": right}), SETTINGS, found.vocabulary, seed=2, held_out=False)
    assert list(found.sections) == list(solid.sections) and found.sections == solid.sections
    assert found.present.tolist() == [True, False, True]
    x, y, z = found.points.T
    within = (np.abs(found.points) < [0.4, 0.25, 0.25]).all(1)
    assert np.array_equal(found.occupancy, within)
    assert np.array_equal(found.inside, np.stack([within & (x > 0), np.zeros_like(within), within & (x <= 0)], 1))
    assert found.boxes == pytest.approx(solid.boxes, abs=0.03)
    assert np.array_equal(found.inside.max(1), found.occupancy)  # the parts make up the whole
    near = found.section("near")
    assert (np.abs(np.abs(found.points[near]) - [0.4, 0.25, 0.25]).min(1) < 0.06).all()
    unseen = sample(Geometry(whole, regions=regions), SETTINGS, found.vocabulary, seed=2, held_out=True)
    assert np.array_equal(unseen.boxes, found.boxes)


def test_thin_regions_are_found_and_those_without_an_inside_are_absent() -> None:
    legs = [box((0.01, 0.6, 0.01), (x, -0.1, z)) for x in (-0.4, 0.4) for z in (-0.4, 0.4)]
    seat = box((0.9, 0.04, 0.9), (0, 0.22, 0))
    clouds = [surface_points(join(pieces), 2000, np.random.default_rng(0)) for pieces in ([seat], legs)]
    far = np.full((1, 3), 0.5)  # a label that is nearest to nothing
    regions = from_cloud(np.concatenate([*clouds, far]), np.repeat([0, 1, 2], [2000, 2000, 1]), ("seat", "leg", "x"))
    geometry = Geometry(union([seat, *legs]), regions=regions)
    found = sample(geometry, SETTINGS, regions.names, seed=0, held_out=False)
    assert found.present.tolist() == [True, True, False]
    assert found.inside[:, 1].any() and list(found.sections)[2:] == ["part:seat", "part:leg"]


def test_what_has_no_name_still_counts_for_the_whole() -> None:
    ball, block = sphere(0.2), box((0.1, 0.1, 0.1), (0.4, 0.4, 0.4))
    geometry = Geometry(union([ball, block]), {"ball": ball}, complete=False)
    points = np.array([[0, 0, 0], [0.4, 0.4, 0.4], [0.3, 0, 0]])
    assert occupied(geometry, points).tolist() == [True, True, False]
    assert occupied(replace(geometry, complete=True), points).tolist() == [True, False, False]
