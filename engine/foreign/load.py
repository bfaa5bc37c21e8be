"""Opening checkpoints of other programs: tensors and plain data only, nothing in the file is ever run."""

import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.errors import InputError, out_of_memory

Plain = bool | int | float | str

MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the first object of the format before torch 1.6: 0x1950a86a20f9469cfc6c
LEGACY_MOST = 2 << 30  # bytes; the old format cannot be mapped, so it is read into memory as a whole
PICKLE_MOST = 64 << 20  # bytes of the description of the tensors in a zip; a denoiser of 12 blocks has 50 kB
NESTS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "weights",
)  # where other programs keep the tensors in their file
DEEPEST = 3
SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")


class Opened(NamedTuple):
    """The tensors of a foreign file, by name, in the file's order, and how they were wrapped.

    Tensors of a file in today's formats are maps of the file: nothing is read before it is used, and what is not asked
    for (an optimiser's state) never is. ``nest``: the keys that lead to them; ``ordered``, ``metadata``: an OrderedDict
    and torch's note of module versions on it; ``beside``: numbers and words beside them; ``left``: other keys there.
    """

    path: Path
    tensors: dict[str, Tensor]
    nest: tuple[str, ...] = ()
    ordered: bool = True
    metadata: dict[str, dict[str, int]] | None = None
    beside: dict[str, Plain] = {}
    left: tuple[str, ...] = ()


def open_foreign(path: Path) -> Opened:
    """The tensors in a .pth, .pt, .ckpt or .safetensors file of another program.

    Raises InputError, one line, for whatever is not plain tensors: Python objects, a damaged or cut file, a program.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    if path.suffix.lower() == ".safetensors":
        return Opened(path, _safetensors(path), ordered=False)
    return _tensors_in(path, _plain_data(path))


def refused(path: Path, reason: object) -> InputError:
    """The error of a file: one line, whatever characters the names in the file have."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(reason))
    return InputError(f"{path}: {text}")


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise refused(path, f"it cannot be read as safetensors ({error}); fetch the file again") from error


def _plain_data(path: Path) -> Any:
    """What a torch file holds. The one place where a pickle is read, by a reader that makes nothing but plain data."""
    zipped = _is_zip(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols and old storage types
            return torch.load(path, map_location="cpu", mmap=zipped, weights_only=True)  # noqa: TID251 the importer
    except Exception as error:  # hostile bytes: torch's reader fails on them in every way there is
        raise refused(path, _refusal(error)) from error


def _is_zip(path: Path) -> bool:
    """True for today's torch format, a zip; False for the one before. Raises InputError for anything else."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(32)
    if start.startswith(b"PK\x03\x04"):
        _check_zip(path, size)
        return True
    if start[:1] == b"\x80" and MAGIC in start:
        if size > LEGACY_MOST:
            raise refused(
                path,
                f"{size / 2**30:.1f} GiB in the format before torch 1.6, which must be read as a "
                "whole; load and save it once with a newer torch",
            )
        return False
    if start[:1] == b"\x80":
        raise refused(
            path,
            "this is a bare pickle, not a torch file; it was not opened, since such a file can "
            "run code. Ask its author for a plain state dict (safetensors)",
        )
    what = "the file is empty" if not size else "this is not a torch file (neither its zip nor its older format)"
    raise refused(path, f"{what}; fetch it again")


def _check_zip(path: Path, size: int) -> None:
    """Raise InputError for a zip that torch did not write, or not to its end."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise refused(path, f"the file is damaged or cut short ({_line(error)}); fetch it again") from error
    pickles = [entry for entry in entries if entry.filename.endswith("/data.pkl") and entry.filename.count("/") == 1]
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise refused(
            path,
            "this is a TorchScript program; it was not opened, since it is code. Ask its author "
            "for a plain state dict (safetensors)",
        )
    if len(pickles) != 1:
        raise refused(path, "this is a zip but not a torch file; import the files in it one by one")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or sum(e.file_size for e in entries) > size:
        raise refused(path, "this zip is compressed, which torch never does; fetch the original file")
    if pickles[0].file_size > PICKLE_MOST:
        raise refused(path, f"its description alone has {pickles[0].file_size} bytes; this is no set of weights")


def _refusal(error: Exception) -> str:
    """One line on why torch could not or would not read a file."""
    if out_of_memory(error):
        return "it asks for more memory than there is; the file is damaged, or other programs must be closed first"
    text = str(error)
    named = re.search(r"GLOBAL ([\w.]+)|(?:but got|func:|class) <(?:class|function|built-in) '?([\w.]+)", text)
    if named or "Unsupported" in text or "Can only" in text:
        name = f" ({named[1] or named[2]})" if named else ""
        return (
            f"this file holds Python objects other than tensors{name}; it was not opened, since such a "
            "file can run code. Ask its author for a plain state dict (safetensors)"
        )
    return f"the file is damaged or cut short ({type(error).__name__}: {_line(error)}); fetch it again"


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:120]


def _tensors_in(path: Path, data: Any) -> Opened:
    """Go down to the dictionary of tensors. Raises InputError that says what is there instead."""
    nest: list[str] = []
    beside: dict[str, Plain] = {}
    left: list[str] = []
    while isinstance(data, Mapping) and len(nest) < DEEPEST and not any(isinstance(v, Tensor) for v in data.values()):
        key = next((key for key in NESTS if isinstance(data.get(key), Mapping)), None)
        if key is None:
            break
        beside |= {name: value for name, value in data.items() if not nest and _is_plain(name, value)}
        left += [str(name) for name in data if name != key and name not in beside]
        nest.append(key)
        data = data[key]
    if not isinstance(data, Mapping) or not data:
        raise refused(path, f"this is no set of named tensors; it holds {_described(data)}")
    for name, value in data.items():
        if not isinstance(name, str) or not name.isprintable() or not isinstance(value, Tensor):
            raise refused(path, f"this is no set of named tensors; under {name!r:.60} it has {_described(value)}")
        _check(path, name, value)
    ordered = isinstance(data, OrderedDict)
    tensors = {name: value.detach() for name, value in data.items()}
    return Opened(path, tensors, tuple(nest), ordered, _versions(data), beside, tuple(left))


def _is_plain(name: object, value: object) -> bool:
    """A number or word that JSON can keep under its name."""
    if isinstance(value, int | float) and not abs(value) < 2**63:
        return False
    words = [word for word in (name, value) if isinstance(word, str)]
    return isinstance(name, str) and isinstance(value, Plain) and all(word.isprintable() for word in words)


def _check(path: Path, name: str, tensor: Tensor) -> None:
    """Raise InputError for a tensor that claims more numbers than are there, or is of an odd kind."""
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    if not plain or type(tensor) not in (Tensor, torch.nn.Parameter):
        raise refused(path, f"tensor {name:.60} is not an ordinary one; ask its author for a plain state dict")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise refused(path, f"tensor {name:.60} claims more numbers than the file has; fetch it again")


def _versions(data: Mapping[str, Any]) -> dict[str, dict[str, int]] | None:
    """Torch's note of module versions, which it hangs on a state dict as an attribute; None when there is none."""
    try:
        found = msgspec.convert(getattr(data, "_metadata", None), dict[str, dict[str, int]] | None)
    except msgspec.ValidationError:
        return None
    names = [name for module, versions in (found or {}).items() for name in (module, *versions)]
    return found if all(name.isprintable() for name in names) else None


def _described(data: Any) -> str:
    if isinstance(data, Mapping):
        return f"a dictionary with {', '.join(str(name)[:40] for name in list(data)[:6]) or 'nothing in it'}"
    if isinstance(data, Tensor):
        return f"one tensor of shape {tuple(data.shape)}"
    return f"a {type(data).__name__}"
