"""glTF 2.0 binary (GLB): a named node, mesh and material per piece; the recipe and the latents ride along."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFileError, InputError
from engine.geometry.export.scene import GENERATOR, Piece, Scene, split

FLOAT, UINT32 = 5126, 5125  # glTF 2.0, 3.6.2.2: accessor component types
VERTICES, ELEMENTS = 34962, 34963  # glTF 2.0, 5.11.5: buffer view targets
MAGIC, JSON, BIN = 0x46546C67, 0x4E4F534A, 0x004E4942  # glTF 2.0, 4.4
LOOK = {"metallicFactor": 0.0, "roughnessFactor": 0.6}


class Row(msgspec.Struct, rename="camel", frozen=True):
    """A latent in the scene's extras: its bytes are a buffer view, row by row, little-endian."""

    name: str
    shape: tuple[int, ...]
    buffer_view: int
    sha256: str
    dtype: str = "float32"


def encode(scene: Scene, stem: str) -> dict[str, bytes]:
    """Each node stands at the centre of its piece's box, which is its pivot; recipe and latents are in scene extras."""
    buffer = _Buffer()
    nodes, meshes = [], []
    for number, (name, piece) in enumerate(scene.pieces.items()):
        pivot = piece.mesh.bounds.mean(0)
        meshes.append({"name": name, "primitives": [_primitive(buffer, piece, pivot, number)]})
        nodes.append({"name": name, "mesh": number, "translation": pivot.tolist()})
    extras: dict[str, Any] = {"recipe": msgspec.Raw(scene.recipe.encode())}
    if scene.latents:
        extras["latents"] = [_row(buffer, name, array) for name, array in scene.latents.items()]
    tree = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(nodes))), "extras": extras}],
        "nodes": nodes,
        "meshes": meshes,
        "materials": [
            {"name": name, "pbrMetallicRoughness": {"baseColorFactor": [*piece.colour, 1.0], **LOOK}}
            for name, piece in scene.pieces.items()
        ],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    text = msgspec.json.encode(tree)
    text += b" " * (-len(text) % 4)
    sizes = [MAGIC, 2, 28 + len(text) + len(buffer.data), len(text), JSON]
    chunk = np.array([len(buffer.data), BIN], "<u4").tobytes()
    return {".glb": np.array(sizes, "<u4").tobytes() + text + chunk + bytes(buffer.data)}


class _Buffer:
    """The binary chunk as it grows. All numbers have four bytes, so everything is aligned."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, array: NDArray, **more: int) -> int:
        """Number of a new buffer view of the array's bytes."""
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": array.nbytes, **more})
        self.data.extend(array.tobytes())
        return len(self.views) - 1

    def table(self, array: NDArray, kind: str, **bounds: list[float]) -> int:
        """Number of a new accessor of float32 vectors."""
        return self._accessor(self.view(array.astype("<f4"), target=VERTICES), FLOAT, len(array), kind, bounds)

    def corners(self, faces: NDArray) -> int:
        """Number of a new accessor of triangle corners."""
        view = self.view(faces.astype("<u4").ravel(), target=ELEMENTS)
        return self._accessor(view, UINT32, faces.size, "SCALAR", {})

    def _accessor(self, view: int, component: int, count: int, kind: str, bounds: dict[str, list[float]]) -> int:
        self.accessors.append({"bufferView": view, "componentType": component, "count": count, "type": kind, **bounds})
        return len(self.accessors) - 1


def _primitive(buffer: _Buffer, piece: Piece, pivot: NDArray[np.float64], material: int) -> dict[str, Any]:
    mesh = split(piece)
    points = (mesh.points - pivot).astype("<f4")
    at = buffer.table(points, "VEC3", min=points.min(0).tolist(), max=points.max(0).tolist())
    attributes = {"POSITION": at}
    if mesh.normals is not None:
        attributes["NORMAL"] = buffer.table(mesh.normals, "VEC3")
    if mesh.uvs is not None:
        attributes["TEXCOORD_0"] = buffer.table(mesh.uvs * [1, -1] + [0, 1], "VEC2")  # glTF counts from the upper left
    return {"attributes": attributes, "indices": buffer.corners(mesh.faces), "material": material}


def _row(buffer: _Buffer, name: str, array: NDArray[np.float32]) -> Row:
    data = np.ascontiguousarray(array, "<f4")
    return Row(name, data.shape, buffer.view(data), hashlib.sha256(data.tobytes()).hexdigest())


class _View(msgspec.Struct, rename="camel"):
    byte_length: int
    byte_offset: int = 0


class _Extras(msgspec.Struct, frozen=True):
    recipe: dict[str, Any] = {}
    latents: list[Row] = []


class _Scene(msgspec.Struct, frozen=True):
    extras: _Extras = _Extras()


class _Document(msgspec.Struct, rename="camel"):
    scene: int = 0
    scenes: list[_Scene] = []
    buffer_views: list[_View] = []


def read_latents(path: Path) -> dict[str, NDArray[np.float32]]:
    """Latents of a GLB that was exported with them, by name, byte for byte; {} where there are none.

    Raises InputError (no such file, no GLB) or DamagedFileError (the latents are not those that were written, as after
    another program saved the file).
    """
    document, data = _open(path)
    return {row.name: _latent(path, row, document.buffer_views, data) for row in _extras(document).latents}


def read_recipe(path: Path) -> dict[str, Any]:
    """Recipe of an exported GLB; {} where there is none. Raises InputError."""
    return _extras(_open(path)[0]).recipe


def _open(path: Path) -> tuple[_Document, bytes]:
    """Document and binary chunk."""
    try:
        data = path.read_bytes()
        if data[:8] != np.array([MAGIC, 2], "<u4").tobytes():
            raise InputError(f"{path} is not a GLB file; choose one that Shape Studio exported")
        length = int.from_bytes(data[12:16], "little")
        return msgspec.json.decode(data[20 : 20 + length], type=_Document), data[28 + length :]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); check its name and rights") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not a GLB file of Shape Studio ({error}); export it again") from error


def _extras(document: _Document) -> _Extras:
    return document.scenes[document.scene].extras if 0 <= document.scene < len(document.scenes) else _Extras()


def _latent(path: Path, row: Row, views: list[_View], data: bytes) -> NDArray[np.float32]:
    view = views[row.buffer_view] if 0 <= row.buffer_view < len(views) else _View(0)
    start, count = view.byte_offset, view.byte_length
    found = data[start : start + count] if min(start, count, *row.shape, 0) >= 0 else b""
    size = 4 * int(np.prod([float(side) for side in row.shape]))
    if row.dtype != "float32" or len(found) != size or hashlib.sha256(found).hexdigest() != row.sha256:
        words = "are not those that were written: another program saved the file, or it is damaged"
        raise DamagedFileError(f"{path}: the latents {row.name!r} {words}; export the shape again")
    return np.frombuffer(found, "<f4").reshape(row.shape).copy()
