"""Arrays in numpy's formats, of which nothing is believed or unpickled: claims are checked before memory is reserved."""

import ast
import lzma
import math
import os
import struct
import zipfile
import zlib
from typing import IO

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError

LARGEST = 2**30  # bytes of numbers in one array
LONGEST_HEADER = 10_000  # bytes
MOST_AXES = 8
DAMAGE = (  # what a damaged archive makes its reader raise
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, RuntimeError,
    UnicodeDecodeError,
)  # fmt: skip


def read_npy(path: str) -> NDArray:
    """The one array of a ``.npy`` file. Raises MeshError: unreadable, damaged, too large, Python objects."""
    try:
        with open(path, "rb") as file:
            return _array(path, file, os.path.getsize(path))
    except OSError as error:
        raise MeshError(f"{path}: cannot be read ({error.strerror})") from error


def read_npz(path: str, needed: tuple[str, ...], also: tuple[str, ...]) -> dict[str, NDArray]:
    """The named arrays of an archive, those of ``also`` where they are there. Raises MeshError as read_npy does."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix(".npy"): archive.getinfo(name) for name in archive.namelist()}
            if missing := [name for name in needed if name not in members]:
                there = ", ".join(sorted(members)[:8]) or "nothing"
                raise MeshError(f"{path}: it holds no {' and no '.join(missing)}, only {there}")
            found = {}
            for name in (name for name in (*needed, *also) if name in members):
                with archive.open(members[name]) as stream:
                    found[name] = _array(f"{path} ({name})", stream, members[name].file_size)
            return found
    except OSError as error:
        raise MeshError(f"{path}: cannot be read ({error.strerror})") from error
    except DAMAGE as error:
        raise MeshError(f"{path}: not a sound .npz archive ({error}); fetch it again") from error


def _array(where: str, stream: IO[bytes], size: int) -> NDArray:
    """One array in numpy's format; what its header claims is checked against ``size`` before anything is reserved."""
    shape, by_columns, dtype = _header(where, stream)
    if dtype.kind not in "fiub":
        raise MeshError(f"{where}: holds {dtype} and not plain numbers; Python objects are never loaded")
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > LARGEST:
        raise MeshError(f"{where}: its header claims {claimed >> 20} MB; more than {LARGEST >> 20} MB are not read")
    if claimed == 0:
        raise MeshError(f"{where}: holds no points, only an array of the shape {str(shape)[:80]}")
    data = stream.read(claimed) if claimed <= size else b""
    if len(data) != claimed:
        raise MeshError(f"{where}: its header claims an array of {shape}, which the file is too short for")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if by_columns else "C")


def _header(where: str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether columns come first, and type by the header of numpy's format (versions 1 to 3)."""
    start = stream.read(8)
    wide = start[6:7] in (b"\x02", b"\x03")
    length = int.from_bytes(stream.read(4 if wide else 2), "little")
    if start[:6] != b"\x93NUMPY" or length > LONGEST_HEADER:
        raise MeshError(f"{where}: not a numpy array; fetch it again or save it with numpy.save")
    try:
        held = ast.literal_eval(stream.read(length).decode("latin-1").strip())
        shape, by_columns, dtype = tuple(held["shape"]), bool(held["fortran_order"]), np.dtype(held["descr"])
    except (ValueError, SyntaxError, TypeError, LookupError, RecursionError, MemoryError) as error:
        raise MeshError(
            f"{where}: its header is damaged, so that what it holds is not known; fetch it again"
        ) from error
    if len(shape) > MOST_AXES or not all(type(number) is int and number >= 0 for number in shape):
        raise MeshError(f"{where}: its header claims the shape {str(shape)[:80]}, which no points have")
    return shape, by_columns, dtype
