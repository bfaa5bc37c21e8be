"""glTF 2.0 and GLB (Khronos specification): triangles of all nodes of the scene, with their transforms applied."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.raw import Raw
from engine.geometry.readers.gltf_numbers import Accessor, Buffer, Index, Numbers, View, damaged, item
from engine.geometry.readers.limits import Limits
from engine.geometry.readers.scene import Scene, is_mirror

TRIANGLES, STRIP, FAN = 4, 5, 6
COMPRESSED = {"KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression"}
JSON, BIN = 0x4E4F534A, 0x004E4942


class _Primitive(msgspec.Struct, rename="camel"):
    attributes: dict[str, Index]
    indices: Index | None = None
    material: Index | None = None
    mode: int = TRIANGLES


class _Mesh(msgspec.Struct, rename="camel"):
    primitives: list[_Primitive]
    name: str = ""


class _Node(msgspec.Struct, rename="camel"):
    name: str = ""
    mesh: Index | None = None
    skin: Index | None = None
    children: tuple[Index, ...] = ()
    matrix: tuple[float, ...] | None = None
    translation: tuple[float, float, float] = (0, 0, 0)
    rotation: tuple[float, float, float, float] = (0, 0, 0, 1)
    scale: tuple[float, float, float] = (1, 1, 1)


class _Named(msgspec.Struct, rename="camel"):
    name: str = ""


class _Roots(msgspec.Struct, rename="camel"):
    nodes: tuple[Index, ...] = ()


class _Document(msgspec.Struct, rename="camel"):
    nodes: list[_Node] = []
    meshes: list[_Mesh] = []
    accessors: list[Accessor] = []
    buffer_views: list[View] = []
    buffers: list[Buffer] = []
    materials: list[_Named] = []
    scenes: list[_Roots] = []
    scene: Index = 0
    extensions_required: list[str] = []


def read(data: bytes, limits: Limits, folder: Path | None = None) -> Raw:
    """Mesh of a GLB or glTF file; nodes and materials become labels "node" and "material".

    folder : where buffers in files of their own may lie; None when there is no such place
    Raises MeshError: damaged, compressed in a way that is not read, a buffer outside ``folder``, no triangles.
    """
    text, binary = _chunks(data) if data[:4] == b"glTF" else (data.removeprefix(b"\xef\xbb\xbf"), None)
    try:
        document = msgspec.json.decode(text, type=_Document)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise damaged(str(error)) from error
    packed = sorted(COMPRESSED & set(document.extensions_required))
    if packed:
        raise MeshError(f"the glTF file is compressed with {packed[0]}, which is not read; save it without compression")
    return _Reader(document, binary, limits, folder).read()


def _chunks(data: bytes) -> tuple[bytes, bytes | None]:
    """JSON and binary chunk of a GLB file."""
    if len(data) < 20:
        raise damaged("it ends within its header")
    version = int.from_bytes(data[4:8], "little")
    if version != 2:
        raise MeshError(f"the file is glTF version {version}; only version 2 is read: save it anew")
    text, binary, place = None, None, 12
    while place + 8 <= len(data):
        length, kind = (int.from_bytes(data[place + at : place + at + 4], "little") for at in (0, 4))
        chunk = data[place + 8 : place + 8 + length]
        if len(chunk) < length:
            raise damaged(f"a chunk of {length:,} bytes is cut short at {len(chunk):,}")
        if kind == JSON and text is None:
            text = chunk
        elif kind == BIN and binary is None:
            binary = chunk
        place += 8 + length
    if text is None:
        raise damaged("it has no JSON chunk")
    return text, binary


class _Reader:
    """One document and what has been read of it."""

    def __init__(self, document: _Document, binary: bytes | None, limits: Limits, folder: Path | None) -> None:
        self.document = document
        self.scene = Scene(limits)
        tables = document.accessors, document.buffer_views, document.buffers
        self.numbers = Numbers(*tables, binary, limits, folder)

    def read(self) -> Raw:
        nodes, seen = self.document.nodes, set()
        stack = [(root, np.eye(4)) for root in reversed(self._roots())]
        while stack:
            number, matrix = stack.pop()
            if number in seen or number >= len(nodes):
                self.scene.note("left out scene nodes that do not exist or stand in the scene twice")
                continue
            seen.add(number)
            node = nodes[number]
            with np.errstate(all="ignore"):
                matrix = matrix @ _matrix(node)
            if node.mesh is not None:
                self._place(node, number, matrix)
            stack += [(child, matrix) for child in reversed(node.children)]
        return self.scene.raw()

    def _roots(self) -> Sequence[int]:
        if self.document.scenes:
            return item(self.document.scenes, self.document.scene, "scene").nodes
        children = {child for node in self.document.nodes for child in node.children}
        return [number for number in range(len(self.document.nodes)) if number not in children]

    def _place(self, node: _Node, number: int, matrix: NDArray[np.float64]) -> None:
        mesh = item(self.document.meshes, node.mesh or 0, "mesh")
        placed: dict[int, int] = {}
        if node.skin is not None:
            self.scene.note(
                "the model has a skeleton, which was left out: its skin is in the pose in which it was made"
            )
        for primitive in mesh.primitives:
            position = primitive.attributes.get("POSITION")
            if primitive.mode not in (TRIANGLES, STRIP, FAN) or position is None:
                self.scene.note("left out points and lines")
                continue
            points = self.numbers.array(position)
            if points.shape[1] != 3:
                raise damaged("positions do not have three coordinates")
            if position not in placed:
                placed[position] = self.scene.place(points, matrix)
            index = (
                np.arange(len(points)) if primitive.indices is None else self.numbers.array(primitive.indices).ravel()
            )
            corners = _triangles(index.astype(np.int64), primitive.mode)
            material = ""
            if primitive.material is not None:
                material = item(self.document.materials, primitive.material, "material").name
                material = material or f"material {primitive.material}"
            names: dict[str, list[str] | str] = {
                "node": node.name or mesh.name or f"node {number}",
                "material": material,
            }
            sizes = np.full(len(corners), 3)
            self.scene.add(placed[position], len(points), sizes, corners.ravel(), is_mirror(matrix), names)


def _triangles(index: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """(F, 3) corners of triangles, of a strip or of a fan; a last triangle that is not whole is no triangle."""
    if mode == TRIANGLES:
        return index[: len(index) // 3 * 3].reshape(-1, 3)
    if len(index) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == FAN:
        return np.stack([np.full(len(index) - 2, index[0]), index[1:-1], index[2:]], 1)
    strip = np.stack([index[:-2], index[1:-1], index[2:]], 1)
    strip[1::2] = strip[1::2, [1, 0, 2]]
    return strip


def _matrix(node: _Node) -> NDArray[np.float64]:
    """(4, 4) transform of a node into its parent's frame; quaternions are x, y, z, w."""
    if node.matrix is not None:
        if len(node.matrix) != 16:
            raise damaged("a matrix does not have 16 numbers")
        return np.array(node.matrix).reshape(4, 4).T  # columns are stored one after the other
    x, y, z, w = node.rotation
    length = float(np.sqrt(x * x + y * y + z * z + w * w)) or 1.0
    x, y, z, w = x / length, y / length, z / length, w / length
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, :3] *= node.scale
    matrix[:3, 3] = node.translation
    return matrix
