"""Errors that a person can act on. Everything else is a fault of ours and keeps its traceback."""

import errno
import re
import sqlite3
from pathlib import PurePath

FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_UNWRITABLE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
)
_OUT_OF_MEMORY = re.compile(r"^OutOfMemoryError:|^RuntimeError: .*can't allocate memory", re.DOTALL)


class StudioError(ValueError):
    """Base of all errors whose message is one clear line: what is wrong and what can be done.

    The command line prints it and exits with status 2; the window shows it beside the control it concerns.
    """


class InputError(StudioError):
    """A file, value or option given by a person cannot be used."""


class MeshError(InputError):
    """A mesh file or geometry cannot be used; the message names the file and the reason."""


class EmptyShapeError(InputError):
    """A decoded shape has no inside, so there is no mesh of it."""


class DamagedFileError(StudioError):
    """A file of the project is not what its header or hash says."""


class DiskError(StudioError):
    """The project cannot be written to: no room is left, or another program holds it for too long."""


class BusyError(StudioError):
    """Another process holds the lease of this job or project."""


class TrainingError(StudioError):
    """A run cannot go on (diverged for good, out of memory); its last good checkpoint is kept."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on whatever device."""
    return isinstance(error, MemoryError) or bool(_OUT_OF_MEMORY.search(f"{type(error).__name__}: {error}"))


def damaged(error: BaseException) -> bool:
    """Whether SQLite says that its file is damaged, or none of its own."""
    return _sqlite_code(error) in _DAMAGED


def unwritable(error: BaseException) -> bool:
    """Whether SQLite says that its disk is full or broken, or that its file is held or may not be written."""
    return _sqlite_code(error) in _UNWRITABLE


def _sqlite_code(error: BaseException) -> int:
    """The primary result code, the low byte of the extended one (sqlite.org/rescode.html); 0 of any other error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def explain(error: BaseException) -> str:
    """What to tell a person about any error: one line."""
    if isinstance(error, StudioError):
        return str(error)
    if out_of_memory(error):
        advice = "make the batch or the resolution smaller, close other programs or choose another device"
        return f"out of memory: {advice}; what was saved is kept"
    if damaged(error):
        return f"the catalogue of the project is damaged ({error}); put back a copy of it"
    if unwritable(error):
        advice = "make room on its disk, or wait for the program that holds it, and try again"
        return f"the project cannot be written to ({error}); {advice}; what was saved is kept"
    if isinstance(error, OSError) and error.errno in FULL:
        what = f"{PurePath(str(error.filename)).name}: " if error.filename else ""
        return f"no room is left on the disk ({what}{error.strerror}); make some and try again, what was saved is kept"
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}; choose another place"
    return f"a fault in the engine ({type(error).__name__}: {error})"
