"""Steps 3 and 4 of the Train panel: train, go on, fork; and draw from what came of it."""

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QSpinBox, QWidget

from engine.methods import name_of
from studio.models.form import Form
from studio.models.make import Make
from studio.models.opened import OpenProject
from studio.models.train import Train
from studio.models.train_methods import METHODS
from studio.models.train_runs import Training
from studio.views.train_fit import FORM_HEIGHT, fill
from studio.views.train_step import Running, Step, in_row, in_rows, say, time_words
from studio.widgets.narrow_choice import NarrowChoice
from studio.widgets.rows import Rows
from studio.widgets.words import button, label, line

MOST_STEPS = 10_000_000
MORE_STEPS = 1_000


class TrainStep(Step):
    """Bound to a `Train`. ``form_view`` makes the widget of a form."""

    def __init__(self, train: Train, form_view: Callable[[Form], QWidget]) -> None:
        super().__init__(3, "Train")
        self._train, self._form_view = train, form_view
        self._form: QWidget | None = None
        self.steps = QSpinBox(minimum=1, maximum=MOST_STEPS, singleStep=500)
        self.steps.setAccessibleName("Steps")
        self.steps.setToolTip("More steps learn more; of few shapes too many learn copies")
        self.preview = QSpinBox(minimum=0, maximum=MOST_STEPS, singleStep=250)
        self.preview.setAccessibleName("Steps between previews")
        self.preview.setToolTip("Steps between pictures of a few samples; each costs a few seconds")
        self.more = button("More", self._unfold, "flat", "chevron-right", "All settings of the training")
        self.more.setCheckable(True)
        self.go = button("Train", train.start_training, "primary", tip="Put it into the queue")
        self.time = label(role="dim", wrap=True)
        self.running = Running()
        self.trainings = NarrowChoice()
        self.trainings.setAccessibleName("Training that is looked at")
        self.trainings.setToolTip("Which training is looked at")
        self.why = label(role="bad", wrap=True)
        self.resume = button("Go on with it", train.go_on, tip="From the newest checkpoint")
        self.further = QSpinBox(minimum=1, maximum=MOST_STEPS, value=MORE_STEPS, singleStep=500)
        self.further.setAccessibleName("Steps more")
        self.further.setToolTip("For how many more steps it goes on")
        for box in (self.steps, self.preview, self.further):
            box.setGroupSeparatorShown(True)
        self.preview.setSpecialValueText("never")
        self.longer = button(
            "Train longer",
            lambda: train.train_longer(self.further.value()),
            tip="The same run goes on for so many steps",
        )
        self.fork = button(
            "Fork",
            lambda: train.start_training(fork=True),
            tip="A new training with these settings that starts from the weights of the one below",
        )
        self.longer_time = label(role="dim", wrap=True)
        self._build()
        self._bind()
        self.draw()

    def _build(self) -> None:
        form = Rows()
        form.row("Steps", self.steps)
        form.row("Previews every", self.preview)
        self.body.addLayout(form)
        self.body.addLayout(in_rows(self.more))
        self._extra = in_row()
        self.body.addLayout(self._extra)
        self.body.addWidget(self.time)
        self.body.addLayout(in_rows(self.go, self.fork))
        self.body.addWidget(self.running)
        self._line = line()
        self.body.addWidget(self._line)
        self.body.addWidget(self.trainings)
        self.body.addWidget(self.why)
        self.body.addLayout(in_rows(self.resume))
        self.body.addLayout(in_rows(self.further, self.longer))
        self.body.addWidget(self.longer_time)

    def _bind(self) -> None:
        train = self._train
        self.steps.valueChanged.connect(lambda value: self._put("train.steps", value))
        self.preview.valueChanged.connect(lambda value: self._put("train.preview_every", value))
        self.further.valueChanged.connect(self._say_longer)
        self.trainings.activated.connect(lambda i: train.choose_training(self.trainings.itemData(i)))
        train.changed.connect(self.draw)
        train.progressed.connect(self._progress)
        train.formed.connect(self._reform)

    def draw(self) -> None:
        """Show what the model holds."""
        train, looked = self._train, self._train.training
        obstacle = train.train_obstacle
        words = ("waits" if train.waits(looked.run) else _state_words(looked)) if looked else ""
        self.show_state(train.model is not None, words, obstacle, "warn")
        form = train.train_form
        for box, key in ((self.steps, "train.steps"), (self.preview, "train.preview_every")):
            box.setEnabled(form is not None)
            if form and not form.error(key) and box.value() != form.value(key):
                box.setValue(form.value(key))
        self.more.setEnabled(form is not None)
        self.go.setEnabled(not obstacle)
        say(self.time, "" if obstacle else time_words(*train.train_cost()), "dim")
        fill(self.trainings, [(_title(one), one.run) for one in train.runs.trainings], looked.run if looked else "")
        for widget in (self._line, self.trainings, self.further, self.longer, self.fork):
            widget.setVisible(looked is not None)
        failed = looked is not None and looked.state == "failed"
        say(self.why, looked.reason.partition("\n")[0] if looked and failed else "", "bad")
        self.resume.setVisible(train.can_go_on)
        for widget in (self.further, self.longer, self.fork):
            widget.setEnabled(not train.longer_obstacle)
        self.fork.setEnabled(not train.longer_obstacle and not obstacle)
        self._say_longer()
        self._progress()

    def _say_longer(self, *_: object) -> None:
        train = self._train
        told = train.longer_obstacle or time_words(*train.longer_cost(self.further.value()))
        say(self.longer_time, told if train.training else "", "dim")

    def _progress(self) -> None:
        self.running.show_task(self._train.task("train"))

    def _put(self, key: str, value: int) -> None:
        if self._train.train_form:
            self._train.train_form.put(key, value)

    def _unfold(self) -> None:
        if self._form is None:
            self._make_form()
        else:
            self._form.setVisible(self.more.isChecked())

    def _make_form(self) -> None:
        if self._train.train_form:
            self._form = self._form_view(self._train.train_form)
            self._form.setMinimumHeight(FORM_HEIGHT)
            self._extra.addWidget(self._form)
            self._form.setVisible(self.more.isChecked())

    def _reform(self, which: str) -> None:
        """Another fit has other settings."""
        if which == "train" and self._form is not None:
            self._form.hide()
            self._form.deleteLater()
            self._make_form()


class DrawStep(Step):
    """``asked`` when the Make workspace is wanted, with the model chosen in it."""

    asked = Signal()

    def __init__(self, opened: OpenProject, train: Train) -> None:
        super().__init__(4, "Draw from it")
        self._make, self._train = opened.model(Make), train
        self.go = button("Draw shapes…", self._go, "primary", tip="Opens Make with this model chosen")
        self.time = label(role="dim", wrap=True)
        self.body.addWidget(self.time)
        self.body.addLayout(in_rows(self.go))
        train.changed.connect(self.draw)
        self.draw()

    def draw(self) -> None:
        """Show whether there is a model."""
        model = self._train.model
        count = self._make.count
        hint = f"{model.run} is ready: it stands in Make beside the models that come with the program." if model else ""
        self.show_state(False, "ready" if model else "", hint or "Train a model first.", "" if model else "warn")
        self.go.setEnabled(model is not None)
        seconds = self._train.draw_seconds(count)
        say(
            self.time,
            f"{count} shapes: {time_words(seconds)[0].lower()}{time_words(seconds)[1:]}" if model else "",
            "dim",
        )

    def _go(self) -> None:
        if self._train.hand_over():
            self.asked.emit()


def _title(training: Training) -> str:
    settings = training.job.settings
    return f"{training.run}: {METHODS[name_of(settings)][0].lower()}, {settings.train.steps:,} steps"


def _state_words(training: Training) -> str:
    states = {"finished": "trained", "failed": "did not finish", "cancelled": "stopped", "queued": "waits"}
    return states.get(training.state, training.state)
