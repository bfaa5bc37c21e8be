"""Clouds as files and as pictures."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.clouds.cloud import PointCloud
from engine.clouds.dots import dots
from engine.clouds.writing import picture, write_shape
from engine.errors import InputError
from engine.geometry.readers import read_raw
from engine.geometry.readers.coloured import ColouredRaw
from engine.pictures.camera import View
from engine.settings import ExportOptions
from engine.stages import ended


def table(path: Path) -> np.ndarray:
    return np.array([line.split() for line in path.read_text().splitlines() if not line.startswith("#")], np.float32)


def test_points_are_written_as_they_are(tmp_path: Path) -> None:
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (50, 3)).astype(np.float32)
    info = ended(write_shape(PointCloud(points), tmp_path / "a.xyz", (), 64, {"shape": "a"}))
    assert np.allclose(table(tmp_path / "a.xyz"), points, atol=1e-6)
    assert (info["points"], info["faces"], info["watertight"]) == (50, 0, False)
    larger = ended(write_shape(PointCloud(points), tmp_path / "b.xyz", (), 64, {}, 0.0, ExportOptions(size_mm=100)))
    assert larger["size"] == pytest.approx(
        [float(side) for side in 0.1 * np.ptp(points, 0) / np.ptp(points, 0).max()], rel=1e-4
    )


def test_colours_go_into_ply(tmp_path: Path) -> None:
    cloud = PointCloud(np.eye(3, dtype=np.float32) / np.float32(4), np.eye(3, dtype=np.float32))
    ended(write_shape(cloud, tmp_path / "a.ply", (), 64, {}))
    assert (tmp_path / "a.ply").read_bytes().endswith(bytes([0, 0, 255]))  # the last point is blue
    ended(write_shape(cloud, tmp_path / "a.xyz", (), 64, {}))
    assert table(tmp_path / "a.xyz").shape == (3, 3)


def test_as_many_points_as_there_are(tmp_path: Path) -> None:
    cloud = PointCloud(np.eye(3, dtype=np.float32))
    with pytest.raises(InputError, match=r"sampler\.points=7"):
        ended(write_shape(cloud, tmp_path / "a.ply", (), 64, {}, 0.0, ExportOptions(points=7)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name, options", [("a.glb", ExportOptions()), ("a.ply", ExportOptions(pieces="union"))])
def test_a_surface_is_laid_through_the_points(tmp_path: Path, name: str, options: ExportOptions) -> None:
    """Of points spread evenly on a ball (a spiral), a watertight surface within 5 % of its radius."""
    height, angle = 1 - (2 * np.arange(600) + 1) / 600, np.arange(600) * np.pi * (3 - np.sqrt(5))
    points = 0.4 * np.stack([np.cos(angle) * np.sqrt(1 - height**2), height, np.sin(angle) * np.sqrt(1 - height**2)], 1)
    info = ended(write_shape(PointCloud(points.astype(np.float32)), tmp_path / name, (), 64, {}, 0.0, options))
    assert info["watertight"]
    assert info["faces"] > 500
    scene = trimesh.load_scene(tmp_path / name)
    away = np.linalg.norm(np.concatenate([mesh.vertices for mesh in scene.geometry.values()]), axis=1)
    assert np.abs(away / 0.4 - 1).max() < 0.05


@pytest.mark.parametrize("name, options", [("a.glb", ExportOptions()), ("a.ply", ExportOptions(pieces="union"))])
def test_the_surface_of_a_coloured_cloud_has_its_colours(tmp_path: Path, name: str, options: ExportOptions) -> None:
    """Red to the left, blue to the right; what is told of the file is the same as without."""
    height, angle = 1 - (2 * np.arange(600) + 1) / 600, np.arange(600) * np.pi * (3 - np.sqrt(5))
    points = 0.4 * np.stack([np.cos(angle) * np.sqrt(1 - height**2), height, np.sin(angle) * np.sqrt(1 - height**2)], 1)
    colours = np.where(points[:, :1] < 0, (1.0, 0, 0), (0, 0, 1.0)).astype(np.float32)
    told = []
    for shades in (None, colours):
        cloud = PointCloud(points.astype(np.float32), shades)
        told.append(ended(write_shape(cloud, tmp_path / name, (), 64, {}, 0.0, options)))
    assert told[0] == told[1]
    raw = read_raw(tmp_path / name)
    assert isinstance(raw, ColouredRaw)
    for side, colour in ((raw.mesh.vertices[:, 0] < -0.13, (1, 0, 0)), (raw.mesh.vertices[:, 0] > 0.13, (0, 0, 1))):
        assert side.any() and np.abs(raw.colours[side] - colour).max() < 0.01
    with pytest.raises(InputError, match="no field to smooth"):
        ended(write_shape(cloud, tmp_path / name, (), 64, {}, 0.0, ExportOptions(pieces="union", smooth=0.02)))


def test_nearer_points_hide_farther_ones() -> None:
    """Seen from the front, a red point before a blue one is all that is seen; in the picture's middle."""
    line = np.array([[0, 0, 0.4], [0, 0, -0.4]], np.float32)
    colours = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    front = dots(PointCloud(line, colours), 64, View(azimuth=0, elevation=0)).astype(int)
    red = (front[..., 0] > front[..., 2] + 30).nonzero()
    assert len(red[0]) > 0
    assert not (front[..., 2] > front[..., 0] + 30).any()
    assert abs(red[0].mean() - 31.5) < 2
    assert abs(red[1].mean() - 31.5) < 2
    back = dots(PointCloud(line, colours), 64, View(azimuth=180, elevation=0)).astype(int)
    assert (back[..., 2] > back[..., 0] + 30).any()


def test_a_picture_of_nothing_is_empty() -> None:
    image = ended(picture(PointCloud(np.zeros((0, 3), np.float32)), (), 64, 32))
    assert image.shape == (32, 32, 3)
    assert (image.std(1) == 0).all()
