"""Zip archives into a folder, without trusting them: no path leaves the folder, and nothing unpacks without end."""

import lzma
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from engine.errors import InputError
from engine.protocol import Note, Progress, Stage

MEMBERS = 1_000_000
BYTES = 200 * 2**30  # unpacked, of one archive
RATIO = 1_000  # unpacked bytes per packed byte; what deflates better holds nothing but zeros
CHUNK = 2**22


def is_archive(path: Path) -> bool:
    """True for a zip archive by its name; 3MF files are zips too, but not archives of shapes."""
    return path.suffix.lower() == ".zip"


def unpack(path: Path, folder: Path) -> Stage[None]:
    """Unpack the zip ``path`` into the new ``folder``; a folder that is there already was unpacked before.

    Members that are links, or whose names lead out of the folder, are left out with a note. Raises InputError for what is
    not a zip, encrypted, damaged, too large for the disk, or larger than any honest archive; then nothing is left behind.
    """
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # another import may unpack it too
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir() and not _junk(member.filename)]
            _check(path, members, folder)
            good = [member for member in members if _safe(member)]
            if len(good) < len(members):
                text = (
                    f"{path.name}: {len(members) - len(good)} entries were left out, since they lead out of the archive"
                )
                yield Note(text=text, warning=True)
            for i, member in enumerate(good):
                yield Progress(stage="unpack", done=i, total=len(good), message=path.name)
                yield from _extract(archive, member, temporary / member.filename, i, len(good))
        try:
            temporary.replace(folder)
        except OSError:
            if not folder.is_dir():  # else another import was first, with the same files
                raise
    except (
        FileExistsError,
        IsADirectoryError,
        NotADirectoryError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        NotImplementedError,
        EOFError,
        UnicodeError,
        ValueError,
        RuntimeError,
    ) as error:
        raise InputError(
            f"{path} cannot be unpacked ({error}); unpack it with another program, import the folder"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check(path: Path, members: list[zipfile.ZipInfo], folder: Path) -> None:
    size = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if any(member.flag_bits & 1 for member in members):
        raise InputError(f"{path} is encrypted; unpack it with its password, then import the folder")
    if len(members) > MEMBERS or size > BYTES or size > RATIO * max(packed, 2**20):
        raise InputError(
            f"{path} would unpack to {len(members)} files of {size / 2**30:.1f} GB; this looks like a trap"
        )
    there = next(parent for parent in folder.parents if parent.exists())
    free = shutil.disk_usage(there).free
    if size > 0.9 * free:
        raise InputError(f"{path} needs {size / 2**30:.1f} GB unpacked, and {free / 2**30:.1f} GB are free on the disk")


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, done: int, total: int) -> Stage[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size  # a member that holds more than it says ends in an error
    with archive.open(member) as source, target.open("wb") as out:
        for piece in _pieces(source):
            left -= len(piece)
            if left < 0:
                raise zipfile.BadZipFile(f"{member.filename} is larger than it says")
            out.write(piece)
            yield Progress(stage="unpack", done=done, total=total, message=member.filename)


def _pieces(source: object) -> Iterator[bytes]:
    while piece := source.read(CHUNK):  # type: ignore[attr-defined]
        yield piece


def _safe(member: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(member.filename)
    link = stat.S_ISLNK(member.external_attr >> 16)
    odd = "\\" in member.filename or ":" in member.filename or "\0" in member.filename
    return not (link or odd and os.name == "nt" or name.is_absolute() or ".." in name.parts or not name.name)


def _junk(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or (bool(parts) and parts[-1] in (".DS_Store", "Thumbs.db"))
