"""What the window remembers between starts: theme, layout, recent projects. One JSON file in the person's own folder."""

from pathlib import Path

import msgspec
from platformdirs import user_config_path, user_documents_path
from PySide6.QtCore import QObject, Signal

from engine.storage import write_json

APP = "Shape Studio"
MOST_RECENT = 12
VERSION = 1


class Kept(msgspec.Struct, kw_only=True):
    """Contents of the file. Fields of newer versions are ignored, so that an older program can read it."""

    version: int = VERSION
    theme: str = "system"
    recent: list[str] = []
    geometry: str = ""
    layouts: dict[str, str] = {}
    workspace: str = ""
    toured: bool = False  # the tour was taken, or left


class Preferences(QObject):
    """Loads at once, saves at each change. A file that cannot be read is started anew: nothing of a project is in it.

    unsaved(error) : it could not be written; what was changed holds until the window closes
    """

    changed = Signal()
    unsaved = Signal(object)

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self.folder = folder or user_config_path(APP, appauthor=False)
        self._path = self.folder / "window.json"
        self.kept = self._read()

    def save(self, **fields: object) -> None:
        """Change these fields and keep them. Where the disk is full the window goes on, and closes, all the same."""
        for name, value in fields.items():
            setattr(self.kept, name, value)
        try:
            write_json(self._path, self.kept)
        except OSError as error:
            self.unsaved.emit(error)
        self.changed.emit()

    @property
    def recent(self) -> list[Path]:
        """Projects that were opened lately and are still there, newest first."""
        return [Path(text) for text in self.kept.recent if (Path(text) / "project.json").is_file()]

    def used(self, folder: Path) -> None:
        """Put a project at the front of the recent ones."""
        others = [text for text in self.kept.recent if text != str(folder)]
        self.save(recent=[str(folder), *others][:MOST_RECENT])

    def _read(self) -> Kept:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except (OSError, msgspec.DecodeError):
            return Kept()


def place_for_projects() -> Path:
    """Where new projects go when nobody says otherwise."""
    return user_documents_path() / APP


def free_folder(name: str, place: Path | None = None) -> Path:
    """A folder of this name that does not exist yet; a number is added where it does."""
    place = place or place_for_projects()
    tries = (place / (name if i == 1 else f"{name} {i}") for i in range(1, 100_000))
    return next(path for path in tries if not path.exists())
