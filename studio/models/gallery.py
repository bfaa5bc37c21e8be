"""What the gallery shows: the shapes of the generation that was asked for last, while they form and when they are there."""

from collections.abc import Mapping

from PySide6.QtCore import QTimer, Signal

from engine.jobs import GenerateJob, Job
from engine.mailbox import Preview
from engine.shipped import PREFIX, is_shipped
from engine.text.asking import prompt_of
from studio.models.forming import KIND, FormingCards
from studio.models.library import Filter
from studio.models.make import Make
from studio.models.opened import OpenProject, ProjectModel
from studio.models.queue import ENDED
from studio.models.task import ALMOST
from studio.models.titles import counted, duration, stage_words, title_of
from studio.models.train_methods import CLOUDS

NO_RUN = "-"  # no run has this name
LOOK_MS = 500  # from news of finished shapes to a look at the project for them: several come at once


class Gallery(ProjectModel):
    """Follows the newest generation. ``changed`` when there is something else to say about it."""

    changed = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self.run = ""
        self.beside = False  # whether shapes are shown with the training shape that they are nearest to
        self._clouds = ""  # the run that makes clouds, which are kept as they are when it is stopped
        self._look = QTimer(self, singleShot=True, interval=LOOK_MS)
        self._look.timeout.connect(opened.library.refresh)
        self.cards = FormingCards(opened.library, opened.thumbnails, Filter(run=NO_RUN))
        self._asked = opened.model(Make).left  # runs that are followed when they begin, unless another one is going on
        opened.model(Make).asked.connect(self._begin)
        opened.model(Make).more_asked.connect(self._asked.add)
        opened.queue.changed.connect(self._go_to_next)
        opened.queue.changed.connect(self.changed)
        opened.queue.progressed.connect(lambda _: self.changed.emit())
        opened.library.changed.connect(self._arrive)
        opened.session.pictured.connect(self._form)
        self.cards.counted.connect(lambda _: self.changed.emit())

    def _begin(self, run: str) -> None:
        self._asked.add(run)
        self.follow(run)

    def _go_to_next(self) -> None:
        """Of several that were asked for, the one that is being made is shown."""
        running, followed = self._opened.queue.running, self._opened.queue.task(self.run)
        if running is None or running.run not in self._asked or running.run == self.run:
            return
        if followed is None or followed.state in ENDED:
            self.follow(running.run)

    def follow(self, run: str) -> None:
        """Show the shapes of this run from now on; those of the run before stay until it has some."""
        self.run = run
        if self.cards.filter.run == NO_RUN:
            self.cards.show(Filter(run=run))
        self.changed.emit()

    @property
    def words(self) -> str:
        """One line on what is shown, or on what is coming."""
        task = self._opened.queue.task(self.run)
        if task is None or not self.run:
            return ""
        title = title_of(task.job)
        seed = f"  ·  made with seed {task.job.seed}" if isinstance(task.job, GenerateJob) else ""
        match task.state:
            case "waiting":
                return f"{title}{seed}"
            case "running":
                if self._ready_of(task.job):
                    return f"{self.cards.ready} of {self.cards.rowCount()} shapes are ready{seed}"
                left = f"  ·  {duration(task.seconds_left)} left" if task.seconds_left else ""
                return f"{title}{seed}  ·  {stage_words(task.stage) or 'starting'}{left}"
            case "failed":
                return f"{title}  ·  did not finish: {task.text}"
            case "finished":
                made = counted(task.job.count, _kind(task.job)) if isinstance(task.job, GenerateJob) else title
                return f"{made}{seed}{_drawn_again(task.result)}"
            case "cancelled":
                return f"Stopped: {self._kept}{seed}"
        return f"{title}{seed}  ·  {task.state}"

    def _ready_of(self, job: Job) -> float:
        """Share of the shapes that are finished; 0 of what does not tell."""
        if not isinstance(job, GenerateJob) or not job.whole or self.cards.coming != job.run:
            return 0.0
        return self.cards.ready / job.count

    @property
    def _kept(self) -> str:
        """What is left of a run that was stopped."""
        there, task = len(self._opened.library.shown(Filter(run=self.run))), self._opened.queue.task(self.run)
        wanted = task.job.count if task and isinstance(task.job, GenerateJob) else there
        return f"{there} of {counted(wanted, 'shape')} kept" if there else "no shape was finished yet"

    @property
    def can_stop(self) -> bool:
        """Whether there is something to stop."""
        task = self._opened.queue.task(self.run)
        return task is not None and task.state in ("waiting", "running", "paused")

    @property
    def stop_words(self) -> str:
        """What stopping does now."""
        kept = self.cards.begun if self._clouds == self.run else self.cards.ready
        return f"Stop, keep {kept}" if kept and self.cards.coming == self.run else "Stop"

    def stop(self) -> None:
        """Make no more; what is finished is kept, and clouds as they are."""
        self._opened.queue.cancel(self.run)

    @property
    def can_go_on(self) -> bool:
        """Whether it was stopped before all shapes were there."""
        task = self._opened.queue.task(self.run)
        return task is not None and task.state == "cancelled"

    @property
    def go_on_words(self) -> str:
        """What going on does: clouds are all there when it is stopped, but not as they would have become."""
        task = self._opened.queue.task(self.run)
        wanted = task.job.count if task and isinstance(task.job, GenerateJob) else 0
        there = self._opened.library.shown(Filter(run=self.run))
        return "Draw to the end" if wanted and len(there) >= wanted else "Make the rest"

    def go_on(self) -> None:
        """Make the rest after all."""
        for card in self._opened.library.shown(Filter(run=self.run)):
            self._opened.thumbnails.forget(card.name)  # clouds become others than they were when stopped
        self._opened.queue.retry(self.run)

    def look_at(self, name: str) -> None:
        """Show a shape, with its nearest training shape if that is wanted and known."""
        card = self._opened.library.card(name)
        self._opened.current.show(name, card.nearest if card and self.beside else "")

    def set_beside(self, beside: bool) -> None:
        """Show shapes with the training shapes that they are nearest to, or alone."""
        self.beside = beside
        if self._opened.current.shape:
            self.look_at(self._opened.current.shape)
        self.changed.emit()

    @property
    def nearest_words(self) -> str:
        """What can be said of the nearest training shape of what is looked at; "" where none is known."""
        card = self._opened.library.card(self._opened.current.shape)
        return card.hint if card and card.nearest else ""

    @property
    def has_nearest(self) -> bool:
        """Whether there may be a nearest training shape to see: those that a shipped model of clouds learned are not here."""
        card = self._opened.library.card(self._opened.current.shape)
        return self.cards.rowCount() > 0 and not (card and card.cloud and not card.nearest)

    @property
    def details(self) -> str:
        """What else the engine said that affects the result, a line each."""
        task = self._opened.queue.task(self.run)
        return "\n".join(task.warnings) if task else ""

    @property
    def hint(self) -> str:
        """What to do while there is nothing to show."""
        if not self._opened.model(Make).sources:
            return "There is no model in this project yet."
        task = self._opened.queue.task(self.run)
        if task and task.state in ("waiting", "running", "paused"):
            return "The shapes appear here."
        if self._opened.model(Make).reads:
            return "Say on the right what it should be, and press Enter."
        return "Choose a model on the right and press Generate."

    @property
    def share(self) -> float | None:
        """How far a run that is coming is; None when none is, or while that is not known."""
        task = self._opened.queue.task(self.run)
        if task is None or task.state != "running":
            return None
        ready = min(self._ready_of(task.job), ALMOST)
        return max(ready, task.share or 0.0) or None

    def _form(self, run: str, preview: Preview) -> None:
        """The newest pictures of what the run that is followed makes."""
        task = self._opened.queue.task(run)
        if run != self.run or preview.kind != KIND or task is None or not isinstance(task.job, GenerateJob):
            return
        if self.cards.coming != run:
            self.cards.begin(run, task.job.count, f"{_kind(task.job).capitalize()} {self._number(run)}")
        self._clouds = run if "points" in preview.arrays else ""
        before = self.cards.ready
        self.cards.take(preview.arrays)
        if self.cards.ready > before and not self._look.isActive():
            self._look.start()
        self.changed.emit()

    def _number(self, run: str) -> int:
        """Which of all runs it is, as titles of shapes have it."""
        runs = sorted(
            (card for card in self._opened.library.cards if card.kind == "run"), key=lambda card: card.ordered
        )
        return next((number for number, card in enumerate(runs, 1) if card.name == run), len(runs) + 1)

    def _arrive(self) -> None:
        """At the first start of a project the newest generation is shown; later, what has come of the one followed."""
        newest = next((card for card in self._opened.library.cards if card.operation == "generated"), None)
        if not self.run and newest:
            self.run = newest.run
        if self.run and self._opened.library.shown(Filter(run=self.run)):
            self.cards.show(Filter(run=self.run))
        task = self._opened.queue.task(self.cards.coming)
        if task is None or task.state in ENDED:
            self.cards.end()
        current = self._opened.current
        if self.beside and current.shape and not current.beside:
            self.look_at(current.shape)  # what it is nearest to may be known by now
        self.changed.emit()


def _kind(job: GenerateJob) -> str:
    """What a generation makes, as far as that is known before."""
    own = job.model.removeprefix(PREFIX).partition("@")[0] if is_shipped(job.model) else "shape"
    return "cloud" if own == CLOUDS or prompt_of(job.changes) else job.category or own


def _drawn_again(result: Mapping[str, object]) -> str:
    """What a generation says of its draws: how many it made again, and how many shapes are not as they were asked for."""
    again, missed = result.get("drawn_again"), result.get("missed")
    words = f"  ·  {again} drawn again" if isinstance(again, int) and again else ""
    return words + (f"  ·  {len(missed)} not as asked" if isinstance(missed, list) and missed else "")
