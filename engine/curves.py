"""Curves of a run on disk, on request: metrics.csv and TensorBoard event files. The checkpoint says how far they go."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.settings import TrainSettings
from engine.storage import write_atomic


class Curves:
    """Appends readings; rows beyond the step that a run goes on from are dropped first."""

    def __init__(self, folder: Path | None, settings: TrainSettings, step: int) -> None:
        if folder is None and (settings.csv or settings.tensorboard):
            raise InputError("csv and tensorboard need a run folder to write to")
        self.csv = folder / "metrics.csv" if folder and settings.csv else None
        self.tensorboard = folder / "tensorboard" if folder and settings.tensorboard else None
        self.writer: Any = None
        self.cut(step)

    def cut(self, step: int) -> None:
        """Forget everything after ``step``."""
        if self.csv and self.csv.is_file():
            head, *rows = self.csv.read_text().splitlines(keepends=True)
            kept = [row for row in rows if row.endswith("\n") and int(row.split(",", 1)[0]) <= step]
            write_atomic(self.csv, "".join([head, *kept]).encode())
        if self.tensorboard:
            self.close()
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise InputError("train.tensorboard needs the package tensorboard: pip install tensorboard") from error
            self.writer = SummaryWriter(str(self.tensorboard), purge_step=step + 1)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """One row: exact to the last bit, so that equal runs have equal files."""
        if self.csv:
            if not self.csv.is_file():
                write_atomic(self.csv, (",".join(["step", *values]) + "\n").encode())
            with open(self.csv, "a") as file:
                file.write(",".join([str(step), *(repr(value) for value in values.values())]) + "\n")
        if self.writer:
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close the event file."""
        if self.writer:
            self.writer.close()
            self.writer = None
