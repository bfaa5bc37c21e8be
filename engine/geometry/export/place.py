"""Where exports go: several files that appear together, each whole, or not at all."""

import contextlib
import errno
import filecmp
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from engine.errors import DamagedFileError, InputError
from engine.storage import sync_folder, temporary_name

REASONS = {
    errno.ENOSPC: "the disk is full; make room or choose another place",
    errno.EDQUOT: "your share of the disk is full; make room or choose another place",
    errno.EFBIG: "the file is larger than this place allows; ask for fewer faces or choose another place",
    errno.EROFS: "the folder cannot be written to; choose another place",
    errno.EACCES: "the folder cannot be written to; choose another place",
    errno.EPERM: "the folder cannot be written to; choose another place",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another place",
    errno.EEXIST: "a file stands where a folder is needed; choose another place",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def check_place(paths: Iterable[Path], overwrite: bool) -> None:
    """Raises InputError when a path is taken or its folder cannot be written to: said before any work is done."""
    for path in paths:
        with _plainly(path):
            if path.is_dir():
                raise InputError(f"{path} is a folder; choose another name")
            if path.exists() and not overwrite:
                raise _taken(path)
            folder = next(folder for folder in path.parents if folder.exists())
            if not folder.is_dir():
                raise InputError(f"{path} cannot be written: {REASONS[errno.ENOTDIR]}")
            if not os.access(folder, os.W_OK | os.X_OK):
                raise InputError(f"{path} cannot be written: {REASONS[errno.EACCES]}")


def put(files: Mapping[Path, bytes | Path], overwrite: bool = True) -> None:
    """Write all ``files``, the main one last, under temporary names, read them back, and only then give them their own.

    files : contents, or the file that has them, by path; one that is there already with these contents stays
    overwrite : whether others that are there may be replaced
    Raises InputError (taken, disk full, no rights) or DamagedFileError (the disk gives back something else); the files
    that were there before then stay as they were, and no new file or folder is left.
    """
    staged: dict[Path, Path] = {}
    before: dict[Path, Path] = {}  # files that are replaced, under other names until all went well
    given: list[Path] = []
    new: list[Path] = []
    last = list(files)[-1]
    try:
        for path, data in files.items():
            with _plainly(path):
                if not overwrite and path.exists() and not _holds(path, data):
                    raise _taken(path)
                for folder in _missing(path.parent):
                    folder.mkdir(exist_ok=True)
                    new.append(folder)
                staged[path] = _stage(path, data)
        for path, temporary in staged.items():
            with _plainly(path):
                if path != last and path.exists():
                    before[path] = temporary_name(path)
                    os.replace(path, before[path])
                os.replace(temporary, path)
                given.append(path)
    except BaseException:
        for path in given:
            path.unlink(missing_ok=True)
        for path, old in before.items():
            if old.exists():
                os.replace(old, path)
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)
        for folder in reversed(new):
            with contextlib.suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise
    for old in before.values():
        old.unlink(missing_ok=True)
    for folder in {path.parent for path in files}:
        sync_folder(folder)


def _taken(path: Path) -> InputError:
    return InputError(f"{path} exists; choose another place, or allow it to be overwritten (--overwrite)")


def _holds(path: Path, data: bytes | Path) -> bool:
    """Whether a file has these contents."""
    return path.read_bytes() == data if isinstance(data, bytes) else filecmp.cmp(path, data, shallow=False)


def _stage(path: Path, data: bytes | Path) -> Path:
    temporary = temporary_name(path)
    try:
        with open(temporary, "xb") as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                with open(data, "rb") as source:
                    shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
        if not _holds(temporary, data):
            raise DamagedFileError(f"{path}: the disk does not give back what was written; choose another place")
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _missing(folder: Path) -> list[Path]:
    """Folders to be made, outermost first."""
    return [parent for parent in [*reversed(folder.parents), folder] if not parent.exists()]


@contextlib.contextmanager
def _plainly(path: Path) -> Iterator[None]:
    """System errors as one clear line."""
    try:
        yield
    except OSError as error:
        reason = REASONS.get(error.errno or 0, f"{error.strerror or error}; choose another place")
        raise InputError(f"{path} cannot be written: {reason}") from error
