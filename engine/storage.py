"""Files that are whole or absent: everything is written to a temporary name, synced and replaced."""

import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from engine.errors import DamagedFileError


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` is at any moment the old file or the new one, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


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
    """Write numpy arrays and a text header as one safetensors file, atomically."""
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    write_atomic(path, save(arrays, metadata=dict(header or {})))


def read_tensors(path: Path) -> tuple[dict[str, NDArray], dict[str, str]]:
    """Arrays and header of a safetensors file. Raises DamagedFileError when it is not one."""
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DamagedFileError(f"{path} cannot be read as safetensors ({error}); delete it and resume the run") from error


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
