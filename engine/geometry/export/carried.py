"""What rides along in a GLB: the recipe, and the numbers that the shape was made of, kept to the bit.

    scenes[0].extras = {"recipe": {...}, "about": {...}, "latents": [{name, shape, bufferView, dtype}, ...], "sha256": "..."}

Each latent is a buffer view of its own, row by row, little-endian; the hash is over all of them and ``about``.
Programs that know nothing of it show the mesh; most of them leave it out, or move it, when they save the file.
"""

import hashlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFileError, InputError

MAGIC, JSON, BIN = 0x46546C67, 0x4E4F534A, 0x004E4942  # glTF 2.0, 4.4
MOST_TEXT = 2**28  # bytes of JSON that are read
Index = Annotated[int, msgspec.Meta(ge=0, le=2**48)]


class Row(msgspec.Struct, rename="camel", frozen=True):
    """An array among the buffer views: its bytes row by row, little-endian."""

    name: str
    shape: Annotated[tuple[Index, ...], msgspec.Meta(max_length=8)]
    buffer_view: Index
    dtype: str = "float32"


class Carried(msgspec.Struct, frozen=True):
    """What was found in a GLB.

    recipe : how the shape came about; about : what the numbers mean
    latents : float32 arrays by name
    saved_by : the program that wrote the file as it is now
    """

    recipe: dict[str, Any] = {}
    about: dict[str, Any] = {}
    latents: dict[str, NDArray[np.float32]] = {}
    saved_by: str = ""


def packed(tree: Mapping[str, Any], buffer: bytes) -> bytes:
    """A GLB of a document and its binary chunk, whose length is a multiple of four."""
    text = msgspec.json.encode(tree)
    text += b" " * (-len(text) % 4)
    sizes = [MAGIC, 2, 28 + len(text) + len(buffer), len(text), JSON]
    return b"".join([np.array(sizes, "<u4").tobytes(), text, np.array([len(buffer), BIN], "<u4").tobytes(), buffer])


def attach(glb: bytes, latents: Mapping[str, NDArray[np.float32]], about: Mapping[str, Any]) -> bytes:
    """A GLB of ours with arrays, and what they mean, put into it. Raises InputError for arrays that it cannot keep."""
    length = int.from_bytes(glb[12:16], "little")
    tree, buffer = msgspec.json.decode(glb[20 : 20 + length]), bytearray(glb[28 + length :])
    rows = []
    for name, array in latents.items():
        if array.dtype != np.float32 or not array.size:
            raise InputError(f"{name!r} is {array.dtype} {array.shape}; only float32 arrays with numbers can be kept")
        data = np.ascontiguousarray(array, "<f4").tobytes()
        tree["bufferViews"].append({"buffer": 0, "byteOffset": len(buffer), "byteLength": len(data)})
        rows.append(Row(name, array.shape, len(tree["bufferViews"]) - 1))
        buffer += data
    tree["buffers"] = [{"byteLength": len(buffer)}]
    tree["scenes"][0]["extras"] |= {"about": about, "latents": rows, "sha256": _hash(about, latents)}
    return packed(tree, bytes(buffer))


class _View(msgspec.Struct, rename="camel"):
    byte_length: Index
    byte_offset: Index = 0


class _Extras(msgspec.Struct, frozen=True):
    recipe: dict[str, Any] = {}
    about: dict[str, Any] = {}
    latents: list[Row] = []
    sha256: str = ""


class _Scene(msgspec.Struct, frozen=True):
    extras: msgspec.Raw = msgspec.Raw(b"{}")


class _Asset(msgspec.Struct, frozen=True):
    generator: str = ""


class _Document(msgspec.Struct, rename="camel"):
    asset: _Asset = _Asset()
    scene: Index = 0
    scenes: list[_Scene] = []
    buffer_views: list[_View] = []


def read_carried(path: Path) -> Carried:
    """What a GLB carries; an empty one where it carries nothing of ours. Only the needed bytes of the file are read.

    Raises InputError (no such file, no GLB) or DamagedFileError (it carries something, but not what was written, as after
    another program saved the file).
    """
    try:
        with path.open("rb") as file:
            document, start = _document(path, file)
            scene = document.scenes[document.scene] if document.scene < len(document.scenes) else _Scene()
            if not _ours(scene.extras):
                return Carried(saved_by=document.asset.generator)
            extras = msgspec.json.decode(scene.extras, type=_Extras)
            latents = {row.name: _array(file, start, row, document.buffer_views) for row in extras.latents}
            if latents and _hash(extras.about, latents) != extras.sha256:
                raise DamagedFileError("it has other numbers")
            return Carried(extras.recipe, extras.about, latents, document.asset.generator)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); check its name and rights") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, DamagedFileError) as error:
        words = "the numbers of the shape that it carries are not those that were written"
        raise DamagedFileError(
            f"{path}: {words}: another program saved the file, or it is damaged ({str(error).splitlines()[0]})"
        ) from error


def _document(path: Path, file: BinaryIO) -> tuple[_Document, int]:
    """The parts of the document that count here, and where the binary chunk's bytes start."""
    head = np.frombuffer(file.read(20).ljust(20, b"\0"), "<u4")
    magic, version, _, length, kind = (int(number) for number in head)
    if (magic, version, kind) != (MAGIC, 2, JSON) or length > MOST_TEXT:
        raise InputError(f"{path} is not a GLB file; choose one that Shape Studio exported")
    try:
        return msgspec.json.decode(file.read(length), type=_Document), 28 + length
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not a GLB file of Shape Studio ({error}); export it again") from error


def _ours(extras: msgspec.Raw) -> bool:
    """Whether extras hold what we write; those of other programs may be anything."""
    try:
        found = msgspec.json.decode(extras, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return False
    return "latents" in found or "recipe" in found


def _array(file: BinaryIO, start: int, row: Row, views: list[_View]) -> NDArray[np.float32]:
    """Bytes of a buffer view as an array. Raises DamagedFileError where there are not as many as it should have."""
    view = views[row.buffer_view] if row.buffer_view < len(views) else _View(0)
    if row.dtype == "float32" and view.byte_length == 4 * prod(row.shape) > 0:
        file.seek(0, 2)
        if start + view.byte_offset + view.byte_length <= file.tell():
            file.seek(start + view.byte_offset)
            return np.frombuffer(file.read(view.byte_length), "<f4").reshape(row.shape).copy()
    raise DamagedFileError(f"{row.name[:80]!r} is not there")


def _hash(about: Mapping[str, Any], latents: Mapping[str, NDArray[np.float32]]) -> str:
    total = hashlib.sha256(msgspec.json.encode(about, order="sorted"))
    for name, array in latents.items():
        total.update(f"\n{name!r} {array.shape}\n".encode())
        total.update(np.ascontiguousarray(array, "<f4").tobytes())
    return total.hexdigest()
