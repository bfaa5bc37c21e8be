"""watch.csv: the running scores of a training, a row for each step that was looked at; whole at any moment."""

import math
from collections.abc import Mapping
from pathlib import Path

from engine.storage import write_atomic


class WatchCurve:
    """The rows of one file, by step."""

    def __init__(self, path: Path) -> None:
        """Go on with what is there."""
        self.path = path
        self.head, self.rows = "", dict[int, str]()
        if path.is_file():
            self.head, *rows = path.read_text().splitlines()
            self.rows = {int(row.split(",", 1)[0]): row for row in rows}

    def has(self, step: int) -> bool:
        """True when the step was looked at."""
        return step in self.rows

    def cut(self, step: int) -> None:
        """Forget what lies after ``step``, since the training went back to it."""
        kept = {known: row for known, row in self.rows.items() if known <= step}
        if len(kept) < len(self.rows):
            self.rows = kept
            self._write()

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """One more row; a cell is empty where there is no number."""
        self.head = ",".join(["step", *values])
        cells = ("" if math.isnan(value) else repr(value) for value in values.values())
        self.rows[step] = ",".join([str(step), *cells])
        self._write()

    def _write(self) -> None:
        write_atomic(self.path, "".join(f"{line}\n" for line in (self.head, *self.rows.values())).encode())
