"""Trained modules on disk: resumable checkpoints and self-sufficient models, as safetensors with a JSON header.

Both carry a hash of all tensors, are read back and compared right after writing, and appear whole or not at all.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.errors import DamagedFileError, InputError
from engine.settings import TrainSettings
from engine.storage import sync_folder

VERSION = 1
KEPT = 2  # checkpoints of a run that stay


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="checkpoint", kw_only=True):
    """Header of a resumable checkpoint, taken after ``step`` finished steps. ``sha256`` is over header and tensors."""

    settings: TrainSettings
    seed: int
    step: int
    rollbacks: int = 0
    sha256: str = ""
    version: int = VERSION


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="model", kw_only=True):
    """Header of an exported model. ``about`` is all that is needed to build the modules again."""

    about: dict[str, Any]
    sha256: str = ""
    version: int = VERSION


Header = Checkpoint | Model


def hash_all(header: str, names_and_tensors: Iterator[tuple[str, Tensor]]) -> str:
    """SHA-256 over the header's text (its own hash left out) and name, type, shape and bytes of the tensors in this order.

    Over the text as it is stored: a program that knows more settings than the one that wrote it finds the same hash.
    """
    total = hashlib.sha256(header.encode())
    for name, tensor in names_and_tensors:
        total.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}\n".encode())
        total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def in_order(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors sorted by name."""
    return ((name, tensors[name]) for name in sorted(tensors))


def write(path: Path, tensors: Mapping[str, Tensor], header: Header) -> None:
    """Stream tensors and header to ``path`` and read them back. Raises DamagedFileError when what was read differs.

    Not ``storage.write_tensors``: that holds the whole file in memory, and a large model with its moments is 20 GB.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        text = msgspec.json.encode(msgspec.structs.replace(header, sha256="")).decode()
        header = msgspec.structs.replace(header, sha256=hash_all(text, in_order(plain)))
        save_file(plain, temporary, metadata={"shape_studio": msgspec.json.encode(header).decode()})
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        verify(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_header(path: Path) -> Header:
    """Header alone. Raises InputError when there is no such file, DamagedFileError when it is not one of ours."""
    return _read_header(path)[0]


def _read_header(path: Path) -> tuple[Header, str]:
    """The header, and its text without its own hash."""
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("shape_studio", "")
        header: Header = msgspec.json.decode(text, type=Header)
    except (SafetensorError, OSError, msgspec.DecodeError) as error:
        raise DamagedFileError(f"{path} is damaged or not a file of this program ({error})") from error
    if header.version > VERSION:
        raise InputError(f"{path} was written by a newer version of this program; update to read it")
    return header, text.replace(header.sha256, "", 1) if header.sha256 else text


def verify(path: Path) -> Header:
    """Header, after comparing the hash of all tensors. Raises DamagedFileError."""
    header, text = _read_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            found = hash_all(text, ((name, file.get_tensor(name)) for name in sorted(file.keys())))
    except (SafetensorError, OSError) as error:
        raise DamagedFileError(f"{path} is damaged ({error})") from error
    if found != header.sha256:
        raise DamagedFileError(f"{path} is damaged: its numbers are not those that were written")
    return header


def read(path: Path) -> tuple[dict[str, Tensor], Header]:
    """All tensors, verified, and the header."""
    header = verify(path)
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118


def checkpoints(folder: Path) -> list[Path]:
    """Checkpoints in ``folder``, newest first."""
    return sorted(folder.glob("step-*.safetensors"), reverse=True)


def save_checkpoint(folder: Path, tensors: Mapping[str, Tensor], header: Checkpoint) -> Path:
    """Write one checkpoint into ``folder`` and drop all but the last two; never before the new one is verified."""
    path = folder / f"step-{header.step:09d}.safetensors"
    write(path, tensors, header)
    for old in checkpoints(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    for left in folder.glob(".step-*.tmp"):  # of a process that was killed while it wrote
        left.unlink(missing_ok=True)
    return path


def newest_checkpoint(folder: Path) -> tuple[dict[str, Tensor], Checkpoint, list[str]] | None:
    """The newest whole checkpoint and what was wrong with newer ones; None when the folder has none at all.

    Raises DamagedFileError when there are checkpoints but none of them is whole.
    """
    damaged: list[str] = []
    for path in checkpoints(folder):
        try:
            tensors, header = read(path)
        except DamagedFileError as error:
            damaged.append(str(error))
            continue
        if isinstance(header, Checkpoint):
            return tensors, header, damaged
    if damaged:
        raise DamagedFileError(f"no checkpoint in {folder} is whole: {damaged[0]}; delete the folder to start again")
    return None


@torch.no_grad()
def load_state(modules: Mapping[str, nn.Module], tensors: Mapping[str, Tensor], prefix: str, source: Path) -> None:
    """Copy ``prefix + module.name`` tensors into the modules. Raises InputError when they do not fit each other."""
    for name, module in modules.items():
        own = module.state_dict()
        left = [
            key for key in tensors if key.startswith(f"{prefix}{name}.") and key[len(prefix + name) + 1 :] not in own
        ]
        if left:
            raise InputError(
                f"{source} does not fit this network: it has {len(left)} tensors more, {left[0]} for one; "
                "use the settings it was trained with"
            )
        for key, value in own.items():
            found = tensors.get(f"{prefix}{name}.{key}")
            if found is None or found.shape != value.shape:
                has = "missing" if found is None else f"of shape {tuple(found.shape)}"
                raise InputError(
                    f"{source} does not fit this network: {name}.{key} should be {tuple(value.shape)} and is {has}; "
                    "use the settings it was trained with"
                )
            value.copy_(found)


def save_model(path: Path, modules: Mapping[str, nn.Module], about: Mapping[str, Any]) -> None:
    """Export the modules as they are now (put averaged weights in first). ``about`` is JSON-like data."""
    tensors = {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    write(path, tensors, Model(about=dict(about)))


def read_about(path: Path) -> dict[str, Any]:
    """What an exported model says of itself. Raises InputError when the file is a checkpoint or absent."""
    header = read_header(path)
    if not isinstance(header, Model):
        raise InputError(f"{path} is a checkpoint of a run; give the run's model.safetensors")
    return header.about


def load_model(path: Path, modules: Mapping[str, nn.Module]) -> None:
    """Fill modules built from ``read_about``. Raises DamagedFileError or InputError."""
    tensors, _ = read(path)
    load_state(modules, tensors, "", path)
