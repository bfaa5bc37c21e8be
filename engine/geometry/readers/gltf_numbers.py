"""Numbers in the buffers of a glTF file: accessors, sparse ones too, that never reach beyond their buffer."""

import base64
import binascii
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.readers.limits import Limits, check_bytes
from engine.geometry.readers.text import doubles

T = TypeVar("T")
Index = Annotated[int, msgspec.Meta(ge=0, le=2**48)]
COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
SHAPES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class View(msgspec.Struct, rename="camel"):
    """A run of bytes in a buffer, with a step between records."""

    buffer: Index
    byte_length: Index
    byte_offset: Index = 0
    byte_stride: Index = 0


class SparseIndices(msgspec.Struct, rename="camel"):
    """Where the numbers of the replaced records are."""

    buffer_view: Index
    component_type: int
    byte_offset: Index = 0


class SparseValues(msgspec.Struct, rename="camel"):
    """Where their new values are."""

    buffer_view: Index
    byte_offset: Index = 0


class Sparse(msgspec.Struct, rename="camel"):
    """Records of an accessor that are replaced."""

    count: Index
    indices: SparseIndices
    values: SparseValues


class Accessor(msgspec.Struct, rename="camel"):
    """A table of numbers in a view."""

    component_type: int
    count: Index
    type: str
    buffer_view: Index | None = None
    byte_offset: Index = 0
    normalized: bool = False
    sparse: Sparse | None = None


class Buffer(msgspec.Struct, rename="camel"):
    """Bytes: the binary chunk, a data URI or a file."""

    byte_length: Index
    uri: str | None = None


class Numbers:
    """The arrays of one document, each read once.

    binary : the binary chunk of a GLB file
    folder : where buffers in files of their own may lie; None when there is no such place
    """

    def __init__(
        self,
        accessors: list[Accessor],
        views: list[View],
        buffers: list[Buffer],
        binary: bytes | None,
        limits: Limits,
        folder: Path | None,
    ) -> None:
        self.accessors, self.views, self.listed = accessors, views, buffers
        self.binary, self.limits, self.folder = binary, limits, folder
        self.buffers: dict[int, bytes] = {}
        self.arrays: dict[int, NDArray[np.float64]] = {}

    def array(self, number: int) -> NDArray[np.float64]:
        """(count, components) values of an accessor."""
        if number not in self.arrays:
            accessor = item(self.accessors, number, "accessor")
            kind, width = COMPONENTS.get(accessor.component_type), SHAPES.get(accessor.type)
            if kind is None or width is None:
                raise damaged(f"accessor {number} has an unknown type")
            change = self._sparse(accessor.sparse, kind, width) if accessor.sparse is not None else None
            if accessor.buffer_view is not None:
                values = self._values(accessor.buffer_view, accessor.byte_offset, accessor.count, kind, width)
            elif change is not None and accessor.count <= 16 * len(change[0]):
                values = np.zeros((accessor.count, width), kind)
            else:
                raise MeshError("its positions or corners are not in the file; save it without compression")
            values = doubles(values)
            if change is not None:
                at, new = change
                if len(at) and at.max() >= len(values):
                    raise damaged("a sparse accessor replaces a value that does not exist")
                values[at] = new
            self.arrays[number] = values / np.iinfo(kind).max if accessor.normalized and kind != "<f4" else values
        return self.arrays[number]

    def _sparse(self, sparse: Sparse, kind: str, width: int) -> tuple[NDArray, NDArray]:
        """Which records are replaced, and by what."""
        index = COMPONENTS.get(sparse.indices.component_type)
        if index not in ("<u1", "<u2", "<u4"):
            raise damaged("a sparse accessor has indices of an unknown type")
        at = self._values(sparse.indices.buffer_view, sparse.indices.byte_offset, sparse.count, index, 1).ravel()
        return at, self._values(sparse.values.buffer_view, sparse.values.byte_offset, sparse.count, kind, width)

    def _values(self, view_number: int, offset: int, count: int, kind: str, width: int) -> NDArray:
        """(count, width) numbers of a buffer view, which must hold them all."""
        view = item(self.views, view_number, "buffer view")
        data = self._buffer(view.buffer)
        size = np.dtype(kind).itemsize
        stride = view.byte_stride or size * width
        needed = offset + (stride * (count - 1) + size * width if count else 0)
        if needed > view.byte_length or view.byte_offset + view.byte_length > len(data) or stride < size * width:
            raise damaged(f"it claims {count:,} values that lie beyond the end of their buffer")
        if count == 0:
            return np.zeros((0, width), kind)
        return np.ndarray((count, width), kind, data, view.byte_offset + offset, (stride, size))

    def _buffer(self, number: int) -> bytes:
        if number not in self.buffers:
            buffer = item(self.listed, number, "buffer")
            self.buffers[number] = self._load(buffer.uri)
        return self.buffers[number]

    def _load(self, uri: str | None) -> bytes:
        if uri is None:
            if self.binary is None:
                raise damaged("a buffer is missing")
            return self.binary
        if uri.startswith("data:"):
            try:
                return base64.b64decode(uri.partition(",")[2])
            except (binascii.Error, ValueError) as error:
                raise damaged("a buffer is not base64") from error
        return self._neighbour(uri)

    def _neighbour(self, uri: str) -> bytes:
        """Contents of a buffer file, which must lie in the glTF file's own folder or below it."""
        name = unquote(uri)
        if self.folder is None:
            raise MeshError(
                f"its buffer {name[:200]!r} is a file of its own; unpack both into one folder, or save it as GLB"
            )
        try:
            home = self.folder.resolve()
            path = (home / name).resolve()
            inside = not urlsplit(uri).scheme and path.is_relative_to(home)
            if inside and path.is_file():
                check_bytes(path.stat().st_size, self.limits)
                return path.read_bytes()
        except (OSError, ValueError) as error:
            raise MeshError(f"its buffer {name[:200]!r} cannot be read ({error}); put it beside the file") from error
        reason = (
            "does not exist; put it beside the file"
            if inside
            else "is not in the file's own folder, so it was not opened"
        )
        raise MeshError(f"its buffer {name[:200]!r} {reason}")


def item(items: list[T], number: int, what: str) -> T:
    """One of a list that the file counts into. Raises MeshError when it does not exist."""
    if number >= len(items):
        raise damaged(f"{what} {number:,} does not exist")
    return items[number]


def damaged(reason: str) -> MeshError:
    """What to tell about a file that contradicts itself."""
    return MeshError(f"the glTF file is damaged ({reason}); get it again or save it anew")
