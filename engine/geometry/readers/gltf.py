"""glTF 2.0 and GLB (Khronos specification): triangles of all nodes of the scene, with their transforms applied."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.export.scene import to_srgb
from engine.geometry.raw import Raw
from engine.geometry.readers.coloured import Colours
from engine.geometry.readers.gltf_numbers import COMPONENTS, Accessor, Buffer, Index, Numbers, View, damaged, item
from engine.geometry.readers.limits import Limits
from engine.geometry.readers.scene import Scene, is_mirror
from engine.geometry.readers.text import integers

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


class _Skin(msgspec.Struct, rename="camel"):
    joints: tuple[Index, ...]
    inverse_bind_matrices: Index | None = None


class _Roots(msgspec.Struct, rename="camel"):
    nodes: tuple[Index, ...] = ()


class _Document(msgspec.Struct, rename="camel"):
    nodes: list[_Node] = []
    meshes: list[_Mesh] = []
    accessors: list[Accessor] = []
    buffer_views: list[View] = []
    buffers: list[Buffer] = []
    materials: list[_Named] = []
    skins: list[_Skin] = []
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
        self.matrices: dict[int, NDArray[np.float64]] = {}  # of the nodes in the scene, in the order of the tree
        tables = document.accessors, document.buffer_views, document.buffers
        self.numbers = Numbers(*tables, binary, limits, folder)

    def read(self) -> Raw:
        """The meshes of all nodes, in the order of the tree."""
        self._walk()
        for number, matrix in self.matrices.items():
            node = self.document.nodes[number]
            if node.mesh is not None:
                self._place(node, number, matrix)
        return self.scene.raw()

    def _walk(self) -> None:
        """Find all nodes of the scene and their transforms into it."""
        nodes = self.document.nodes
        stack = [(root, np.eye(4)) for root in reversed(self._roots())]
        while stack:
            number, matrix = stack.pop()
            if number in self.matrices or number >= len(nodes):
                self.scene.note("left out scene nodes that do not exist or stand in the scene twice")
                continue
            with np.errstate(all="ignore"):
                self.matrices[number] = matrix @ _matrix(nodes[number])
            stack += [(child, self.matrices[number]) for child in reversed(nodes[number].children)]

    def _roots(self) -> Sequence[int]:
        if self.document.scenes:
            return item(self.document.scenes, self.document.scene, "scene").nodes
        children = {child for node in self.document.nodes for child in node.children}
        return [number for number in range(len(self.document.nodes)) if number not in children]

    def _place(self, node: _Node, number: int, matrix: NDArray[np.float64]) -> None:
        mesh = item(self.document.meshes, node.mesh or 0, "mesh")
        placed: dict[tuple[int, int, int], int] = {}
        for primitive in mesh.primitives:
            position = primitive.attributes.get("POSITION")
            if primitive.mode not in (TRIANGLES, STRIP, FAN) or position is None:
                self.scene.note("left out points and lines")
                continue
            points = self.numbers.array(position)
            if points.shape[1] != 3:
                raise damaged("positions do not have three coordinates")
            joints = primitive.attributes.get("JOINTS_0", -1) if node.skin is not None else -1
            colour = primitive.attributes.get("COLOR_0", -1)
            if (position, joints, colour) not in placed:
                posed = (points, matrix) if joints < 0 else (self._posed(node.skin or 0, primitive, points), np.eye(4))
                placed[position, joints, colour] = self.scene.place(*posed, self._colours(colour, len(points)))
            index = np.arange(len(points))
            if primitive.indices is not None:
                index = integers(self.numbers.array(primitive.indices).ravel(), -1)
            corners = _triangles(index, primitive.mode)
            names: dict[str, list[str] | str] = {
                "node": node.name or mesh.name or f"node {number}",
                "material": self._material(primitive.material),
            }
            sizes = np.full(len(corners), 3)
            mirrored = joints < 0 and is_mirror(matrix)
            self.scene.add(placed[position, joints, colour], len(points), sizes, corners.ravel(), mirrored, names)

    def _colours(self, number: int, count: int) -> Colours | None:
        """(V, 3) sRGB of the vertices of a primitive, which the format tells as linear RGB; None where they are none."""
        if number < 0:
            return None
        try:
            values = self.numbers.array(number)
        except MeshError as error:  # the shape is whole without them
            self.scene.note(f"left out colours: {error}")
            return None
        if len(values) != count or values.shape[1] not in (3, 4) or not np.isfinite(values).all():
            self.scene.note("left out colours that do not fit their vertices")
            return None
        accessor = self.numbers.accessors[number]
        kind = COMPONENTS[accessor.component_type]
        full = 1.0 if accessor.normalized or kind == "<f4" else float(np.iinfo(kind).max)  # some forget to say so
        return to_srgb(values[:, :3] / full)

    def _material(self, number: int | None) -> str:
        if number is None:
            return ""
        return item(self.document.materials, number, "material").name or f"material {number}"

    def _posed(self, number: int, primitive: _Primitive, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(V, 3) points as the joints of a skin hold them while the model is at rest; the node itself does not count."""
        skin = item(self.document.skins, number, "skin")
        if not skin.joints or not all(joint in self.matrices for joint in skin.joints):
            raise damaged("a joint of its skeleton is not in the scene")
        self.scene.note("the model has a skeleton; it was read in its pose at rest")
        joints = np.stack([self.matrices[joint] for joint in skin.joints])
        if skin.inverse_bind_matrices is not None:
            inverse = self.numbers.array(skin.inverse_bind_matrices)
            if inverse.shape != (len(joints), 16):
                raise damaged("its skeleton has not one matrix for each joint")
            with np.errstate(all="ignore"):
                joints = joints @ inverse.reshape(-1, 4, 4).swapaxes(1, 2)  # columns are stored one after the other
        blend, total = np.zeros((len(points), 3, 4)), np.zeros(len(points))
        for influence in range(16):  # four joints each; the format sets no limit
            which = primitive.attributes.get(f"JOINTS_{influence}")
            weight = primitive.attributes.get(f"WEIGHTS_{influence}")
            if which is None or weight is None:
                break
            index, weights = integers(self.numbers.array(which), -1), self.numbers.array(weight)
            if index.shape != (len(points), 4) or weights.shape != index.shape or not _within(index, len(joints)):
                raise damaged("the joints of a vertex do not exist")
            for column in range(4):
                with np.errstate(all="ignore"):
                    blend += weights[:, column, None, None] * joints[index[:, column], :3]
                    total += weights[:, column]
        with np.errstate(all="ignore"):
            blend /= total[:, None, None]
            return np.einsum("vij,vj->vi", blend[:, :, :3], points) + blend[:, :, 3]


def _within(index: NDArray[np.int64], count: int) -> bool:
    return bool(((index >= 0) & (index < count)).all())


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
