"""What was chosen in the Make panel, kept with the project from one time to the next."""

from pathlib import Path

import msgspec

from engine.storage import write_json
from studio.models.troubles import Troubles

FILE = "make.json"
VERSION = 1


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """make.json of a project: what was chosen there last."""

    model: str
    category: str = ""
    count: int = 12
    prompt: str = ""
    recent: tuple[str, ...] = ()  # prompts, the newest first
    version: int = VERSION


class KeptChoice:
    """The last choice of a project, in its ``folder``."""

    def __init__(self, folder: Path, troubles: Troubles) -> None:
        self._path, self._troubles = folder / FILE, troubles
        self._kept: Choice | None = None  # as it is known to be on disk, or what a panel began with

    def read(self) -> Choice | None:
        """What was kept; None where nothing was, or a file that cannot be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Choice)
        except (OSError, msgspec.DecodeError):
            return None

    def begin(self, choice: Choice | None) -> None:
        """A panel shows this now: it is not worth being kept before it changes."""
        self._kept = choice

    def keep(self, choice: Choice | None) -> None:
        """Keep what is chosen, if it is something else than what is kept; None = nothing is."""
        if choice is None or choice == self._kept:
            return
        self._kept = choice
        try:
            write_json(self._path, choice)
        except OSError as error:  # a full disk must not stop anything for this
            self._troubles.tell_error(error)
