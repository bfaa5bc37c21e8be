"""Files that are whole or absent: everything is written to a temporary name, synced and replaced."""

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from engine.errors import DamagedFileError

HEADER = "header"


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the name ``path`` when all went well, so that ``path`` is at any moment the old file or
    the new one, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, wholly or not at all; see ``whole``."""
    with whole(path) as file:
        file.write(data)


def temporary_name(path: Path) -> Path:
    """A hidden name beside ``path`` that no other process or call uses, and that ``sweep`` knows."""
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")


def sweep(folder: Path) -> None:
    """Remove temporary files that a killed process left in ``folder``; only while nobody else writes there."""
    for path in folder.rglob(".*.tmp"):
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` durable (a no-op where folders cannot be opened, as on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: object) -> None:
    """Write ``value`` (msgspec Struct or plain data) as indented JSON, atomically."""
    write_atomic(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def write_tensors(path: Path, tensors: Mapping[str, NDArray], header: Mapping[str, str] | None = None) -> None:
    """Write numpy arrays and a text header as one safetensors file, atomically.

    The header is one entry of the file's metadata, since the format does not keep the order of several: the same input
    gives the same bytes.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    write_atomic(path, save(arrays, metadata={HEADER: msgspec.json.encode(dict(header or {})).decode()}))


def read_tensors(path: Path) -> tuple[dict[str, NDArray], dict[str, str]]:
    """Arrays and header of a safetensors file. Raises DamagedFileError when it is not one."""
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, _header(file.metadata())  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DamagedFileError(
            f"{path} cannot be read as safetensors ({error}); the run that made it must be run again"
        ) from error


def once(path: Path, value: Any) -> Any:
    """``value`` as JSON data, settled by whoever comes first: written to ``path``, or read back when it is there."""
    if not path.exists():
        write_json(path, value)
    return msgspec.json.decode(path.read_bytes())


def map_tensor(path: Path, name: str) -> tuple[NDArray, dict[str, str]]:
    """One array of a safetensors file, memory-mapped (changes stay in memory), and the header. Raises DamagedFileError.

    Layout of the file: 8 bytes little-endian length of the JSON header, the header, the data (safetensors 0.3 format page).
    """
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = msgspec.json.decode(file.read(length))
        entry = header[name]
        start, stop = entry["data_offsets"]
        kind = np.dtype(_DTYPES[entry["dtype"]])
        if path.stat().st_size < 8 + length + stop:
            raise DamagedFileError(f"{path} is cut short; the run that made it must be run again")
    except (OSError, KeyError, msgspec.DecodeError) as error:
        raise DamagedFileError(
            f"{path} has no tensor {name!r} ({error}); the run that made it must be run again"
        ) from error
    if 0 in entry["shape"]:
        return np.zeros(entry["shape"], kind), _header(header.get("__metadata__"))
    array = np.memmap(path, kind, "c", offset=8 + length + start, shape=tuple(entry["shape"]))
    return array, _header(header.get("__metadata__"))


def _header(metadata: dict[str, str] | None) -> dict[str, str]:
    return msgspec.json.decode((metadata or {}).get(HEADER, "{}"), type=dict[str, str])


_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "U8": "u1",
    "I8": "i1",
    "BOOL": "?",
}


def digest(data: bytes) -> str:
    """Short stable hash of bytes, used in names: the first 16 hex digits of SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def seed_of(*parts: object) -> int:
    """A 63-bit seed from any values, the same on every machine and in every process.

    Each random stream of a run is seeded by what it is for (run seed, item id, step), so nothing depends on the order of
    the work and a resumed run needs no saved generator state.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1
