"""The folder that the finished models go to, and what a person wrote there of what was tried."""

from collections.abc import Sequence
from pathlib import Path

from engine.errors import InputError
from engine.storage import write_atomic

LARGEST = 4_750_000  # bytes of all files of a model; all models together stay below 20 MB


def tried_of(name: str, out: Path) -> str:
    """What was tried for a model, in the words of whoever tried it; "" when nothing is written."""
    path = out / "notes" / f"{name}.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def put(name: str, suffixes: Sequence[str], packed: Path, out: Path) -> int:
    """Copy the files of a model into their folder, the card last -> bytes. Raises InputError where they are too large."""
    files = [f"{name}{suffix}" for suffix in suffixes]
    size = sum((packed / file).stat().st_size for file in files)
    if size > LARGEST:
        raise InputError(
            f"the files of {name} have {size:,} bytes, at most {LARGEST:,} may be shipped; make it smaller"
        )
    for file in files:
        write_atomic(out / file, (packed / file).read_bytes())
    return size
