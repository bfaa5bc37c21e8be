"""A line where a job was asked for, while it waits in the queue: behind what, and a way to do it first."""

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.models.queue import Queue
from studio.widgets.elided import Elided
from studio.widgets.words import button

TIP = "What runs is set aside, keeps what it has, and goes on after this"


class Waits(QWidget):
    """Not in sight unless the job waits. One line in a view: ``column.addWidget(Waits(opened.queue, lambda: run))``."""

    def __init__(self, queue: Queue, run: Callable[[], str]) -> None:
        """run : gives the run that was asked for here, "" = none."""
        super().__init__()
        self._queue, self._run = queue, run
        self.words = Elided()
        self.first = button("Do it first", lambda: queue.run_first(run()), "flat", tip=TIP)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.words, 1)
        row.addWidget(self.first)
        queue.changed.connect(self.draw)
        queue.progressed.connect(lambda _: self.draw())
        self.draw()

    def draw(self) -> None:
        """Show what it waits for."""
        run = self._run()
        words = self._queue.waits(run) if run else ""
        self.setVisible(bool(words))
        if words and (task := self._queue.task(run)):
            self.words.setText(f"{task.title} {words}")
