import struct
from pathlib import Path

import numpy as np
import pytest

from engine.errors import MeshError
from engine.geometry.raw import Raw
from engine.geometry.readers import read_raw
from tests.geometry.readers import write
from tests.geometry.readers.write import Drawn

SQUARE = Drawn(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), [(0, 1, 2), (0, 1, 2, 3), (3, 2, 1)])
FORMS = ("ascii", "binary_little_endian", "binary_big_endian")


def read(data: bytes) -> Raw:
    """A PLY file with these bytes."""
    return read_raw(Path("a.ply"), data)


def fails(data: bytes, *words: str) -> None:
    """Reading must fail in one line with these words."""
    with pytest.raises(MeshError) as caught:
        read(data)
    message = str(caught.value)
    assert message.startswith("a.ply: ") and "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize("form", FORMS)
def test_line_ends_of_the_header(form: str) -> None:
    data = write.ply(SQUARE, form)
    usual = read(data)
    head, mark, body = data.partition(b"end_header\n")
    for end in (b"\r\n", b"\r"):
        raw = read((head + mark).replace(b"\n", end) + body)
        assert np.array_equal(raw.mesh.faces, usual.mesh.faces)
        assert np.array_equal(raw.mesh.vertices, usual.mesh.vertices)
    assert np.array_equal(read(head + b"end_header\r\n" + body).mesh.faces, usual.mesh.faces)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", write.TYPES)
def test_types_of_coordinates(form: str, kind: str) -> None:
    whole = kind not in ("float", "double")
    mesh = Drawn(SQUARE.vertices * 7, SQUARE.polygons)
    data = write.ply(mesh, form, "double", "ushort", "uint")
    if whole and form != "ascii":
        head, mark, body = data.partition(b"end_header\n")
        order = "<" if "little" in form else ">"
        integers = struct.pack(order + 12 * write.TYPES[kind], *mesh.vertices.astype(int).ravel())
        data = head.replace(b"property double", b"property " + kind.encode()) + mark + integers + body[96:]
    assert np.array_equal(read(data).mesh.vertices, mesh.vertices)


@pytest.mark.parametrize("form", FORMS)
def test_strips(form: str) -> None:
    strips = Drawn(SQUARE.vertices, [(0, 1, 3, 2), (0, 1, 2, -1, 3, 2, 1, 0, -1), (1, 2)])
    data = write.ply(strips, form).replace(b"element face", b"element tristrips")
    expected = [[0, 1, 3], [3, 1, 2], [0, 1, 2], [3, 2, 1], [1, 2, 0]]
    raw = read(data)
    assert raw.mesh.faces.tolist() == expected and raw.polygon.tolist() == list(range(5))


@pytest.mark.parametrize("form", FORMS)
def test_a_body_that_is_cut_says_how_much_is_missing(form: str) -> None:
    data = write.ply(SQUARE, form)
    body = data.index(b"end_header\n") + 11
    fails(data[:-3], "claims 3 records of 'face'", "1 of them are missing")
    fails(data[: body + 20], "claims 4 records of 'vertex'", "missing")
    fails(data[:body], "claims 4 records of 'vertex'")
    many = data.replace(b"element face 3", b"element face 353535235358")
    fails(many, "353,535,235,358 records of 'face'")


def test_other_names_and_a_column_of_lists_of_many_lengths() -> None:
    data = write.ply(SQUARE, extras=True).replace(b"vertex_indices", b"vertex_index")
    assert np.array_equal(read(data).mesh.faces, read(write.ply(SQUARE)).mesh.faces)
    obj_info = write.ply(SQUARE).replace(b"comment", b"obj_info end_header")
    assert len(read(obj_info).mesh.faces) == 4


def test_coordinates_that_are_not_finite() -> None:
    for form in FORMS:
        broken = Drawn(SQUARE.vertices.copy(), SQUARE.polygons)
        broken.vertices[3] = np.nan
        raw = read(write.ply(broken, form))
        assert raw.polygon.tolist() == [0] and "left out 2 faces with a coordinate" in raw.notes[0]
    signalling = write.ply(SQUARE, "binary_little_endian", "float")
    start = signalling.index(b"end_header\n") + 11
    assert len(read(signalling[:start] + b"\x01\0\x80\x7f" + signalling[start + 4 :]).mesh.faces) == 1


def test_what_is_no_mesh() -> None:
    points = write.ply(Drawn(SQUARE.vertices, []))
    fails(points, "4 points", "point cloud")
    fails(
        points.replace(b"element face 0\n", b"").replace(b"property list uchar int vertex_indices\n", b""),
        "point cloud",
    )
    fails(b"ply\nformat ascii 1.0\nend_header\n", "no vertices")
    fails(b"ply\nformat ascii 1.0\n", "no end")
    fails(b"off", "not a PLY file")
    fails(points.replace(b"ascii", b"binary_pdp_endian"), "no format")
    fails(points.replace(b"property double x", b"property quad x"), "not understood", "quad")
    fails(points.replace(b"element vertex 4", b"element vertex four"), "without a count")
    fails(points.replace(b"comment made by a", b"property int"), "before any element")
    fails(b"", "empty")
