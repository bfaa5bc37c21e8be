"""Rows of a benchmark of many hours, kept in the repository as soon as they are measured, so that another machine goes on
where one has stopped. A row is named after all that it follows from: of other code, settings or data none is taken."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from engine import device
from engine.storage import write_json

FOLDER = Path(__file__).parent / "measured"


class KeptRows:
    """The rows of one benchmark, by their names: ``measured/<benchmark>.json``."""

    def __init__(self, benchmark: str, folder: Path = FOLDER, anew: bool = False) -> None:
        """anew : what was kept is not given, and kept anew"""
        self.path, self.anew = folder / f"{benchmark}.json", anew

    def row(self, name: str) -> dict[str, Any] | None:
        """What was measured, with ``measured``, its day and machine; None where nothing was."""
        return None if self.anew else self._all().get(name)

    def keep(self, name: str, row: dict[str, Any]) -> dict[str, Any]:
        """Keep a row that was measured now, and give it as `row` will."""
        made = f"{date.today()}, {device.describe(device.choose('cpu'))}"
        kept = {**row, "measured": made}
        write_json(self.path, self._all() | {name: kept})
        return kept

    def _all(self) -> dict[str, dict[str, Any]]:
        if not self.path.exists():
            return {}
        found: dict[str, dict[str, Any]] = msgspec.json.decode(self.path.read_bytes())
        return found
