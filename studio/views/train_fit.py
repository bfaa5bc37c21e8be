"""Step 2 of the Train panel: a method, what to fit, and the shapes with what the quality gate says of them."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSignalBlocker
from PySide6.QtWidgets import QComboBox, QWidget

from studio.models.form import Form
from studio.models.titles import counted
from studio.models.train import Train
from studio.models.train_methods import METHODS, PRESETS
from studio.models.train_with_model import ABOUT, TITLE, WAYS
from studio.views.train_gate import GateList
from studio.views.train_step import Running, Step, in_row, in_rows, say, time_words
from studio.widgets.narrow_choice import NarrowChoice
from studio.widgets.rows import Rows
from studio.widgets.words import button, label

FORM_HEIGHT = 340


class FitStep(Step):
    """Bound to a `Train`. ``form_view`` makes the widget of a form."""

    def __init__(self, train: Train, form_view: Callable[[Form], QWidget]) -> None:
        super().__init__(2, "Fit")
        self._train, self._form_view = train, form_view
        self._form: QWidget | None = None
        self.method, self.category, self.preset = QComboBox(), QComboBox(), QComboBox()
        self.model, self.way = NarrowChoice(), QComboBox()
        self.method.addItem(TITLE, "")
        for name, (title, _) in METHODS.items():
            self.method.addItem(title, name)
        for steps, (words, _) in WAYS.items():
            self.way.addItem(words, steps)
        self.about, self.about_way = label(role="dim", wrap=True), label(role="dim", wrap=True)
        self.more = button("More", self._unfold, "flat", "chevron-right", "All settings of the fit")
        self.more.setCheckable(True)
        self.go = button("Fit", train.start_fit, "primary", tip="Put it into the queue")
        self.mix = button("Mix them", train.mix_fitted, tip="Begin a mix with the first of these shapes")
        self.time = label(role="dim", wrap=True)
        self.running = Running()
        self.fits = NarrowChoice()
        self.gate = GateList(train)
        self._build()
        self._bind()
        self.draw()

    def _build(self) -> None:
        self._rows = form = Rows()
        form.row("Method", self.method)
        form.addRow("", self.about)
        form.row("Model", self.model)
        form.row("The model", self.way)
        form.addRow("", self.about_way)
        form.row("Category", self.category)
        form.row("Settings", self.preset)
        self.body.addLayout(form)
        self.body.addLayout(in_rows(self.more))
        self._extra = in_row()
        self.body.addLayout(self._extra)
        self.body.addWidget(self.time)
        self.body.addLayout(in_rows(self.go, self.mix))
        self.body.addWidget(self.running)
        self.body.addWidget(self.fits)
        self.body.addWidget(self.gate)
        for name, widget, tip in (
            ("Method", self.method, "How a mesh becomes numbers that a model can learn from"),
            (
                "Model whose shapes they become",
                self.model,
                "It needs named parts; those that know your category do best",
            ),
            ("What becomes of the model", self.way, "Whether the model is kept as it is, or learns your shapes"),
            ("Category", self.category, "Which shapes are fitted"),
            (
                "Settings to start from",
                self.preset,
                "Quick ones for a look, the others for the best that the method can do",
            ),
            ("Fit that is trained on", self.fits, "Which fit is trained on"),
            (
                "Fitted shapes, those set aside first",
                self.gate,
                "What is set aside, or not ticked, is not learned from",
            ),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)

    def _bind(self) -> None:
        train = self._train
        self.method.activated.connect(lambda i: train.choose_method(self.method.itemData(i)))
        self.model.activated.connect(lambda i: train.with_model.choose(self.model.itemData(i)))
        self.way.activated.connect(lambda i: train.with_model.choose_way(self.way.itemData(i)))
        self.category.activated.connect(lambda i: train.choose_category(self.category.itemData(i)))
        self.preset.activated.connect(lambda i: train.choose_preset(self.preset.itemData(i)))
        self.fits.activated.connect(lambda i: train.choose_fit(self.fits.itemData(i)))
        train.changed.connect(self.draw)
        train.progressed.connect(self._progress)
        train.formed.connect(self._reform)

    def draw(self) -> None:
        """Show what the model holds."""
        train, fit = self._train, self._train.fit
        obstacle = train.fit_obstacle
        done = fit is not None and bool(fit.accepted)
        out = sum(train.is_left_out(shape) for shape in fit.accepted) if fit else 0
        words = f"{len(fit.accepted):,} fitted, {len(fit.set_aside):,} set aside" if fit else ""
        words += f", {out:,} left out" if out else ""
        self.show_state(done, words, obstacle or train.fit_advice, "warn" if obstacle or train.fit_advice else "")
        self._draw_method()
        fill(self.preset, [(words, name) for name, words in PRESETS[train.method].items()], train.preset)
        known = train.categories
        offered = [(f"All ({sum(known.values()):,})", "")]
        offered += [(f"{name.capitalize()} ({n:,})", name) for name, n in known.items() if name]
        fill(self.category, offered, train.category)
        self.category.setEnabled(len(offered) > 1)
        self.go.setEnabled(not obstacle)
        self.go.setText(f"Fit {counted(train.to_fit, 'shape')}" if train.to_fit else "Fit")
        say(self.time, "" if obstacle or train.by_model else time_words(*train.fit_cost()), "dim")
        self.mix.setVisible(done and fit is not None and bool(fit.job.model))
        finished = [one for one in train.runs.fits if one.state == "finished"]
        titles = [
            (f"{one.run}: {counted(len(one.accepted), 'shape')}{', with a model' * bool(one.job.model)}", one.run)
            for one in finished
        ]
        fill(self.fits, titles, fit.run if fit else "")
        self.fits.setVisible(len(finished) > 1)
        self.gate.draw()
        self._progress()

    def _draw_method(self) -> None:
        """What there is to choose of a method, or of the model that is fitted with."""
        train, own = self._train, self._train.with_model
        self.method.setCurrentIndex(self.method.findData("" if train.by_model else train.method))
        self.about.setText(ABOUT if train.by_model else METHODS[train.method][1])
        source = own.source(train.chosen)
        fill(self.model, [(one.title, one.name) for one in own.sources], source.name if source else "")
        self.way.setCurrentIndex(self.way.findData(own.fine_tune))
        self.about_way.setText(WAYS[own.fine_tune][1])
        for field in (self.model, self.way, self.about_way):
            self._rows.setRowVisible(field, train.by_model)
        self._rows.setRowVisible(self.preset, not train.by_model)
        self.more.setVisible(not train.by_model)
        if self._form:
            self._form.setVisible(self.more.isChecked() and not train.by_model)

    def changeEvent(self, event: QEvent) -> None:
        """The gate in the colours of another theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "gate"):
            self.gate.draw(anew=True)

    def _progress(self) -> None:
        self.running.show_task(self._train.task("fit"))

    def _unfold(self) -> None:
        if self._form is None:
            self._make_form()
        elif self._form:
            self._form.setVisible(self.more.isChecked())

    def _make_form(self) -> None:
        self._form = self._form_view(self._train.fit_form)
        self._form.setMinimumHeight(FORM_HEIGHT)
        self._extra.addWidget(self._form)
        self._form.setVisible(self.more.isChecked())

    def _reform(self, which: str) -> None:
        """Another method has other settings."""
        if which == "fit" and self._form is not None:
            self._form.hide()
            self._form.deleteLater()
            self._make_form()


def fill(box: QComboBox, offered: list[tuple[str, str]], chosen: str) -> None:
    """Offer (words, value) and choose a value, without a signal."""
    with QSignalBlocker(box):
        if [(box.itemText(i), box.itemData(i)) for i in range(box.count())] != offered:
            box.clear()
            for words, value in offered:
                box.addItem(words, value)
        box.setCurrentIndex(box.findData(chosen))
