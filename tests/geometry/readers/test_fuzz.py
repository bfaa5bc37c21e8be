"""Damaged files of every format: a mesh or a clear MeshError comes out, soon, and memory stays in proportion to the file."""

import base64
import io
import json
import random
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.errors import MeshError
from engine.geometry.readers import read_raw
from tests.geometry.readers import test_round_trip as dialects
from tests.geometry.readers import write
from tests.geometry.readers.write import Drawn

SECONDS = 2.0
TIMES, FREE = 50, 64 * 2**20  # of the file's size, in bytes
NUMBERS = (
    b"0",
    b"-1",
    b"1",
    b"3",
    b"nan",
    b"-inf",
    b"1e308",
    b"1e999",
    b"0.5",
    b"7",
    b"255",
    b"65536",
    b"5126",
    b"4294967295",
)
HUGE = (b"999999999", b"2147483648", b"353535235358", b"18446744073709551616", b"-9223372036854775809", b"1" * 400)
BINARY = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\0\0\xc0\x7f",
    b"\0\0\x80\x7f",
    b"\xff\0",
)
TOKEN = re.compile(rb"[^\s<>\"=,:\[\]{}]+")
NUMBER = re.compile(rb"[-+]?\d+(\.\d*)?(e[-+]?\d+)?")


def seeds() -> list[tuple[str, bytes]]:
    """Small valid files: every dialect of the round trips."""
    vertices = np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [1, 0.5, 0], [0, 2, 0], [0.25, 0.5, 1], [1e-3, -7, 12.5]])
    triangles = [(0, 1, 2), (2, 3, 4), (0, 5, 6), (1, 6, 5)]
    mesh = Drawn(vertices, triangles, ("a", "a", "b c", ""))
    mixed = Drawn(vertices, [(0, 1, 2, 3, 4), (0, 5, 6), (1, 2, 6, 5), (4, 3, 2, 1, 0)], mesh.names)
    files = [(suffix, writer(mixed)) for suffix, writer in dialects.POLYGONS.values()]
    files += [(suffix, writer(mesh)) for suffix, writer in dialects.TRIANGLES.values()]
    files += [(suffix, writer(mesh)) for suffix, _, writer in dialects.LABELLED.values()]
    files.append((".obj", write.obj(mixed).replace(b" ", b" \\\n", 9)))
    document, data = write.gltf_parts(mesh)
    document["nodes"].append({"children": [0, 1], "matrix": [2.0, 0, 0, 0] * 4, "name": "top"})
    document["buffers"] = [{"byteLength": len(data), "uri": "data:;base64," + base64.b64encode(data).decode()}]
    sparse = {"count": 2, "indices": {"bufferView": 1, "componentType": 5125}, "values": {"bufferView": 0}}
    document["accessors"][0]["sparse"] = sparse
    files.append((".gltf", json.dumps(document).encode()))
    files.append((".glb", write.glb(*write.skinned(mesh, vertices[:, 2] > 0))))
    strips = write.ply(mixed).replace(b"element face", b"element tristrips")
    files.append((".ply", strips))
    assembly = '<resources><object id="1"><components><component objectid="0" p:path="/3D/Objects/part.model"/>'
    assembly += (
        '<component objectid="0" p:path="/3D/Objects/part.model" transform="1 0 0 0 1 0 0 0 1 5 5 5"/></components>'
    )
    assembly += '</object></resources><build><item objectid="1"/></build>'
    inside = zipfile.ZipFile(io.BytesIO(write.threemf(mesh))).read("3D/3dmodel.model").decode()
    files.append((".3mf", write.zipped(assembly, part=inside[inside.index("<resources>") : inside.index("<build>")])))
    return files


def mutate(data: bytes, rng: random.Random, others: list[tuple[str, bytes]]) -> bytes:
    """The file with one to four things wrong; inside of archives and of GLB chunks as well as outside."""
    if data[:2] == b"PK" and rng.random() < 0.8:
        return _inside_zip(data, rng, others)
    if data[:4] == b"glTF" and rng.random() < 0.7:
        return _inside_glb(data, rng, others)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        data = rng.choice(WAYS)(data, rng, others)
    return data


def _inside_zip(data: bytes, rng: random.Random, others: list[tuple[str, bytes]]) -> bytes:
    archive, out = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    chosen = rng.choice(archive.namelist())
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as copy:
        for name in archive.namelist():
            inside = archive.read(name)
            copy.writestr(name, mutate(inside, rng, others) if name == chosen else inside)
    return out.getvalue()


def _inside_glb(data: bytes, rng: random.Random, others: list[tuple[str, bytes]]) -> bytes:
    length = int.from_bytes(data[12:16], "little")
    text = mutate(data[20 : 20 + length], rng, others)
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    size = (20 + len(text) + len(rest)).to_bytes(4, "little")
    return data[:8] + size + len(text).to_bytes(4, "little") + data[16:20] + text + rest


def _flip(data: bytes, rng: random.Random, _: object) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 20)) if data else 0):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, rng: random.Random, _: object) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _double(data: bytes, rng: random.Random, _: object) -> bytes:
    start = rng.randrange(len(data) + 1)
    end = min(len(data), start + rng.choice((1, 4, 30, 300)))
    return data[:end] + data[start:end] * rng.choice((1, 1, 2, 50)) + data[end:]


def _drop(data: bytes, rng: random.Random, _: object) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.choice((1, 2, 4, 50)) :]


def _splice(data: bytes, rng: random.Random, others: list[tuple[str, bytes]]) -> bytes:
    other = rng.choice(others)[1]
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other)) :]


def _token(data: bytes, rng: random.Random, _: object) -> bytes:
    found = list(TOKEN.finditer(data))
    if not found:
        return data
    at, other = rng.choice(found), rng.choice(found)
    new = rng.choice((b"", b"", other[0], at[0] * 2, b'"', b"\n", b"#", b"/", b"\\\n", b"\xe9\xff"))
    return data[: at.start()] + new + data[at.end() :]


def _number(data: bytes, rng: random.Random, _: object) -> bytes:
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    at = rng.choice(found)
    return data[: at.start()] + rng.choice(NUMBERS + HUGE) + data[at.end() :]


def _binary(data: bytes, rng: random.Random, _: object) -> bytes:
    start = rng.randrange(len(data) + 1)
    new = rng.choice((*BINARY, rng.randbytes(4)))
    return data[:start] + new + data[start + len(new) :]


WAYS = (_flip, _cut, _double, _drop, _splice, _token, _token, _number, _number, _number, _binary)


@contextmanager
def memory_limit(size: int, free: int) -> Iterator[None]:
    """No more may be mapped than in proportion to a file of ``size`` bytes (Linux)."""
    if sys.platform != "linux":
        yield
        return
    import resource

    np.ones((999, 3)) @ np.ones((3, 3))  # BLAS takes its buffers now, and ends the process where it cannot
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = psutil.Process().memory_info().vms + TIMES * size + free
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def attempt(suffix: str, data: bytes, free: int = FREE) -> bool:
    """Read a file and check what must hold of whatever comes out. Returns whether it was a mesh."""
    began = time.process_time()
    try:
        with memory_limit(len(data), free):
            raw = read_raw(Path(f"odd{suffix}"), data)
    except MeshError as error:
        text = str(error)
        assert text.startswith("odd.") and "\n" not in text and len(text) < 700
        assert "memory" not in text
        return False
    finally:
        assert time.process_time() - began < SECONDS
    faces, vertices = raw.mesh.faces, raw.mesh.vertices
    assert faces.dtype == np.int32 and faces.shape == (len(raw.polygon), 3) and len(faces)
    assert vertices.dtype == np.float64 and vertices.shape[1] == 3
    assert faces.min() >= 0 and faces.max() < len(vertices) and np.isfinite(vertices[faces]).all()
    assert (np.diff(raw.polygon) >= 0).all() and raw.polygon[0] >= 0
    for labels in raw.labels.values():
        assert labels.index.shape == raw.polygon.shape and set(np.unique(labels.index)) - {-1} == set(
            range(len(labels.names))
        )
        assert all(name and name.isprintable() for name in labels.names)
    return True


def fuzz(first: int, count: int) -> None:
    """Read ``count`` damaged files; the seed of each is its number, so that one can be made again."""
    files = [(suffix.lower(), data) for suffix, data in seeds()]
    meshes = 0
    for number in range(first, first + count):
        rng = random.Random(number)
        suffix, data = rng.choice(files)
        damaged = mutate(data, rng, files)
        try:
            meshes += attempt(suffix, damaged)
        except BaseException as error:
            error.add_note(f"file {number}, {suffix}: {damaged[:3000]!r}")
            raise
    assert 0.2 * count < meshes < 0.9 * count  # neither all nor nothing is worth testing


def test_the_seeds_are_meshes() -> None:
    assert all(attempt(suffix, data) for suffix, data in seeds())


def test_damaged_files() -> None:
    fuzz(0, 2_000)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_many_damaged_files(part: int) -> None:
    fuzz(10_000 * (part + 1), 10_000)


def grid(side: int) -> Drawn:
    """A wavy sheet of triangles."""
    place = np.arange(side * side).reshape(side, side)
    a, b, c, d = (part.ravel() for part in (place[:-1, :-1], place[1:, :-1], place[1:, 1:], place[:-1, 1:]))
    x, y = np.divmod(np.arange(side * side), side)
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return Drawn(
        np.stack([x, y, np.sin(x) * 7.123456], 1), triangles.tolist(), ["a"] * (side - 1) ** 2 + ["b"] * (side - 1) ** 2
    )


LARGE: dict[str, tuple[str, Callable[[Drawn], bytes]]] = {
    **dialects.POLYGONS,
    **dialects.TRIANGLES,
    "obj names": (".obj", write.obj),
}


@pytest.mark.parametrize("kind", LARGE)
def test_memory_of_a_sound_file_is_in_proportion(kind: str) -> None:
    suffix, writer = LARGE[kind]
    assert attempt(suffix.lower(), writer(grid(60)), free=8 * 2**20)


STUFFED = {
    ".obj": (b"g\n", b"v\n", b"f\n", b"f 1\n", b"o\nf 1\n", b"f 1 1 1\n", b"\n", b"#\n", b"f /\n", b"\\\n", b"v 1e-\n"),
    ".off": (b"0\n", b"0 ", b"3 0 0 0\n", b"3 0\n0 0\n", b"#\n", b"x ", b"1 0 5\n"),
    ".stl": (b"solid\n", b"facet\n", b"vertex\n", b"vertex 1\n", b"facet vertex x\n", b"solid a facet\n", b"\0"),
    ".ply": (b"0\n", b"0 ", b"3 0 0 0\n", b"x ", b"\0"),
    ".dae": (b"<p/>", b"<p>0</p>", b"<node>", b"<node/>", b"<a id='1'/>", b"0 "),
    ".gltf": (b"{},", b"[", b'{"children":[0]},', b'{"name":"a"},', b"0,"),
}
HEADS = {
    ".off": b"OFF 1 100000 0\n0 0 0\n",
    ".stl": b"solid\nfacet\n",
    ".ply": b"ply\nformat %s 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
    b"element face 100000\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n",
    ".dae": b"<COLLADA><library_geometries><geometry><mesh><polygons>",
    ".gltf": b'{"nodes":[',
}


@pytest.mark.parametrize(
    ("suffix", "stuffing"), [(suffix, word) for suffix, words in STUFFED.items() for word in words]
)
def test_stuffed_files(suffix: str, stuffing: bytes) -> None:
    for form in (b"ascii", b"binary_little_endian") if suffix == ".ply" else (b"",):
        head = HEADS.get(suffix, b"v 0 0 0\nv 1 0 0\nv 0 1 0\n")
        attempt(suffix, (head % form if form else head) + stuffing * (500_000 // len(stuffing)))
