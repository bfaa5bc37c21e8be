"""Oddities of the text formats OBJ, OFF and STL."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import MeshError
from engine.geometry.raw import Raw
from engine.geometry.readers import read_raw
from engine.geometry.readers.coloured import LEFT_OUT
from engine.geometry.readers.limits import Limits
from engine.geometry.readers.text import blocks

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
CORNERS = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"


def read(name: str, text: str | bytes) -> Raw:
    """A file with this text."""
    return read_raw(Path(name), text.encode() if isinstance(text, str) else text)


def fails(name: str, text: str | bytes, *words: str) -> None:
    """Reading must fail in one line that starts with the name and has these words."""
    with pytest.raises(MeshError) as caught:
        read(name, text)
    message = str(caught.value)
    assert message.startswith(f"{name}: ") and "\n" not in message
    assert all(word in message for word in words), message


def named(raw: Raw, scheme: str) -> list[str]:
    """Name of each triangle."""
    labels = raw.labels[scheme]
    return [labels.names[i] if i >= 0 else "" for i in labels.index]


# OBJ ------------------------------------------------------------------------------------------------------------------
def test_obj_faces_before_their_vertices() -> None:
    raw = read("a.obj", "f 1 2 3\n" + SQUARE + "f -4 -3 -2\nv 9 9 9\nf -1 1 2")
    assert raw.mesh.faces.tolist() == [[0, 1, 2], [0, 1, 2], [4, 0, 1]]


def test_obj_relative_numbers_that_reach_before_the_file_are_missing() -> None:
    raw = read("a.obj", "f -1 -2 -3\n" + SQUARE + "f 0 1 2\nf -5 1 2\nf 1 2 3\nf 1 2 5")
    assert raw.polygon.tolist() == [3] and raw.notes == ("left out 4 faces naming a vertex that does not exist",)


def test_obj_lines_that_go_on() -> None:
    raw = read("a.obj", "# no \\\n" + SQUARE + "f 1 \\\r\n2 \\\n3 \\\n4\n")
    assert raw.mesh.faces.shape == (2, 3) and raw.polygon.tolist() == [0, 0]


def test_obj_names() -> None:
    text = (
        SQUARE + "g a f 1 2 3\nf 1 2 3\ng  two   words \nusemtl x#1\nf 1 2 3\no thing\ng\nf 1 2 3\nusemtl\nf 1 2 3 4\n"
    )
    raw = read("a.obj", text)
    assert named(raw, "group") == ["a f 1 2 3", "two words", "", "", ""]
    assert named(raw, "material") == ["", "x#1", "x#1", "", ""]
    assert named(raw, "object") == ["", "", "thing", "thing", "thing"]
    assert named(read("a.obj", b"g t\xfcr\n" + SQUARE.encode() + b"f 1 2 3"), "group") == ["tür"]


def test_obj_numbers_as_people_write_them() -> None:
    raw = read(
        "a.obj",
        "v +1 -.5 2. 0.1 0.2 0.3 # colour\n\tv 1e0 1E-2 1e+1 1\nv 1 2 nan\nv 1 x 2\nv 1 2\n\nf 1/1 2/ 5//3 #4\n",
    )
    assert raw.mesh.vertices[:2].tolist() == [[1, -0.5, 2], [1, 0.01, 10]]
    assert raw.mesh.vertices[4].tolist() == [1, 2, 0] and raw.mesh.faces.tolist() == [[0, 1, 4]]
    assert raw.notes == ("1 vertex has no third coordinate; it was taken as 0", LEFT_OUT)  # one has a colour
    odd = read("a.obj", SQUARE + "f 1.0 2.0 3.0\nf /1 2 3\nf one 2 3\nf 1 2 1e30\nf 1 2 1.5")
    assert odd.polygon.tolist() == [0] and "4 faces naming" in odd.notes[0]


def test_obj_without_faces() -> None:
    fails("a.obj", SQUARE, "4 vertices", "no faces", "point cloud")
    fails("a.obj", "g An f Three Other\nv 1 2 3", "no faces")
    fails("a.obj", "hello", "neither vertices nor faces")
    fails("a.obj", "\n \n", "empty")


def test_obj_blocks_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    text = SQUARE + "".join(f"g part {i // 3}\nv {i} 0 1\nf -1 {1 + i % 4} 2\n" for i in range(40)) + "f 1 2 3"
    whole = read("a.obj", text)
    monkeypatch.setattr("engine.geometry.readers.obj.blocks", lambda text: blocks(text, 17))
    pieces = read("a.obj", text)
    assert np.array_equal(whole.mesh.faces, pieces.mesh.faces) and len(whole.mesh.faces) == 41
    assert np.array_equal(whole.mesh.vertices, pieces.mesh.vertices)
    assert named(whole, "group") == named(pieces, "group")


# OFF ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "OFF\n4 2 0\n" + CORNERS + "3 0 1 2\n3 0 2 3\n",
        "OFF4 2 0\n" + CORNERS + "3 0 1 2\n3 0 2 3\n",
        "OFF 4 2 0 " + CORNERS.replace("\n", " ") + "3 0 1 2 3 0 2 3",
        "OFF 4 2\n" + CORNERS + "3 0 1 2\n3 0 2 3\n",
        "4\n2\n0\n" + CORNERS + "3 0 1\n2 3 0\n2 3\n",
        "COFF\n4 2 5\n" + CORNERS.replace("\n", " 255 0 0 255\n") + "3 0 1 2 0.1 0.2 0.3\n3 0 2 3\n",
        "COFF 4 2 5 " + CORNERS.replace("\n", " 1 0 0 ") + "3 0 1 2 3 0 2 3",
        "COFF 4 2 5 " + CORNERS.replace("\n", " 1 0 0 1 ") + "3 0 1 2 3 0 2 3",
        "NCOFF\n4 2 5\n" + CORNERS.replace("\n", " 0 0 1\n1 0 0 1\n") + "3 0 1 2\n3 0 2 3\n",
        "OFF\n4 2 0\n" + CORNERS.replace("\n", " 7 7\n") + "3 0 1 2\n3 0 2 3\n",
        "4OFF\n4 2 0\n" + CORNERS.replace("\n", " 1\n") + "3 0 1 2\n3 0 2 3\n",
        "off\n4 2 0\n" + CORNERS + "3 0 1 2\n3 0 2 3\n",
        "nOFF\n2\n4 2 0\n" + CORNERS.replace(" 0\n", "\n") + "3 0 1 2\n3 0 2 3\n",
        "OFF # a\n\n# b\n4 2 0 # c\n" + CORNERS.replace("\n", " # v\n\n") + "3 0 1 2 #\n#\n3 0 2 3",
        "OFF\n4 2 0\n" + CORNERS + "3 0 1\n2 0.5 0.5 0.5\n3 0 2\n3 0.5 0.5 0.5",
    ],
)
def test_off_dialects(text: str) -> None:
    for end in ("\n", "\r\n"):
        raw = read("a.off", text.replace("\n", end))
        assert raw.mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
        assert raw.mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]] and not raw.notes


def test_off_claims() -> None:
    raw = read("a.off", "OFF 4 1 0\n" + CORNERS + "3 0 1 2\n3 0 2 3")
    assert len(raw.mesh.faces) == 1 and raw.notes == (
        "the file goes on after the 1 face that its header claims; left out the rest",
    )
    fails("a.off", "OFF 4 3 0\n" + CORNERS + "3 0 1 2\n3 0 2 3", "claims 3 faces", "holds 2")
    fails("a.off", "OFF 9 1 0\n" + CORNERS + "3 0 1 2\n", "claims 9 vertices", "5")
    fails("a.off", "OFF\n353535235358 6 0\n" + CORNERS, "claims 353,535,235,358 vertices", "at most 4")
    fails("a.off", "OFF 4 353535235358 0\n" + CORNERS, "claims 353,535,235,358 faces")
    fails("a.off", "OFF 4 0 0\n" + CORNERS, "no faces")
    fails("a.off", "OFF BINARY\n\0\0\0\1", "binary", "text")
    fails("a.off", "nOFF 5\n1 1 0\n", "5 dimensions")
    fails("a.off", "hello", "is it an OFF file")
    fails("a.off", b"", "empty")


# STL ------------------------------------------------------------------------------------------------------------------
FACET = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 {}\nendloop\nendfacet\n"


def test_stl_solids_are_objects() -> None:
    text = "".join(f"solid {name}\n{FACET.format(1)}{FACET.format(2)}endsolid\n" for name in ("a b", "", "f vertex"))
    raw = read("a.stl", text)
    assert named(raw, "object") == ["a b", "a b", "solid 2", "solid 2", "f vertex", "f vertex"]
    assert not read("a.stl", "solid one\n" + FACET.format(1)).labels


def test_stl_text_of_any_layout() -> None:
    text = "solid x\n" + FACET.format(5) + FACET.format(6) + "endsolid"
    usual = read("a.stl", text)
    for odd in (
        text.replace("\n", " "),
        text.replace(" ", "\n").replace("solid\nx", "solid x"),
        text.upper(),
        "\n " + text,
    ):
        raw = read("a.stl", odd)
        assert np.array_equal(raw.mesh.triangles, usual.mesh.triangles)


def test_stl_damage() -> None:
    text = "solid x\n" + FACET.format(5) + FACET.format("oops") + FACET.format(6)[:50]
    raw = read("a.stl", text)
    assert len(raw.mesh.faces) == 1 and len(raw.notes) == 2
    record = bytes(48) + b"\0\0"
    raw = read("a.stl", b"solid binary".ljust(80) + (3).to_bytes(4, "little") + record * 2 + b"cut")
    assert len(raw.mesh.faces) == 2 and "claims 3 triangles" in raw.notes[0]
    assert len(read("a.stl", bytes(80) + (1).to_bytes(4, "little") + record * 2).mesh.faces) == 1
    assert len(read("a.stl", bytes(84) + record * 2).mesh.faces) == 2
    fails("a.stl", bytes(80) + (9).to_bytes(4, "little") + b"cut", "claims 9", "cut short")
    fails("a.stl", bytes(84), "no triangles")
    fails("a.stl", "solid Empty\nendsolid Empty", "no triangles")
    fails("a.stl", "hello", "neither a text STL")


# all ------------------------------------------------------------------------------------------------------------------
def test_limits_are_checked_first(tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    path.write_text(SQUARE + "f 1 2 3 4\n")
    assert len(read_raw(path).mesh.faces) == 2
    for limits, words in ((Limits(file_bytes=10), "0 MB"), (Limits(faces=1), "are more than the")):
        with pytest.raises(MeshError, match=words):
            read_raw(path, limits=limits)
    with pytest.raises(MeshError, match="10 vertices|faces are more"):
        read_raw(
            Path("a.ply"),
            b"ply\nformat ascii 1.0\nelement face 10\nproperty int x\nend_header\n" + b"1 " * 20,
            Limits(faces=3),
        )


def test_names_of_files(tmp_path: Path) -> None:
    fails("a.step", "x", ".step", ".obj", ".3mf")
    for path in (tmp_path / "absent.obj", tmp_path):
        with pytest.raises(MeshError, match="no such file|unknown mesh format"):
            read_raw(path)
    assert len(read("A.ObJ", SQUARE + "f 1 2 3").mesh.faces) == 1
