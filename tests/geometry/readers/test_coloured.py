"""Colours of vertices and points: whatever way a file tells them, they are the same; what is no colour is none."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.geometry.export import export_cloud
from engine.geometry.export.scene import encoded, to_linear, to_srgb
from engine.geometry.readers import read_raw
from engine.geometry.readers.coloured import LEFT_OUT, ColouredRaw, OnlyColouredPointsError, srgb
from tests.geometry.readers import write
from tests.geometry.readers.write import Drawn

POINTS = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]])
FACES = [(0, 1, 2), (0, 2, 3)]
BYTES = np.array([[255, 0, 0], [0, 51, 255], [17, 128, 0], [255, 255, 255]])


def ply(kind: str, values: NDArray) -> bytes:
    head = ["ply", "format ascii 1.0", "element vertex 4", *(f"property float {axis}" for axis in "xyz")]
    head += [f"property {kind} {name}" for name in ("red", "green", "blue")]
    head += ["element face 2", "property list uchar int vertex_indices", "end_header"]
    rows = [" ".join(f"{number:g}" for number in row) for row in np.column_stack([POINTS, values])]
    return "\n".join([*head, *rows, *(f"3 {a} {b} {c}" for a, b, c in FACES), ""]).encode()


def obj(colours: NDArray, number: str = "%.9g") -> bytes:
    rows = ["v " + " ".join(number % value for value in row) for row in np.column_stack([POINTS, colours])]
    return "\n".join([*rows, *(f"f {a + 1} {b + 1} {c + 1}" for a, b, c in FACES), ""]).encode()


def glb(colours: NDArray[np.float64], kind: int, beyond: int = 0, normalised: bool = True) -> bytes:
    """Linear RGB as floats (5126) or as bytes with an alpha (5121), in a table so far ``beyond``."""
    document, data = write.gltf_parts(Drawn(POINTS, list(FACES), ["a", "a"]))
    rows = colours.astype("<f4") if kind == 5126 else np.rint(255 * np.column_stack([colours, np.ones(4)])).astype("u1")
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(data), "byteLength": rows.nbytes})
    about = {
        "bufferView": len(document["bufferViews"]) - 1,
        "componentType": kind,
        "count": 4,
        "normalized": normalised and kind == 5121,
    }
    document["accessors"].append(about | {"type": "VEC3" if kind == 5126 else "VEC4"})
    document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = len(document["accessors"]) - 1 + beyond
    return write.glb(document, data + rows.tobytes())


LINEAR = to_linear(BYTES / 255)
PARTLY = obj(BYTES / 255).replace(b"v 1 1 0 0.0666", b"v 1 1 0 # ")  # one vertex has none


@pytest.mark.parametrize(
    ("name", "data", "close"),
    [
        ("a.ply", ply("uchar", BYTES), 1e-9),
        ("a.ply", ply("ushort", 257 * BYTES), 1e-9),
        ("a.ply", ply("ushort", BYTES), 1e-9),  # as some programs write bytes
        ("a.ply", ply("float", BYTES / 255), 1e-5),
        ("a.ply", ply("float", BYTES), 1e-9),  # as some programs write them
        ("a.obj", obj(BYTES / 255), 1e-8),
        ("a.glb", glb(LINEAR, 5126), 1e-6),
        ("a.glb", glb(LINEAR, 5121), 0.03),  # bytes of linear light are coarse where it is dark
        ("a.glb", glb(LINEAR, 5121, normalised=False), 0.03),
    ],
)
def test_vertices_have_the_colours_of_the_file(name: str, data: bytes, close: float) -> None:
    raw = read_raw(Path(name), data)
    assert isinstance(raw, ColouredRaw)
    assert np.array_equal(raw.mesh.vertices, POINTS) and len(raw.mesh.faces) == 2
    assert np.abs(raw.colours - BYTES / 255).max() <= close


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.ply", ply("float", -1.0 * BYTES)),
        ("a.ply", ply("float", BYTES + 0.25)),
        ("a.ply", ply("float", np.where(BYTES == 17, np.nan, BYTES / 255))),
        ("a.obj", obj(np.full((4, 3), np.nan))),
        ("a.obj", obj(BYTES[:, :1])),  # a weight
        ("a.obj", PARTLY),
    ],
)
def test_what_is_no_colour_is_none(name: str, data: bytes) -> None:
    """That is told, unless the file names nothing so."""
    raw = read_raw(Path(name), data)
    assert len(raw.mesh.faces) == 2 and not isinstance(raw, ColouredRaw)
    silent = data == obj(BYTES[:, :1])
    assert (LEFT_OUT in raw.notes) == (not silent)


def test_points_whose_colours_are_none_are_told_of_too() -> None:
    data = ply("float", np.full((4, 3), np.nan)).replace(b"element face 2", b"element face 0")
    with pytest.raises(OnlyColouredPointsError) as found:
        read_raw(Path("a.ply"), data)
    assert len(found.value.points) == 4 and found.value.colours.shape == (0, 3)


def test_a_glb_with_broken_colours_is_a_shape_without() -> None:
    raw = read_raw(Path("a.glb"), glb(LINEAR, 5126, beyond=9))
    assert len(raw.mesh.faces) == 2 and not isinstance(raw, ColouredRaw)
    assert "colours" in " ".join(raw.notes)


def test_points_that_are_exported_come_back_with_their_colours(tmp_path: Path) -> None:
    export_cloud(tmp_path / "a.ply", POINTS, None, LINEAR)
    with pytest.raises(OnlyColouredPointsError) as found:
        read_raw(tmp_path / "a.ply")
    assert str(found.value).startswith(str(tmp_path))
    assert np.array_equal(found.value.colours, BYTES / 255)


def test_the_largest_number_tells_what_is_full_light_where_the_type_does_not() -> None:
    half = np.full((2, 3), 0.5)
    same, full = srgb(half), srgb(np.array([[255.0, 0, 51]]))
    assert same is not None and np.array_equal(same, half)
    assert full is not None and np.array_equal(full, [[1, 0, 0.2]])
    assert srgb(np.array([[256.0, 0, 0]])) is None and srgb(np.zeros((0, 3))) is None


def test_srgb_and_linear_light_are_each_others_way_back() -> None:
    light = np.linspace(0, 1, 300)
    assert np.allclose(to_linear(to_srgb(light)), light, atol=1e-12)
    assert np.allclose(to_srgb(light), [encoded(one) for one in light.tolist()], atol=1e-12)
