"""What is made of a mixture: it is kept, healed, a part of it is drawn anew; what comes of it arrives in the library."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from engine.jobs import HealJob, Job, RerollJob
from studio.models.cards import Cards
from studio.models.library import Card, Library
from studio.models.mix_jobs import MixJobs
from studio.models.mix_state import MixState
from studio.models.thumbnails import Thumbnails

VARIANTS = 4


class MixWork(QObject):
    """drawn : something is waited for, or no longer; made(shape, export) : as of `Mix`. ``tray`` : the variants."""

    drawn = Signal()
    made = Signal(str, bool)

    def __init__(
        self, jobs: MixJobs, library: Library, thumbnails: Thumbnails, healed: Callable[[str, str], None]
    ) -> None:
        """healed : gets the shape that healing made, and the one that it was made of."""
        super().__init__()
        self._jobs, self._library, self._on_healed = jobs, library, healed
        self.tray = Tray(library, thumbnails)
        self._heals = False
        self._sick = ""  # the shape that is healed
        self.drawn_part = ""  # of which the tray holds variants
        self._coming: dict[str, bool] = {}  # shapes that were made and that the library does not know yet; see ``made``
        library.changed.connect(self._read)

    @property
    def waiting(self) -> str:
        """The run that draws variants or heals, "" = none."""
        return self._jobs.waiting

    @property
    def is_healing(self) -> bool:
        """Whether that run heals."""
        return bool(self.waiting) and self._heals

    def is_kept(self, state: MixState) -> bool:
        """Whether this very mixture is kept as a shape, or about to be."""
        return self._jobs.is_kept(state)

    def is_now(self, state: MixState, shape: str) -> bool:
        """Whether a shape is what this very mixture is."""
        return self._jobs.shape_of(state) == shape

    def keep(self, state: MixState, export: bool = False) -> None:
        """Make a mixture a shape that is kept; a base that is no draft is one already. ``export`` : it is to be exported."""
        if state.mixture.changed or export or not self.is_kept(state):
            self._jobs.keep(state, lambda shapes: self._arrive(shapes[0], export))

    def heal(self, state: MixState) -> None:
        """Let the parts fit together."""
        self._heals = True

        def make(shape: str) -> Job:
            self._sick = shape
            return HealJob(shape=shape)

        self._jobs.work(state, make, self._healed)
        self.drawn.emit()

    def reroll(self, state: MixState, part: str) -> None:
        """Draw a part anew."""
        self._heals, self.drawn_part = False, part
        self._jobs.work(state, lambda shape: RerollJob(shape=shape, parts=(part,), count=VARIANTS), self._draw)
        self.drawn.emit()

    def resume(self, state_of: Callable[[str], str]) -> None:
        """Wait again for what an earlier window healed or drew; ``state_of`` : as in MixJobs.restore."""
        if self._jobs.restore(state_of, self._then):
            self.drawn.emit()

    def ended(self, run: str, shapes: tuple[str, ...]) -> None:
        """A job ended; ``shapes`` are what it made, none where it failed."""
        if self._jobs.ended(run, shapes):
            self.drawn.emit()

    # inside ----------------------------------------------------------------------------------------------------------
    def _then(self, job: Job) -> Callable[[tuple[str, ...]], None]:
        self._heals = isinstance(job, HealJob)
        if isinstance(job, HealJob):
            self._sick = job.shape
        if isinstance(job, RerollJob):
            self.drawn_part = job.parts[0]
        return self._healed if self._heals else self._draw

    def _draw(self, shapes: tuple[str, ...]) -> None:
        self.tray.show_names(shapes)

    def _healed(self, shapes: tuple[str, ...]) -> None:
        self._on_healed(shapes[0], self._sick)
        self._arrive(shapes[0])

    def _arrive(self, shape: str, export: bool = False) -> None:
        """A shape was made; where the library does not know it yet, it hears of it next."""
        if self._library.card(shape):
            self.made.emit(shape, export)
        else:
            self._coming[shape] = export or self._coming.get(shape, False)

    def _read(self) -> None:
        for shape in [one for one in self._coming if self._library.card(one)]:
            self.made.emit(shape, self._coming.pop(shape))


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

    def _found(self) -> list[Card]:
        return [card for name in self._names if (card := self._library.card(name)) is not None]
