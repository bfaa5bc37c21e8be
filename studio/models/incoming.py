"""What is dropped on the window: meshes, folders and archives come in, projects are opened, cards of shapes made again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace
from PySide6.QtCore import QMimeData

from engine.card import Card
from engine.errors import StudioError
from engine.jobs import GenerateJob, Job
from engine.shipped import is_shipped
from studio.models.opened import OpenProject
from studio.models.outgoing import PROJECT
from studio.models.titles import counted

LARGEST_CARD = 1 << 20  # bytes; real ones have a few thousand
HEADER = "project.json"


@dataclass(frozen=True)
class Dropped:
    """What was found among paths. ``project`` is opened, if there is one, and all else left."""

    project: Path | None
    cards: tuple[Card, ...]
    files: tuple[Path, ...]

    @property
    def words(self) -> str:
        """What will be done with it."""
        if self.project:
            return f"Open the project {self.project.name}"
        if self.cards and not self.files:
            return f"Make {self.cards[0].shape if len(self.cards) == 1 else counted(len(self.cards), 'shape')} again"
        return f"Bring in {self.files[0].name if len(self.files) == 1 else f'{len(self.files):,} files and folders'}"


def paths_in(data: QMimeData, own: Path | None) -> list[Path]:
    """Files and folders that are dragged, in order; none where they are cards of the project ``own``."""
    if not data.hasUrls() or (data.hasFormat(PROJECT) and not is_foreign(data, own)):
        return []
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def is_foreign(data: QMimeData, own: Path | None) -> bool:
    """Whether what is dragged comes from a window with another project."""
    return data.hasFormat(PROJECT) and bytes(data.data(PROJECT).data()).decode() != str(own)


def sort_out(paths: Sequence[Path]) -> Dropped:
    """What these files and folders are."""
    folders = [path.parent if path.name == HEADER else path for path in paths]
    project = next((folder for folder in folders if _is_project(folder)), None)
    cards = {path: card for path in paths if (card := read_card(path))}
    return Dropped(project, tuple(cards.values()), tuple(path for path in paths if path not in cards))


def read_card(path: Path) -> Card | None:
    """The card of a shape, if the file holds one."""
    if path.suffix.lower() != ".json":
        return None
    try:
        if path.stat().st_size > LARGEST_CARD:
            return None
        card = msgspec.json.decode(path.read_bytes(), type=Card)
    except (OSError, msgspec.DecodeError):  # a folder, or nothing that may be read: the import says what it is
        return None
    return card if card.shape else None


def take_card(opened: OpenProject, card: Card) -> None:
    """Show the shape that a card tells of where the project has it; else make it again, as far as the card alone can."""
    job = _job_of(card)
    if opened.library.card(card.shape) and job == _kept_job(opened, card.shape):
        opened.current.choose((card.shape,))
        opened.current.show(card.shape)
    elif isinstance(job, GenerateJob) and is_shipped(job.model):
        opened.submit(replace(job, run=""))
    else:
        opened.troubles.tell(
            f"{card.shape} was {card.operation} from what this project does not have; "
            "drop the GLB that was exported of it, which carries its parts"
        )


def _is_project(folder: Path) -> bool:
    try:
        return (folder / HEADER).is_file()
    except OSError:  # it may not be looked into
        return False


def _job_of(card: Card) -> Job | None:
    try:
        return msgspec.convert(card.job, Job)
    except msgspec.ValidationError:
        return None


def _kept_job(opened: OpenProject, shape: str) -> Job | None:
    try:
        return opened.project.job(shape.partition("/")[0])
    except (StudioError, OSError):
        return None
