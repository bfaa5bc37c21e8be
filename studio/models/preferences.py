"""What the window remembers between starts: what a person prefers, layout, recent projects. One JSON file in the person's own
folder."""

from pathlib import Path

import msgspec
from platformdirs import user_config_path, user_documents_path
from PySide6.QtCore import QObject, Signal

from engine.storage import write_json

APP = "Shape Studio"
MOST_RECENT = 12
VERSION = 1
TEXTS = (90, 100, 115, 130, 150)  # per cent of the system's size
PICTURES = {"Small": 75, "Medium": 100, "Large": 150}  # per cent of the usual side of a card's picture


class Kept(msgspec.Struct, kw_only=True):
    """Contents of the file. Fields of newer versions are ignored, so that an older program can read it.

    theme : "system", "dark" or "light"; text, pictures : sizes in per cent; projects : folder of new ones, "" = the usual
    cores : that engines may use, 0 = all but one; keys : name of an action -> its keys, where they are not the usual ones
    toured : the tour was taken, or left
    """

    version: int = VERSION
    theme: str = "system"
    text: int = 100
    pictures: int = 100
    projects: str = ""
    cores: int = 0
    keys: dict[str, str] = {}
    recent: list[str] = []
    geometry: str = ""
    layouts: dict[str, str] = {}
    workspace: str = ""
    toured: bool = False


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

    @property
    def place(self) -> Path:
        """Where new projects go."""
        return Path(self.kept.projects) if self.kept.projects else place_for_projects()

    def used(self, folder: Path) -> None:
        """Put a project at the front of the recent ones."""
        others = [text for text in self.kept.recent if text != str(folder)]
        self.save(recent=[str(folder), *others][:MOST_RECENT])

    def _read(self) -> Kept:
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except (OSError, msgspec.DecodeError):
            return Kept()
        kept.text = min(max(kept.text, TEXTS[0]), TEXTS[-1])
        kept.pictures = min(max(kept.pictures, min(PICTURES.values())), max(PICTURES.values()))
        kept.cores = max(kept.cores, 0)
        return kept


def place_for_projects() -> Path:
    """Where new projects go when nobody says otherwise."""
    return user_documents_path() / APP


def free_folder(name: str, place: Path | None = None) -> Path:
    """A folder of this name that does not exist yet; a number is added where it does."""
    place = place or place_for_projects()
    tries = (place / (name if i == 1 else f"{name} {i}") for i in range(1, 100_000))
    return next(path for path in tries if not path.exists())
