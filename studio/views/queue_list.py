"""The queue as a list: every job with its state, and all that can be done with it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.icons import icon
from studio.models.opened import OpenProject
from studio.models.queue import Queue
from studio.models.task import Task
from studio.models.titles import duration, stage_words
from studio.panel import Panel
from studio.widgets.words import Ground, button, label, tool

FIRST = "Do it first: what runs is set aside and goes on after it"
STATES = {"waiting": "waits", "running": "", "paused": "paused", "stopping": "stopping"}
MOODS = {"failed": "bad", "finished": "good"}


class TaskRow(QWidget):
    """One job: title, state, progress, and buttons for what can be done now."""

    def __init__(self, queue: Queue, task: Task, opened: OpenProject) -> None:
        super().__init__()
        self.task, self._queue, self._opened = task, queue, opened
        run = task.run
        self.title, self.state = label(task.title), label(role=MOODS.get(task.state, "dim"))
        self.title.setToolTip(run)
        self.state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.progress = QProgressBar(textVisible=False)
        self.progress.setFixedWidth(140)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(10, 3, 6, 3)
        self.row.setSpacing(8)
        self.row.addWidget(self.title)
        self.row.addWidget(self.state, 1)
        self.row.addWidget(self.progress)
        place = queue.waiting.index(task) if task in queue.waiting else -1
        for shown, symbol, tip, work in (
            (task.state == "running", "pause", "Pause", lambda: queue.pause(run)),
            (task.state == "paused", "play", "Go on", lambda: queue.resume(run)),
            (place >= 0 and queue.running is not None, "play", FIRST, lambda: queue.run_first(run)),
            (place > 0, "up", "Sooner", lambda: queue.move(run, place - 1)),
            (0 <= place < len(queue.waiting) - 1, "down", "Later", lambda: queue.move(run, place + 1)),
            (task.state in ("failed", "cancelled"), "retry", "Go on with it", lambda: queue.retry(run)),
            (True, "copy", "Copy as command", self._copy),
            (
                task.aside or task.state in ("waiting", "running", "paused"),
                "close",
                "Cancel",
                lambda: queue.cancel(run),
            ),
            (task.state in ("failed", "cancelled", "finished"), "close", "Take off the list", lambda: queue.clear(run)),
        ):
            if shown:
                self.row.addWidget(tool(symbol, tip, work))
        if task.stubborn:
            self.row.addWidget(button("Force stop", lambda: queue.force_stop(run)))
        self.draw()

    def draw(self) -> None:
        """Show how far it is."""
        task = self.task
        words = "makes way" if task.aside else STATES.get(task.state, task.state)
        if task.state == "running":
            seconds = task.seconds_left
            words = stage_words(task.stage) or "starting"
            words += f"  ·  {duration(seconds)} left" if seconds else ""
        if task.state == "failed":
            words = task.text
        self.state.setText(words)
        self.state.setToolTip("\n".join([words, *task.warnings]))
        self.progress.setVisible(task is self._queue.running and task.share is not None)
        self.progress.setRange(0, 1000)
        self.progress.setValue(round(1000 * (task.share or 0)))

    def _copy(self) -> None:
        QApplication.clipboard().setText(self._queue.command(self.task.run))
        self._opened.troubles.tell("The command is on the clipboard", note=True)


class QueueList(Ground):
    """All jobs: the running one, those that wait in their order, those that ended."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__()
        self._opened, self._queue = opened, opened.queue
        self.rows: list[TaskRow] = []
        self.hold = button("Hold the queue", self._hold, "flat", "pause", "Begin no further job")
        self.clear = button("Clear ended", lambda: self._queue.clear(), "flat", tip="Their results stay")
        head = QHBoxLayout()
        head.addWidget(self.hold)
        head.addStretch(1)
        head.addWidget(self.clear)
        self._ground = Ground()
        self._column = QVBoxLayout(self._ground)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._empty = label("No jobs yet.", "dim")
        self._empty.setContentsMargins(10, 6, 10, 6)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(self._ground)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(scroll, 1)
        self._queue.changed.connect(self._draw)
        self._queue.progressed.connect(self._progress)
        self._draw()

    def _draw(self) -> None:
        while self._column.count():
            item = self._column.takeAt(0)
            if item is not None and (widget := item.widget()) is not None and widget is not self._empty:
                widget.hide()  # it may be the one whose button was pressed, so it goes a little later
                widget.deleteLater()
        self.rows = [TaskRow(self._queue, task, self._opened) for task in self._queue.tasks]
        for row in self.rows:
            self._column.addWidget(row)
        self._empty.setVisible(not self.rows)
        self._column.addWidget(self._empty)
        self._column.addStretch(1)
        self.hold.setText("Go on with the queue" if self._queue.held else "Hold the queue")
        self.hold.setIcon(icon("play" if self._queue.held else "pause"))
        self.clear.setEnabled(bool(self._queue.done))

    def _progress(self, run: str) -> None:
        for row in self.rows:
            if row.task.run == run:
                row.draw()

    def _hold(self) -> None:
        self._queue.hold(not self._queue.held)


PANEL = Panel("queue", "Queue", "below", QueueList, at_first=False)
