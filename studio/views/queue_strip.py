"""The line at the bottom: what runs, how far it is, pause and cancel; a click on the count opens the queue."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from studio.icons import icon
from studio.models.queue import Queue
from studio.models.titles import counted, duration, stage_words
from studio.widgets.elided import Elided
from studio.widgets.words import button, label, tool

NEWS_MS = 4_000  # how long a piece of news stands there


class QueueStrip(QWidget):
    """Bound to a queue, or to none while no project is open. ``asked`` when a person wants to see the whole queue."""

    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._queue: Queue | None = None
        self._news = ""
        self._old = QTimer(self, singleShot=True, interval=NEWS_MS)
        self._old.timeout.connect(lambda: self.flash(""))
        self.count = button("Queue", self.asked.emit, "flat", "queue", "Show the queue (Q)")
        self.words, self.left = Elided(""), label(role="dim")
        self.words.setMinimumWidth(120)
        self.progress = QProgressBar(textVisible=False)
        self.progress.setFixedWidth(180)
        self.pause, self.cancel = tool("pause", "Pause", self._pause), tool("close", "Cancel", self._cancel)
        self.force = button("Force stop", self._force, tip="End the engine; the run goes on from what it has saved")
        policy = self.count.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # so that the bar is as high without a project
        self.count.setSizePolicy(policy)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 0)
        row.setSpacing(8)
        for widget in (self.count, self.words, self.progress, self.left, self.pause, self.cancel, self.force):
            row.addWidget(widget, 1 if widget is self.words else 0, Qt.AlignmentFlag.AlignVCenter)
        self.draw()

    def bind(self, queue: Queue | None) -> None:
        """Show this queue."""
        self._queue, self._news = queue, ""
        if queue:
            queue.changed.connect(self.draw)
            queue.progressed.connect(lambda _: self.draw())
        self.draw()

    def flash(self, words: str) -> None:
        """Say something for a moment, in place of what runs."""
        self._news = words
        self._old.start() if words else self._old.stop()
        self.draw()

    def draw(self) -> None:
        """Show what runs."""
        queue = self._queue
        task = queue.running if queue else None
        for widget in (self.progress, self.left, self.pause, self.cancel):
            widget.setVisible(task is not None)
        self.force.setVisible(task is not None and task.stubborn)
        self.count.setVisible(queue is not None)
        if queue is None:
            self.words.setText("")
            return
        self.count.setText(f"Queue ({queue.count})" if queue.count else "Queue")
        if task is None:
            waiting = counted(len(queue.waiting), "job")
            self.words.setText(self._news or (f"On hold, {waiting} waiting" if queue.held and queue.waiting else ""))
            return
        stage = {"stopping": "makes way" if task.aside else "stopping", "paused": "paused"}.get(
            task.state, stage_words(task.stage) or "starting"
        )
        self.words.setText(self._news or f"{task.title}  ·  {stage}")
        self.words.setToolTip(task.message)
        share = task.share
        self.progress.setVisible(share is not None)  # a bar that moves without a word of the engine looks like progress
        self.progress.setRange(0, 1000)
        self.progress.setValue(round(1000 * (share or 0)))
        percent = f"{share:.0%}" if share is not None else ""
        seconds = task.seconds_left
        self.left.setText(f"{percent}  ·  {duration(seconds)} left" if seconds else percent)
        paused = task.state == "paused"
        self.pause.setIcon(icon("play" if paused else "pause"))
        self.pause.setToolTip("Go on" if paused else "Pause")
        self.pause.setEnabled(task.state in ("running", "paused"))
        self.cancel.setEnabled(task.aside or task.state != "stopping")

    def _pause(self) -> None:
        if self._queue and (task := self._queue.running):
            (self._queue.resume if task.state == "paused" else self._queue.pause)(task.run)

    def _cancel(self) -> None:
        if self._queue and self._queue.running:
            self._queue.cancel(self._queue.running.run)

    def _force(self) -> None:
        if self._queue and self._queue.running:
            self._queue.force_stop(self._queue.running.run)
