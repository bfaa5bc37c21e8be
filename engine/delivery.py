"""Files of a job on their way from the run's folder to where a person wants them: each once, never over another's file."""

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil

from engine.geometry.export.place import check_place, put
from engine.storage import write_json


class Delivery:
    """What one run makes and puts into its place. A run that is stopped goes on with what it has.

    Whose a file is that stands in the way is told by its contents: what equals the file made for it is the run's own.
    """

    def __init__(self, folder: Path, out: Path, overwrite: bool, names: Mapping[str, tuple[str, ...]]) -> None:
        """folder : the run's; out : where files go; overwrite : whether files of others there may be replaced

        names : the files of each thing, the main one last
        Raises InputError, before any work, when one of them cannot be put into its place.
        """
        self._staged, self._out, self._overwrite, self._names = folder / "staged", out, overwrite, names
        self._list = folder / "delivered.json"
        resumed = self._list.exists() or self._staged.exists()
        known = msgspec.json.decode(self._list.read_bytes()) if self._list.exists() else {}
        self._done: dict[str, dict[str, Any]] = {
            key: info for key, info in known.items() if Path(info["path"]).exists()
        }
        for key, files in names.items():
            begun = key in self._done or self.staged(key).exists()
            check_place([out / name for name in files], overwrite or begun)
            for name in files if resumed else ():
                _sweep(out / name)

    def staged(self, key: str) -> Path:
        """Where the main file of a thing is to be made, and the others beside it."""
        return self._staged / self._names[key][-1]

    def done(self, key: str) -> dict[str, Any]:
        """What was told of a thing that is in its place, or only waits to be put there; {} of one that is not made."""
        if key in self._done:
            return self._done[key]
        note = self._note(key)
        return self._put(key, msgspec.json.decode(note.read_bytes())) if note.exists() else {}

    def deliver(self, key: str, info: Mapping[str, Any]) -> dict[str, Any]:
        """Put the files of a thing, which have been made, into their places -> ``info`` with the path of the main one.

        Raises InputError or DamagedFileError, see ``place.put``; then everything there is as it was, and what was made is
        kept to be put there by the next try.
        """
        write_json(self._note(key), info)
        return self._put(key, info)

    def _put(self, key: str, info: Mapping[str, Any]) -> dict[str, Any]:
        files = self._names[key]
        put({self._out / name: self._staged / name for name in files}, self._overwrite)
        self._done[key] = {**info, "path": str(self._out / files[-1])}
        write_json(self._list, self._done)
        for left in (self._note(key), *(self._staged / name for name in files)):
            left.unlink()
        return self._done[key]

    def _note(self, key: str) -> Path:
        """Beside a staged file that is whole: what is told of it."""
        return self._staged / f"{self._names[key][-1]}.json"


def _sweep(path: Path) -> None:
    """Remove temporary files that a killed process of this machine left beside a file."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.*.tmp"):
        pid = left.name.split(".")[-3]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            left.unlink(missing_ok=True)
