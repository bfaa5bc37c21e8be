"""The way from meshes to a model in four steps: bring in, fit, train, draw. What is done, and what stands in the way."""

from pathlib import Path

from msgspec.structs import fields, replace
from PySide6.QtCore import Signal

from engine.errors import StudioError
from engine.jobs import FitJob, Job, TrainJob
from engine.protocol import Finished, Metric, Saved
from engine.rows import ShapeRow
from studio.models.curves import Curves
from studio.models.form import Form
from studio.models.make import Make
from studio.models.opened import OpenProject
from studio.models.task import Task
from studio.models.train_fitting import Fitting
from studio.models.train_methods import OF_TRAINING
from studio.models.train_runs import Cost, Runs, Told, Training, read_runs

LEAST = 2  # shapes that can be trained on


class Train(Fitting):
    """The state of the panel. progressed() : what runs got on; pictured() : there are other previews"""

    progressed = Signal()
    pictured = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self.curves = Curves(self)
        self.ready = False
        self.train_form: Form | None = None
        self._formed_for = self._chosen_run = ""
        self.previews: tuple[Path, ...] = ()
        self._drawn: set[str] = set()  # runs whose curves were asked for
        self._told: Told = {}
        opened.library.changed.connect(self.refresh)
        opened.queue.progressed.connect(lambda _: self.progressed.emit())
        opened.session.said.connect(self._hear)
        self.curves.failed.connect(opened.troubles.tell)
        self.refresh()

    def refresh(self) -> None:
        """Read the runs anew, in the background."""
        folder, told = self._opened.folder, self._told
        self._opened.background.do(lambda: read_runs(folder, told), self._take, self._opened.troubles.tell_error)

    # step 2: fit -----------------------------------------------------------------------------------------------------
    def choose_fit(self, run: str) -> None:
        """Train on another fit."""
        self._chosen_fit = run
        self._settle()

    def start_fit(self) -> str:
        """Put a fit into the queue; returns its run, "" when that failed."""
        return self._submit(self.fit_job())

    # step 3: train ---------------------------------------------------------------------------------------------------
    @property
    def training(self) -> Training | None:
        """The training that is looked at: the chosen one, else the newest."""
        chosen = (one for one in self.runs.trainings if one.run == self._chosen_run)
        return next(chosen, next(iter(self.runs.trainings), None))

    def choose_training(self, run: str) -> None:
        """Look at another training."""
        self._chosen_run = run
        self._settle()

    @property
    def train_obstacle(self) -> str:
        """Why nothing can be trained now; "" when it can."""
        if self.fit is None:
            return "Wait for the fit." if self.task("fit") else "Fit the shapes first."
        known = {item.id for item in self.bring.items if item.split == "train"}
        good = sum(shape.item in known for shape in self.fit.accepted)
        if sum(shape.item in known and not self.is_left_out(shape) for shape in self.fit.accepted) < LEAST <= good:
            return "Too few shapes are left to learn from: tick some more in step 2."
        if good < LEAST:
            return f"{good} of its shapes passed the gate and are for training; fit more shapes, or fit them longer."
        if self.train_form is None or self.train_form.settings is None:
            return "A setting under More needs another value."
        return ""

    def train_job(self, fork: str = "") -> TrainJob | None:
        """What would be put into the queue; ``fork`` : the training whose weights it starts from."""
        if self.train_obstacle or self.fit is None or self.train_form is None:
            return None
        out = tuple(shape.item for shape in self.fit.accepted if self.is_left_out(shape))
        return TrainJob(settings=self.train_form.settings, fit=self.fit.run, fork=fork, without=out)

    def train_cost(self) -> Cost:
        """What that takes, by earlier trainings."""
        settings = self.train_form.settings if self.train_form else None
        return Cost() if settings is None else self.runs.speeds.train(settings, settings.train.steps)

    def start_training(self, fork: bool = False) -> str:
        """Put a training into the queue; a fork starts from the training that is looked at."""
        return self._submit(self.train_job(self.training.run if fork and self.training else ""))

    @property
    def longer_obstacle(self) -> str:
        """Why the training that is looked at cannot be trained longer or forked now; "" when it can."""
        if self.training is None:
            return "There is no training yet."
        if self._active(self.training.run):
            return "It is still being trained."
        return "" if self.training.forkable else "It kept nothing to go on from."

    def train_longer(self, more: int) -> str:
        """Let the training that is looked at go on for ``more`` steps beyond those that it was set to; returns its run."""
        training = self.training
        if training is None or self.longer_obstacle:
            return ""
        settings = training.job.settings
        longer = replace(settings, train=replace(settings.train, steps=settings.train.steps + more))
        try:
            job = self._opened.project.extend(replace(training.job, settings=longer))
        except (StudioError, OSError) as error:
            self._opened.troubles.tell_error(error)
            return ""
        self._opened.queue.clear(training.run)
        return self._submit(job)

    def longer_cost(self, more: int) -> Cost:
        """What so many more steps take."""
        return self.runs.speeds.train(self.training.job.settings, more) if self.training else Cost()

    @property
    def can_go_on(self) -> bool:
        """Whether the training that is looked at was stopped before its end."""
        training = self.training
        return bool(training and training.state in ("failed", "cancelled") and not self._active(training.run))

    def go_on(self) -> str:
        """Go on with a training that was stopped, from what it saved."""
        if self.training is None or not self.can_go_on:
            return ""
        self._opened.queue.clear(self.training.run)
        return self._submit(self.training.job)

    # step 4: draw ----------------------------------------------------------------------------------------------------
    @property
    def model(self) -> Training | None:
        """The training that is drawn from: the one that is looked at, else the newest that has a model."""
        looked = self.training
        if looked and looked.model:
            return looked
        return next((one for one in self.runs.trainings if one.model), None)

    def draw_seconds(self, count: int) -> float | None:
        """How long so many shapes of the model take; None = unknown."""
        return self.runs.speeds.draw(self.model.run, count) if self.model else None

    def hand_over(self) -> bool:
        """Choose the model in the Make panel; whether there is one."""
        if self.model is None:
            return False
        make = self._opened.model(Make)
        make.refresh()
        make.choose(self.model.run)
        return True

    # what runs -------------------------------------------------------------------------------------------------------
    def task(self, *kinds: str) -> Task | None:
        """The first job of these kinds that runs or waits."""
        queue = self._opened.queue
        active = (task for task in (queue.running, *queue.waiting) if task)
        return next((task for task in active if task.job.__struct_config__.tag in kinds), None)

    def title(self, shape: ShapeRow) -> str:
        """What the library calls a fitted shape."""
        card = self._opened.library.card(shape.id)
        return card.title if card else shape.item

    def waits(self, run: str) -> bool:
        """Whether a run stands in the queue, not begun yet or set aside for another."""
        return any(task.run == run for task in self._opened.queue.waiting)

    def show(self, shape: ShapeRow) -> None:
        """Look at a fitted shape, beside the mesh that it was fitted to."""
        self._opened.current.show(shape.id, shape.item)

    def _active(self, run: str) -> bool:
        queue = self._opened.queue
        return any(task.run == run for task in (queue.running, *queue.waiting) if task)

    def _submit(self, job: Job | None) -> str:
        run = self._opened.submit(job) if job else ""
        if run and isinstance(job, TrainJob):
            self._chosen_run = run
        if run and isinstance(job, FitJob):
            self._chosen_fit = run
        self.refresh()
        return run

    def _hear(self, run: str, event: object) -> None:
        """Curves and previews as they come."""
        if isinstance(event, Metric):
            if run not in self._drawn:  # one that goes on has readings in its file, too
                self._read_curves(run)
            self.curves.add(run, event)
        elif isinstance(event, Saved) and event.kind == "preview":
            if self.training is None or self.training.run == run:
                self.previews = (*self.previews, Path(event.path))
                self.pictured.emit()
        elif isinstance(event, Finished):
            self.refresh()

    def _take(self, runs: Runs) -> None:
        self.ready = True
        self.runs = runs
        self._settle()

    def _settle(self) -> None:
        """Curves, previews and the form of what is chosen now."""
        for one in (self.fit, self.training):  # the last one is in front
            if one and one.run not in self._drawn:
                self._read_curves(one.run)
        fit, previews = self.fit, self.training.previews if self.training else ()
        if fit and fit.run != self._formed_for:
            self._formed_for = fit.run
            settings = fit.job.settings
            others = tuple(one.name for one in fields(settings) if one.name not in (*OF_TRAINING, "seed"))
            self.train_form = self._watched(Form(settings, leave_out=others))
            self.formed.emit("train")
        if previews != self.previews:
            self.previews = previews
            self.pictured.emit()
        self.changed.emit()

    def _read_curves(self, run: str) -> None:
        """Curves of a run; those of the other kind, whose steps are others, step back."""
        self._drawn.add(run)
        kind, _, number = run.rpartition("-")
        title = f"{'Fit' if kind == 'fit' else 'Training'} {int(number)}" if number.isdigit() else run
        self.curves.read(run, self._opened.project.run_folder(run) / "events.jsonl", title)
        for other in self.curves.runs:
            self.curves.hide(other, other.rpartition("-")[0] != kind)
