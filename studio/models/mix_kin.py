"""Which shapes parts can be exchanged with: those whose latents mean the same, as they come from the same fit or model."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from engine.errors import StudioError
from engine.jobs import FitJob, GenerateJob, HealJob, InterpolateJob, MixJob, RerollJob, TrainJob
from engine.project import Project
from studio.models.cards import Cards
from studio.models.library import Card, Filter, Library
from studio.models.thumbnails import Thumbnails


class Kin(QObject):
    """Where the shapes of each run come from in the end, read from the jobs and remembered: they never change."""

    def __init__(self, project: Project) -> None:
        super().__init__()
        self._project = project
        self._known: dict[str, str] = {}

    def root(self, run: str) -> str:
        """The fit (or the model from elsewhere) that gives the shapes of a run their meaning; the run itself if unknown."""
        if run not in self._known:
            self._known[run] = run  # so that a circle of jobs, which only a broken project has, ends
            self._known[run] = self._look(run)
        return self._known[run]

    def _look(self, run: str) -> str:
        try:
            job = self._project.job(run)
        except (StudioError, OSError):  # a run that was imported, or whose folder is gone
            return run
        match job:
            case FitJob(model=model):
                return self.root(model) if model else run
            case TrainJob(fit=fit):
                return self.root(fit)
            case GenerateJob(model=model):
                return self.root(model)
            case MixJob(base=shape) | HealJob(shape=shape) | RerollJob(shape=shape):
                return self.root(shape.partition("/")[0])
            case InterpolateJob(shapes=shapes):
                return self.root(shapes[0].partition("/")[0])
        return run


class Donors(Cards):
    """The shelf: cards of shapes that have a part and can give it. A lazy list, as the library's own."""

    def __init__(self, library: Library, thumbnails: Thumbnails) -> None:
        self._fits: Callable[[Card], bool] = lambda card: False
        super().__init__(library, thumbnails, Filter(kinds=("shape",)))

    def offer(self, part: str, fits: Callable[[Card], bool]) -> None:
        """Offer the shapes that have ``part`` and fit."""
        self._fits = fits
        self._filter = Filter(kinds=("shape",), part=part)
        self._read()

    def _read(self) -> None:
        self.beginResetModel()
        self._rows = [card for card in self._library.shown(self._filter) if self._fits(card)]
        self._place = {card.name: row for row, card in enumerate(self._rows)}
        self.endResetModel()
        self.counted.emit(len(self._rows))


class Tray(Cards):
    """Cards of the shapes that are named, in their order: the variants of a reroll."""

    shown_changed = Signal()

    def __init__(self, library: Library, thumbnails: Thumbnails) -> None:
        self._names: tuple[str, ...] = ()
        super().__init__(library, thumbnails)

    def show_names(self, names: tuple[str, ...]) -> None:
        """Show these; those that the library does not know yet come when it does."""
        self._names = names
        self._read()
        self.shown_changed.emit()

    def _read(self) -> None:
        self.beginResetModel()
        self._rows = [card for name in self._names if (card := self._library.card(name)) is not None]
        self._place = {card.name: row for row, card in enumerate(self._rows)}
        self.endResetModel()
        self.counted.emit(len(self._rows))
