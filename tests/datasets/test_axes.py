from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.datasets.axes import TURNS, turn
from engine.datasets.points import read_cloud
from engine.datasets.source import Source


@pytest.mark.parametrize("axes", TURNS)
def test_every_turn_is_a_proper_rotation_by_right_angles(axes: str) -> None:
    rotation = turn(axes)
    assert np.array_equal(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert np.array_equal(np.abs(rotation), np.abs(rotation).astype(bool))


def test_both_versions_of_shapenet_land_on_each_other() -> None:
    v1 = np.random.default_rng(0).normal(size=(50, 3))
    x, y, z = v1.T
    assert np.array_equal(np.stack([z, y, -x], 1) @ turn("shapenet-v2").T, v1 @ turn("shapenet-v1").T)


def test_modelnet_meshes_and_clouds_land_on_each_other() -> None:
    cloud = np.random.default_rng(0).normal(size=(50, 3))
    x, y, z = cloud.T
    assert np.array_equal(np.stack([-x, z, y], 1) @ turn("modelnet").T, cloud @ turn("modelnet-resampled").T)


def test_the_modelnet_airplane_and_its_cloud_coincide(test_data: Path) -> None:
    mesh = trimesh.load(test_data / "modelnet_off/ModelNet40/airplane/train/airplane_0003.off", process=False)
    surface = trimesh.sample.sample_surface(mesh, 20_000, seed=0)[0] @ turn("modelnet").T
    text = test_data / "modelnet40_normal_resampled/airplane/airplane_0003.txt"
    cloud = np.loadtxt(text, delimiter=",")[:, :3] @ turn("modelnet-resampled").T
    assert np.quantile(cKDTree(_boxed(surface)).query(_boxed(cloud))[0], 0.99) < 0.01


CHAIRS = [
    ("shapenet_v2/03001627/*/models/model_normalized.obj", "shapenet-v2"),
    ("shapenet_v1*/03001627/*/model.obj", "shapenet-v1"),
    ("modelnet_off/ModelNet10/chair/*/*.off", "modelnet"),
    ("modelnet_off/ModelNet10/bed/*/*.off", "modelnet"),
    ("modelnet_off/ModelNet10/toilet/*/*.off", "modelnet"),
    ("partnet_parts/Bed/*/leaf_part_obj", "partnet"),
    ("partnet_parts/Chair/*/leaf_part_obj", "partnet"),
]


@pytest.mark.parametrize(("pattern", "axes"), CHAIRS)
def test_real_seats_and_beds_have_their_backs_at_minus_z(test_data: Path, pattern: str, axes: str) -> None:
    found = sorted(test_data.glob(pattern))
    assert found
    for path in found:
        files = sorted(path.glob("*.obj")) if path.is_dir() else [path]
        meshes = [trimesh.load(file, force="mesh", process=False) for file in files]
        points = trimesh.sample.sample_surface(trimesh.util.concatenate(meshes), 4000, seed=0)[0] @ turn(axes).T
        centre, size = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0)
        high = points[points[:, 1] > centre[1] + 0.25 * size[1]]
        assert high[:, 2].mean() < centre[2] - 0.1 * size[2], path
        assert abs(high[:, 0].mean() - centre[0]) < centre[2] - high[:, 2].mean(), path


def test_real_labelled_clouds_have_the_same_front(test_data: Path) -> None:
    for offset, label in (("03001627", 1), ("02691156", 3)):  # the back of a chair, the tail of an airplane
        folder = test_data / "shapenetpart_v0" / offset
        points = np.loadtxt(next((folder / "points").glob("*.pts"))) @ turn("shapenet-v1").T
        labels = np.loadtxt(next((folder / "points_label").glob("*.seg")), dtype=int)
        assert points[labels == label, 2].mean() < points[:, 2].mean() - 0.1


PAIRS = [
    ("04379243/1a00aa6b75362cc5b324368d54a7416f", "shapenetpart_v0_normal/{}.txt"),
    ("04379243/1a00aa6b75362cc5b324368d54a7416f", "occnet_dvr_shapenet/{}/pointcloud.npz"),
    ("02828884/1be0e167a93a1069acb4ead41419080a", "occnet_dvr_shapenet/{}/pointcloud.npz"),
]


@pytest.mark.parametrize(("ident", "pattern"), PAIRS)
def test_the_same_shape_in_several_data_sets_coincides(test_data: Path, ident: str, pattern: str) -> None:
    mesh = trimesh.load(test_data / f"shapenet_v2/{ident}/models/model_normalized.obj", force="mesh", process=False)
    surface = _boxed(trimesh.sample.sample_surface(mesh, 100_000, seed=0)[0] @ turn("shapenet-v2").T)
    source = Source(kind="cloud", name=ident, files=(str(test_data / pattern.format(ident)),))
    cloud = _boxed(read_cloud(source).points @ turn("shapenet-v1").T)
    assert np.quantile(cKDTree(surface).query(cloud[:: len(cloud) // 2000])[0], 0.99) < 0.01
    assert np.quantile(cKDTree(cloud).query(surface[::50])[0], 0.9) < (0.01 if len(cloud) > 10_000 else 0.05)


def _boxed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centred on the bounding box, longest side 1."""
    low, high = points.min(0), points.max(0)
    return (points - (low + high) / 2) / (high - low).max()
