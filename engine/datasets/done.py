"""Which sources an import has dealt with, so that going on with it does not read them again."""

import os
from pathlib import Path

from engine.datasets.source import Source
from engine.storage import digest


class Done:
    """A list that grows line by line: a key of each finished source and the id of its item. A torn last line is ignored."""

    def __init__(self, path: Path | None) -> None:
        """path : the list of the run, made when first written to; None keeps none."""
        self._path = path
        lines = path.read_text().splitlines(keepends=True) if path and path.exists() else []
        self._ids = dict(line.split() for line in lines if line.endswith("\n") and len(line.split()) == 2)

    def id_of(self, source: Source) -> str:
        """Id of the item that the source became, "" when it has not been finished, or has changed since."""
        return self._ids.get(_key(source), "")

    def add(self, source: Source, ident: str) -> None:
        """Note that a source is finished; its item is in the catalogue."""
        if self._path:
            with self._path.open("a") as file:
                file.write(f"{_key(source)} {ident}\n")


def _key(source: Source) -> str:
    """Of the files' paths, sizes and times."""
    told: list[str] = [source.kind]
    for file in (*source.files, *filter(None, [source.labels])):
        try:
            about = os.stat(file)
        except OSError:
            about = None
        told.append(f"{os.fsencode(file)!r} {about and (about.st_size, about.st_mtime_ns)}")
    return digest("\n".join(told).encode())
