"""One step of a guided way: its number or a check mark, what it is, what there is to say, and a body that folds."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from studio.icons import icon
from studio.models.library import Mood
from studio.models.task import Task
from studio.models.titles import duration, stage_words
from studio.widgets.elided import Elided
from studio.widgets.flow import Flow
from studio.widgets.words import Ground, button, label, line

MARK = 18  # pixels of the check mark


class Step(Ground):
    """``toggled(open)`` when a person folds or unfolds it."""

    toggled = Signal(bool)

    def __init__(self, number: int, title: str) -> None:
        super().__init__()
        self.number, self.title = number, title
        self.mark = label(str(number), "dim")
        self.mark.setFixedWidth(MARK)
        self.heading = button(title, self._press, "flat", "chevron-right", f"Show or hide step {number}")
        self.heading.setStyleSheet("text-align: left; font-weight: 600; padding-left: 0;")
        self.words = Elided()
        self.words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.hint = label(wrap=True)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.mark)
        row.addWidget(self.heading)
        row.addWidget(self.words, 1)
        self.inside = QWidget()
        self.body = QVBoxLayout(self.inside)
        self.body.setContentsMargins(MARK, 2, 0, 8)
        self.body.setSpacing(8)
        self.body.addWidget(self.hint)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(row)
        column.addWidget(self.inside)
        column.addWidget(line())
        self._done = False
        self.unfold(False)

    @property
    def open(self) -> bool:
        """Whether its body shows."""
        return not self.inside.isHidden()

    def unfold(self, opened: bool) -> None:
        """Show or hide the body."""
        self.inside.setVisible(opened)
        self.heading.setIcon(icon("chevron-down" if opened else "chevron-right"))

    def show_state(self, done: bool, words: str, hint: str, mood: Mood = "") -> None:
        """Whether it is done, what there is in a few words, and one sentence on what comes next or stands in the way."""
        self._done = done
        self._draw_mark()
        self.heading.setAccessibleName(f"Step {self.number}, {self.title}{', done' if done else ''}")
        self.words.setText(words)
        say(self.hint, hint, mood or "dim")

    def changeEvent(self, event: QEvent) -> None:
        """The mark in the colours of another theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_done"):
            self._draw_mark()

    def _draw_mark(self) -> None:
        if self._done:
            self.mark.setPixmap(icon("check", "good").pixmap(MARK - 2, MARK - 2))
        else:
            self.mark.setText(str(self.number))

    def _press(self) -> None:
        self.unfold(not self.open)
        self.toggled.emit(self.open)


def say(where: QLabel, words: str, role: str) -> None:
    """Other words in a label, in the colour of ``role``; without words it takes no room."""
    where.setText(words)
    where.setVisible(bool(words))
    if where.property("role") != role:
        where.setProperty("role", role)
        where.style().polish(where)


def time_words(seconds: float | None, memory: int | None = None) -> str:
    """What something will take, time and bytes of memory, or that nobody knows."""
    if seconds is None:
        return "Time unknown: nothing like it has run in this project yet."
    room = f" and {memory / 1e9:.1f} GB of memory" if memory else ""
    return f"About {duration(seconds)}{room}, as earlier runs of this project took."


def in_row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets beside one another that share the width."""
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
    return row


def in_rows(*widgets: QWidget) -> Flow:
    """Widgets beside one another, no wider than they need, in as many rows as they need."""
    row = Flow()
    for widget in widgets:
        row.addWidget(widget)
    return row


class Running(QWidget):
    """How far a job is, in one line; hidden while none of its kinds runs or waits."""

    def __init__(self) -> None:
        super().__init__()
        self.words = label(role="dim", wrap=True)
        self.bar = QProgressBar(textVisible=False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.words)
        column.addWidget(self.bar)
        self.hide()

    def show_task(self, task: Task | None) -> None:
        """The job, or None."""
        self.setVisible(task is not None)
        if task is None:
            return
        left = f"  ·  {duration(task.seconds_left)} left" if task.seconds_left else ""
        words = {"waiting": "waits in the queue", "paused": "paused", "stopping": "stopping"}.get(task.state)
        self.words.setText(
            words.capitalize() if words else f"{(stage_words(task.stage) or 'starting').capitalize()}{left}"
        )
        self.bar.setRange(0, 0 if task.share is None and task.state == "running" else 1000)
        self.bar.setValue(round(1000 * (task.share or 0)))
