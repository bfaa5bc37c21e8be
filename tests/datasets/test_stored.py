from pathlib import Path

import numpy as np
import pytest

from engine.datasets.stored import Stored, frame, place, samples_of
from engine.errors import InputError, MeshError
from engine.settings import SampleSettings

SETTINGS = SampleSettings(uniform=3_000, near=2_000, held_out=1_024)


def ball(count: int = 10_000, near: int = 4_000) -> Stored:
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (count, 3)).astype(np.float32)
    inside = np.linalg.norm(points, axis=1) < 0.4
    return Stored(points, inside, np.zeros(0, np.int16), (), near, np.eye(4))


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    one = ball()
    one.save(tmp_path / "points.safetensors")
    back = Stored.load(tmp_path / "points.safetensors")
    assert (back.points == one.points).all() and (back.inside == one.inside).all()
    assert (back.names, back.near) == (one.names, one.near)


def test_what_is_held_out_is_never_fitted_to_whatever_the_settings() -> None:
    one = ball()
    unseen = samples_of(one, SampleSettings(uniform=64, near=0, held_out=100_000), 7, held_out=True)
    for seed in range(3):
        seen = samples_of(one, SETTINGS, seed, held_out=False)
        assert not {row.tobytes() for row in seen.points} & {row.tobytes() for row in unseen.points}
        assert (seen.occupancy == (np.linalg.norm(seen.points, axis=1) < 0.4)).all()
        assert len(seen.points[seen.section("uniform")]) == 3_000 and len(seen.points[seen.section("near")]) == 2_000
    even = {row.tobytes() for row in one.points[one.near :]}
    assert len(unseen.points) == 900 and {row.tobytes() for row in unseen.points} <= even


def test_surface_points_and_a_handful_are_refused_in_words() -> None:
    cloud = Stored(ball().points, np.zeros(0, bool), np.zeros(0, np.int16), (), 0, np.eye(4))
    with pytest.raises(InputError, match="surface points"):
        samples_of(cloud, SETTINGS, 0, False)
    with pytest.raises(InputError, match="too few"):
        samples_of(ball(2_000, 1_000), SETTINGS, 0, False)


def test_the_frame_puts_the_box_into_the_cube_and_back() -> None:
    points = np.random.default_rng(1).uniform((-3, 5, 0), (4, 6, 2), (500, 3))
    to_source = frame(points)
    there = place(points, to_source)
    assert np.allclose(np.ptp(there, axis=0).max(), 0.95) and np.allclose(there.max(0), -there.min(0), atol=1e-6)
    assert np.allclose(there @ to_source[:3, :3].T + to_source[:3, 3], points, atol=1e-5)
    for bad in (np.zeros((0, 3)), np.full((4, 3), np.nan), np.ones((4, 3))):
        with pytest.raises(MeshError):
            frame(bad)
