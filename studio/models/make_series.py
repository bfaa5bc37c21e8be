"""Jobs of a list of prompts, which go into the queue one by one: each takes some disk work, and the window never waits."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer, Signal

from engine.errors import StudioError
from engine.jobs import GenerateJob
from studio.models.queue import Queue
from studio.models.troubles import Troubles

PIECE_MS = 10  # between two jobs


class Series(QObject):
    """``queued(run)`` comes for every job but the first, once it is in the queue."""

    queued = Signal(str)

    def __init__(self, queue: Queue, troubles: Troubles) -> None:
        super().__init__()
        self._queue, self._troubles = queue, troubles
        self._to_come: list[GenerateJob] = []
        self._first = False
        self._behind = ""  # the run that the next one stands behind
        self._piece = QTimer(self, singleShot=True, interval=PIECE_MS)
        self._piece.timeout.connect(self._go_on)

    def begin(self, jobs: Sequence[GenerateJob], first: bool) -> str:
        """Put the first job into the queue now and the others soon; its run, "" where it cannot be done, which is told.

        first : they go before all that waits, in their order
        """
        self.finish()  # an earlier list is complete before another one
        self._to_come, self._first, self._behind = list(jobs), first, ""
        self._go_on()
        return self._behind

    def finish(self) -> None:
        """Put all that is still to come into the queue now."""
        while self._to_come:
            self._go_on()
        self._piece.stop()

    def _go_on(self) -> None:
        """One more; where one fails the others would too."""
        if not self._to_come:
            return
        before, queue = self._behind, self._queue
        try:
            self._behind = queue.submit(self._to_come.pop(0), self._first)
        except (StudioError, OSError) as error:
            self._troubles.tell_error(error)
            self._to_come = []
            return
        if before and self._first and (ahead := queue.task(before)) in queue.waiting:
            queue.move(self._behind, queue.waiting.index(ahead))  # without itself, which stands in front of it
        if before:
            self.queued.emit(self._behind)
        if self._to_come:
            self._piece.start()
