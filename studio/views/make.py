"""The Make panel: which model, what in words or of what kind, how many, and Generate."""

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QAction, QKeySequence, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from engine.conditions import ABSENT, PRESENT
from studio.icons import icon
from studio.models.make import MOST_COUNT, MOST_SEED, Make
from studio.models.opened import OpenProject
from studio.panel import Panel, in_menu
from studio.views.make_prompt import PromptBox
from studio.widgets.rows import Rows
from studio.widgets.tall_area import TallArea
from studio.widgets.words import Ground, button, label, line, tool

MOST_STEPS = 1_000
MOST_POINTS, MOST_CANDIDATES = 4_096, 16  # as many as a GenerateJob takes
FEW = 64  # shapes on the slider; more are typed
NAMES = 76  # pixels of the names on the left


class _Wish(QComboBox):
    """A choice that the wheel does not change while one scrolls past it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Left to what scrolls, unless somebody chooses here."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class MakeView(Ground):
    """Controls bound to a `Make`."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__()
        self._make = opened.model(Make)
        self.model, self.category = QComboBox(), QComboBox()
        self.about = label(role="dim", wrap=True)
        self.prompt = PromptBox(self._make.prompting)
        self.count, self.slider = QSpinBox(minimum=1, maximum=MOST_COUNT), QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(1, FEW)
        self.seed = QSpinBox(minimum=0, maximum=MOST_SEED)
        self.lock = tool("unlock", "Keep this seed: the same shapes again", checkable=True)
        self.dice = tool("dice", "Another seed")
        self.more = button("More", self._unfold, "flat", "chevron-right", "Steps, guidance, what is drawn again")
        self.more.setCheckable(True)
        self.steps = QSpinBox(minimum=1, maximum=MOST_STEPS)
        self.guidance = QDoubleSpinBox(minimum=0, maximum=20, singleStep=0.5, decimals=2)
        self.points = QSpinBox(minimum=0, maximum=MOST_POINTS, singleStep=256)
        self.points.setSpecialValueText("As the model draws")
        self.candidates = QSpinBox(minimum=1, maximum=MOST_CANDIDATES, suffix=" for each")
        self.candidates.setSpecialValueText("None: the first that come")
        self.whole = QCheckBox("Draw again what comes apart")
        self.go = button("Generate", lambda: self._make.generate(), "primary", tip="Put it into the queue (Ctrl+Enter)")
        self.clear = button("Clear", self._make.clear, "flat", tip="Ask for nothing in particular")
        self._questions: dict[str, QComboBox] = {}
        self._build()
        self._bind()
        self._actions(opened)
        self._make.changed.connect(self._draw)
        self._draw()

    def _build(self) -> None:
        ground = Ground()
        column = QVBoxLayout(ground)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(10)
        self._form = Rows(NAMES)
        self._form.row("Model", self.model)
        self._form.addRow("", self.about)
        self._form.row("Category", self.category)
        column.addLayout(self._form)
        column.addWidget(self.prompt)
        numbers = Rows(NAMES)
        numbers.row("Count", _row(self.slider, self.count))
        numbers.row("Candidates", self.candidates)
        numbers.row("Next seed", _row(self.seed, self.lock, self.dice))
        self._numbers = numbers
        column.addLayout(numbers)
        column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        self._extra = QWidget()
        extra = Rows(NAMES)
        self._extra.setLayout(extra)
        extra.setContentsMargins(0, 0, 0, 0)
        extra.row("Steps", self.steps)
        extra.row("Guidance", self.guidance)
        extra.row("Points", self.points)
        extra.addRow(self.whole)
        self._rows = extra
        self._extra.hide()
        column.addWidget(self._extra)
        self._between = line()
        column.addWidget(self._between)
        wishes = QHBoxLayout()
        self._wishes = label("What they should be", "heading")
        wishes.addWidget(self._wishes, 1)
        wishes.addWidget(self.clear)
        column.addLayout(wishes)
        self._asked = Rows(NAMES)
        column.addLayout(self._asked)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(TallArea(ground), 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(14, 10, 14, 12)
        foot.addWidget(self.go, 1)
        outer.addLayout(foot)

    def _bind(self) -> None:
        make = self._make
        self.model.activated.connect(lambda i: make.choose(self.model.itemData(i)))
        self.category.activated.connect(lambda i: make.set_category(self.category.itemData(i)))
        self.count.valueChanged.connect(make.set_count)
        self.slider.valueChanged.connect(make.set_count)
        self.seed.valueChanged.connect(make.set_seed)
        self.lock.toggled.connect(make.lock)
        self.dice.clicked.connect(make.roll)
        self.steps.valueChanged.connect(lambda: make.set_drawing(self.steps.value(), self.guidance.value()))
        self.guidance.valueChanged.connect(lambda: make.set_drawing(self.steps.value(), self.guidance.value()))
        self.points.valueChanged.connect(make.set_points)
        self.candidates.valueChanged.connect(make.set_candidates)
        self.prompt.entered.connect(lambda: make.generate())
        make.prompting.changed.connect(self._draw_points)
        self.whole.toggled.connect(make.set_whole)
        self.whole.setToolTip(
            "Shapes in several pieces, or without what was asked for, are drawn anew: up to 12 times each"
        )
        self.steps.setToolTip("Of drawing: more are slower and a little cleaner")
        self.guidance.setToolTip("How closely shapes follow what was asked for; 1 = off, at least 2 when something is")
        self.points.setToolTip("Of each cloud: more take longer, and show more of small things")
        self.candidates.setToolTip(
            "How many clouds are drawn for each one that is kept: the ones that go best with the prompt, best first"
        )
        names = {
            "Model": (self.model, "What draws the shapes: one that comes with the program, or one of your own"),
            "Category": (self.category, "What kind of shapes"),
            "Count": (self.count, "How many shapes"),
            "Count, slider": (self.slider, "How many shapes"),
            "Candidates": (self.candidates, self.candidates.toolTip()),
            "Next seed": (self.seed, "What is made next is drawn with it: the same seed gives the same shapes again"),
        }
        for name, (widget, tip) in names.items():
            widget.setAccessibleName(name)
            widget.setToolTip(tip)

    def _actions(self, opened: OpenProject) -> None:
        running = opened.queue

        def cancel() -> None:
            if running.running:
                running.cancel(running.running.run)

        for text, keys, work in (
            ("Generate", "Ctrl+Return", lambda: self._make.generate()),
            ("Generate before all that waits", "Ctrl+Shift+Return", lambda: self._make.generate(first=True)),
            ("Cancel what runs", "Ctrl+Alt+Return", cancel),
            ("Another seed", "Ctrl+D", self._make.roll),
        ):
            action = QAction(text, self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(work)
            self.addAction(in_menu(action, "Model"))

    # drawing ---------------------------------------------------------------------------------------------------------
    def _draw(self) -> None:
        """Show what the model holds."""
        make, source = self._make, self._make.source
        _fill(self.model, [(one.title, one.name) for one in make.sources], source.name if source else "")
        self.about.setText(source.about if source else "There is no model yet: none came with the program.")
        categories = make.categories
        self.prompt.setVisible(make.reads)
        self._rows.setRowVisible(self.points, make.reads)
        self._numbers.setRowVisible(self.candidates, make.ranks)
        self._rows.setRowVisible(self.whole, not make.reads)
        self._draw_points()
        many = len(categories) > 1
        self._form.setRowVisible(self.category, many)
        if many:
            offered = [("Any", ""), *((name.capitalize(), name) for name in categories)]
            _fill(self.category, offered, make.category)
        self._ask()
        shown = ((self.count, make.count), (self.slider, min(make.count, FEW)), (self.seed, make.seed))
        for widget, value in (*shown, (self.steps, int(make.steps))):
            with QSignalBlocker(widget):
                widget.setValue(value)
        with QSignalBlocker(self.guidance):
            self.guidance.setValue(make.guidance)
        with QSignalBlocker(self.whole):
            self.whole.setChecked(make.whole)
        self.lock.setIcon(icon("lock" if make.locked else "unlock"))
        self.go.setEnabled(source is not None)
        self.model.setEnabled(bool(make.sources))

    def _draw_points(self) -> None:
        with QSignalBlocker(self.points), QSignalBlocker(self.candidates):
            self.points.setValue(self._make.prompting.points)
            self.candidates.setValue(self._make.prompting.candidates)

    def _ask(self) -> None:
        """A choice for each thing that the model can be asked for."""
        questions = self._make.questions()
        self._between.setVisible(bool(questions))
        self._wishes.setVisible(bool(questions))
        self.clear.setVisible(bool(self._make.answers))
        if [name for name, _ in questions] != list(self._questions):
            while self._asked.rowCount():
                self._asked.removeRow(0)
            self._questions = {}
            for name, _ in questions:
                box = _Wish()
                box.activated.connect(lambda i, box=box, name=name: self._make.answer(name, box.itemData(i)))
                words = self._make.words_of(name)
                box.setAccessibleName(words)
                box.setToolTip(f"What is asked for: {words.lower()}")
                self._asked.row(words, box)
                self._questions[name] = box
        for name, classes in questions:
            offered = [("As it comes", ""), *((_class_words(one), one) for one in classes)]
            _fill(self._questions[name], offered, self._make.answers.get(name, ""))

    def _unfold(self) -> None:
        self._extra.setVisible(self.more.isChecked())
        self.more.setIcon(icon("chevron-down" if self.more.isChecked() else "chevron-right"))


def _class_words(one: str) -> str:
    return {PRESENT: "With", ABSENT: "Without", "true": "Yes", "false": "No"}.get(one.lower(), one.capitalize())


def _row(*widgets: QWidget) -> QWidget:
    found = QWidget()
    row = QHBoxLayout(found)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    for i, widget in enumerate(widgets):
        row.addWidget(widget, 1 if i == 0 else 0)
    return found


def _fill(box: QComboBox, offered: list[tuple[str, str]], chosen: str) -> None:
    """Offer (words, data) pairs, unless they are what is offered already, and choose one."""
    with QSignalBlocker(box):
        if [(box.itemText(i), box.itemData(i)) for i in range(box.count())] != offered:
            box.clear()
            for words, data in offered:
                box.addItem(words, data)
        box.setCurrentIndex(box.findData(chosen))


PANEL = Panel("make", "Make", "right", MakeView, workspaces=("Make",))
