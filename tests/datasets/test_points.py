"""Points in whatever form: what was written is read, and what cannot be right is refused in words."""

import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.datasets.arrays import LARGEST
from engine.datasets.points import read_cloud, read_labels, read_occupancy
from engine.datasets.source import Source
from engine.errors import InputError, MeshError

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(57, 3))
NORMALS = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
LABELS = RNG.integers(1, 5, 57)
INSIDE = RNG.random(57) < 0.3


def cloud_of(path: Path, **about: Any) -> Source:
    return Source(kind="cloud", name=path.stem, files=(str(path),), **about)


def occupancy_of(path: Path, **about: Any) -> Source:
    return Source(kind="occupancy", name=path.stem, files=(str(path),), **about)


@pytest.mark.parametrize("mark", [" ", ",", ", ", "\t", ";"])
@pytest.mark.parametrize("columns", [3, 4, 6, 7])
def test_text_reads_back(tmp_path: Path, mark: str, columns: int) -> None:
    blocks: dict[int, list[NDArray]] = {
        3: [POINTS],
        4: [POINTS, LABELS],
        6: [POINTS, NORMALS],
        7: [POINTS, NORMALS, LABELS],
    }
    rows = np.column_stack(blocks[columns])
    lines = [mark.join(f"{number:.17g}" for number in row) for row in rows]
    path = tmp_path / "a.txt"
    path.write_text("# by hand\r\n" + "\r\n\r\n".join(lines))
    cloud = read_cloud(cloud_of(path))
    assert np.array_equal(cloud.points, POINTS)
    assert (cloud.normals is not None) == (columns > 4) and (cloud.labels is not None) == (columns in (4, 7))
    if cloud.normals is not None:
        assert np.array_equal(cloud.normals, NORMALS)
    if cloud.labels is not None:
        assert np.array_equal(cloud.labels, LABELS)


@pytest.mark.parametrize("full", [1, 255])
@pytest.mark.parametrize("labelled", [False, True])
def test_colours_are_no_normals(tmp_path: Path, full: int, labelled: bool) -> None:
    """Neither mixed ones nor pure ones, which are as long as normals."""
    for bytes_ in (RNG.integers(0, 256, (57, 3)), 255 * np.eye(3, dtype=int)[LABELS % 3]):
        rows = [POINTS, bytes_ / 255 * full, *([LABELS] if labelled else [])]
        np.savetxt(tmp_path / "a.txt", np.column_stack(rows))
        cloud = read_cloud(cloud_of(tmp_path / "a.txt"))
        assert cloud.normals is None and (cloud.labels is not None) == labelled
        assert cloud.colours is not None and np.allclose(cloud.colours, bytes_ / 255)


def test_what_is_neither_normal_nor_colour_is_left_out(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "a.txt", np.column_stack([POINTS, 300 * POINTS]))
    cloud = read_cloud(cloud_of(tmp_path / "a.txt"))
    assert cloud.normals is None and cloud.colours is None


def test_colours_of_arrays(tmp_path: Path) -> None:
    bytes_ = RNG.integers(0, 256, (57, 3))
    np.save(tmp_path / "a.npy", np.column_stack([POINTS, bytes_]))
    np.savez(tmp_path / "a.npz", points=POINTS, colors=bytes_.astype(np.uint8))
    for name in ("a.npy", "a.npz"):
        found = read_cloud(cloud_of(tmp_path / name)).colours
        assert found is not None and np.array_equal(found, bytes_ / 255)
    for colours in (np.column_stack([bytes_, bytes_[:, 0]]).astype(np.uint8), (257 * bytes_).astype(np.uint16)):
        np.savez(tmp_path / "a.npz", points=POINTS, colors=colours)
        found = read_cloud(cloud_of(tmp_path / "a.npz")).colours
        assert found is not None and np.allclose(found, bytes_ / 255)
    np.savez(tmp_path / "a.npz", points=POINTS, colors=np.full((57, 3), np.nan))
    found = read_cloud(cloud_of(tmp_path / "a.npz")).colours
    assert found is not None and not len(found)
    np.savez(tmp_path / "a.npz", points=POINTS, colors=bytes_[:3])
    with pytest.raises(MeshError, match="colors"):
        read_cloud(cloud_of(tmp_path / "a.npz"))


@pytest.mark.parametrize("form", ["%d", "%.6f"])
def test_labels_beside_the_points(tmp_path: Path, form: str) -> None:
    np.savetxt(tmp_path / "a.pts", POINTS, fmt="%.17g")
    np.savetxt(tmp_path / "a.seg", LABELS, fmt=form)
    cloud = read_cloud(cloud_of(tmp_path / "a.pts", labels=str(tmp_path / "a.seg")))
    assert cloud.labels is not None and np.array_equal(cloud.labels, LABELS)
    assert np.array_equal(read_labels(str(tmp_path / "a.seg")), LABELS)


def test_a_wrong_number_of_labels_is_refused(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "a.pts", POINTS)
    np.savetxt(tmp_path / "a.seg", LABELS[1:], fmt="%d")
    with pytest.raises(MeshError, match="56 labels for the 57 points"):
        read_cloud(cloud_of(tmp_path / "a.pts", labels=str(tmp_path / "a.seg")))


BAD_TEXT = {
    "": "holds no numbers",
    "# nothing\n": "holds no numbers",
    "1 2\n3 4\n": "2 columns",
    "1 2 3 4 5\n": "5 columns",
    "1 2 3\n1 2\n": "not rows of numbers",
    "1 2 x\n": "not rows of numbers",
    "1 2 nan\n1 2 3\n": "1 of 2 points are not finite",
    "1 2 inf\n": "1 of 1 points are not finite",
    "1 2 3 0.5\n": "not whole numbers",
    "1 2 3 1e300\n": "not whole numbers",
    "\x00\x01\x02": "not rows of numbers",
}


@pytest.mark.parametrize(("text", "words"), BAD_TEXT.items())
def test_text_that_is_no_cloud_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(MeshError, match=words) as error:
        read_cloud(cloud_of(path))
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i4"])
def test_arrays_read_back(tmp_path: Path, dtype: str) -> None:
    points = (POINTS * 4).astype(dtype)
    np.save(tmp_path / "a.npy", points)
    np.save(tmp_path / "b.npy", np.asfortranarray(np.column_stack([points, NORMALS.astype(dtype)])))
    assert np.array_equal(read_cloud(cloud_of(tmp_path / "a.npy")).points, points)
    assert np.array_equal(read_cloud(cloud_of(tmp_path / "b.npy")).points, points)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_occupancy_networks_cloud_is_put_back_in_its_place(tmp_path: Path, save: Any) -> None:
    loc, scale = np.array([1.0, 2.0, 3.0], np.float16), np.float16(0.5)
    save(tmp_path / "pointcloud.npz", points=POINTS.astype("f2"), normals=NORMALS.astype("f2"), loc=loc, scale=scale)
    cloud = read_cloud(cloud_of(tmp_path / "pointcloud.npz"))
    assert np.allclose(cloud.points, POINTS.astype("f2").astype(float) * 0.5 + [1, 2, 3], atol=0)
    assert cloud.box is not None and cloud.box[0].tolist() == [1, 2, 3] and cloud.box[1] == 0.5
    assert cloud.normals is not None and cloud.normals.shape == POINTS.shape


@pytest.mark.parametrize("packed", [True, False])
def test_occupancy_networks_points(tmp_path: Path, packed: bool) -> None:
    flags: NDArray = np.packbits(INSIDE) if packed else INSIDE
    np.savez(tmp_path / "points.npz", points=POINTS, occupancies=flags, loc=np.zeros(3), scale=2.0)
    read = read_occupancy(occupancy_of(tmp_path / "points.npz", dataset="occnet"))
    assert np.array_equal(read.inside, INSIDE) and read.inside.dtype == bool
    assert np.allclose(read.points, POINTS * 2) and read.points.dtype == np.float32
    assert read.sections == {"uniform": (0, 57)}


def test_hyperdiffusion_points(tmp_path: Path) -> None:
    rows = np.column_stack([POINTS[:56], INSIDE[:56]])
    np.save(tmp_path / "a.obj.npy", rows)
    read = read_occupancy(occupancy_of(tmp_path / "a.obj.npy", dataset="hyperdiffusion"))
    assert np.array_equal(read.inside, INSIDE[:56])
    assert read.sections == {"near": (0, 28), "uniform": (28, 56)}
    assert read_occupancy(occupancy_of(tmp_path / "a.obj.npy")).sections == {}
    with pytest.raises(InputError, match="inside flags, no cloud"):
        read_cloud(cloud_of(tmp_path / "a.obj.npy"))


@pytest.mark.parametrize("rows", [POINTS, np.column_stack([POINTS, NORMALS]), np.column_stack([POINTS, LABELS])])
def test_a_cloud_to_measure_by_is_no_training_data(tmp_path: Path, rows: NDArray) -> None:
    np.save(tmp_path / "a.npy", rows)
    with pytest.raises(InputError, match="cannot be trained on"):
        read_occupancy(occupancy_of(tmp_path / "a.npy"))


def test_archives_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"xyz": POINTS}, "no points and no occupancies, only xyz"),
        ({"points": POINTS, "occupancies": INSIDE[1:]}, "for 57 points"),
        ({"points": POINTS[:, :2], "occupancies": INSIDE}, r"\(P, 3\) is needed"),
        ({"points": POINTS, "occupancies": INSIDE, "scale": 0.0}, "a positive size"),
        ({"points": POINTS, "occupancies": INSIDE, "loc": np.zeros(2)}, "a positive size"),
        ({"points": POINTS, "occupancies": np.full(57, 0.5)}, "not 0 and 1"),
        ({"points": np.full((2, 3), np.nan), "occupancies": INSIDE[:2]}, "not finite"),
        ({"points": np.zeros((0, 3)), "occupancies": np.zeros(0)}, "holds no points"),
        ({"points": np.array([{}, {}]), "occupancies": INSIDE[:2]}, "never loaded"),
    ]
    for held, words in cases:
        np.savez(path, **held)
        with pytest.raises(InputError, match=words):
            read_occupancy(occupancy_of(path))


def test_headers_that_claim_too_much_reserve_nothing(tmp_path: Path) -> None:
    for shape, words in (
        ((LARGEST, 3), "are not read"),
        ((10**30, 3), "are not read"),
        ((9999, 3), "too short"),
        ((10**30, 0), "holds no points"),
        ((1,) * 70, "which no points have"),
    ):
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(118) + b"\n"
        data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(60)
        (tmp_path / "a.npy").write_bytes(data)
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("points.npy", data)
        for name in ("a.npy", "a.npz"):
            with pytest.raises(MeshError, match=words):
                read_cloud(cloud_of(tmp_path / name))


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_damaged_files_are_refused_and_nothing_else_happens(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("y"):
        np.save(path, POINTS)
    else:
        np.savez_compressed(path, points=POINTS)
    whole = path.read_bytes()
    for _ in range(300):
        data = bytearray(whole[: RNG.integers(1, len(whole))] if RNG.random() < 0.3 else whole)
        for _ in range(RNG.integers(1, 4)):
            data[RNG.integers(min(len(data), 200))] = RNG.integers(256)
        path.write_bytes(data)
        try:
            read_cloud(cloud_of(path))
        except InputError as error:
            assert "\n" not in str(error)


PCD = """# .PCD v.7
VERSION .7
FIELDS x y z rgb normal_x normal_y normal_z label
SIZE 4 4 4 4 4 4 4 4
TYPE F F F U F F F U
COUNT 1 1 1 1 1 1 1 1
WIDTH 2
HEIGHT 1
VIEWPOINT 0 0 0 1 0 0 0
POINTS 2
DATA ascii
1 2 3 4294967295 0 0 1 7
4 5 6 0 1 0 0 8
"""


def test_point_clouds_of_pcl(tmp_path: Path) -> None:
    path = tmp_path / "a.pcd"
    path.write_text(PCD)
    cloud = read_cloud(cloud_of(path))
    assert cloud.points.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert cloud.labels is not None and cloud.labels.tolist() == [7, 8]
    assert cloud.normals is not None and cloud.normals.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert cloud.colours is not None and (255 * cloud.colours).tolist() == [[255, 255, 255], [0, 0, 0]]
    packed = np.array([0x0011FF80, 0x00FFCC03], "<u4").view("<f4")
    told = PCD.replace("TYPE F F F U", "TYPE F F F F")
    told = told.replace("4294967295", f"{packed[0]:.9g}").replace("5 6 0 ", f"5 6 {packed[1]:.9g} ")
    path.write_text(told)
    found = read_cloud(cloud_of(path)).colours
    assert found is not None and np.allclose(255 * found, [[0x11, 0xFF, 0x80], [0xFF, 0xCC, 0x03]])
    changes = {
        "DATA ascii": "DATA binary", "POINTS 2": "POINTS 3", " x y": " a b", "FIELDS": "FELDS",
        "COUNT 1": "COUNT 2", "COUNT": "COUNT a", "4 5 6 0 1 0 0 8": "4 5",
    }  # fmt: skip
    for old, new in changes.items():
        path.write_text(PCD.replace(old, new))
        with pytest.raises(MeshError):
            read_cloud(cloud_of(path))


def test_what_is_no_point_file_is_refused(tmp_path: Path) -> None:
    for name in ("a.obj", "a"):
        with pytest.raises(InputError, match="known formats"):
            read_cloud(cloud_of(tmp_path / name))
        with pytest.raises(InputError, match="known formats"):
            read_occupancy(occupancy_of(tmp_path / name))
    for name in ("none.pts", "none.npy", "none.npz", "none.pcd"):
        with pytest.raises(MeshError, match="cannot be read"):
            read_cloud(cloud_of(tmp_path / name))


def test_real_clouds(test_data: Path) -> None:
    table = "04379243/1a00aa6b75362cc5b324368d54a7416f"
    labelled = read_cloud(cloud_of(test_data / f"shapenetpart_v0_normal/{table}.txt"))
    dense = read_cloud(cloud_of(test_data / f"occnet_dvr_shapenet/{table}/pointcloud.npz"))
    assert labelled.labels is not None and set(labelled.labels.tolist()) == {47, 48}
    assert labelled.normals is not None and dense.normals is not None and len(dense.points) == 100_000
    for low_high in (np.min, np.max):  # the same table in the same coordinates
        assert np.allclose(low_high(labelled.points, axis=0), low_high(dense.points, axis=0), atol=0.01)
    assert dense.box is not None and dense.box[1] == pytest.approx(np.ptp(dense.points, axis=0).max(), rel=2e-3)
    for path in sorted(test_data.glob("shapenetpart_v0/*/points/*.pts")):
        labels = path.parents[1] / "points_label" / f"{path.stem}.seg"
        cloud = read_cloud(cloud_of(path, labels=str(labels)))
        assert cloud.labels is not None and cloud.labels.min() >= 1
    assert len(read_cloud(cloud_of(next(test_data.rglob("*.pcd")))).points) == 2048
    for path in test_data.glob("modelnet40_normal_resampled/*/*.txt"):
        assert read_cloud(cloud_of(path)).points.shape == (10_000, 3)
    for path in test_data.glob("dfaust_oflow/*/pcl_seq/*.npz"):
        assert len(read_cloud(cloud_of(path)).points) == 100_000
