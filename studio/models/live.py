"""The live engine, as the models see it: ask, and be told by a call, now and then in between, of what was answered."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from engine.live_client import Answer, LiveEngine
from engine.live_protocol import Priority
from engine.live_requests import Request
from engine.live_worker import ANSWERS

BUSY_MS, IDLE_MS = 12, 500  # between two looks at the pipe: an answer is on screen within a blink

Then = Callable[[Answer], None]


class Live(QObject):
    """One engine process for small requests. Everything here returns at once.

    answered(answer) : every answer, for whoever follows all of them
    restarted() : the engine had died, and another one is there
    """

    answered = Signal(object)
    restarted = Signal()

    def __init__(self, folder: Path, answers: str = ANSWERS) -> None:
        super().__init__()
        self._engine = LiveEngine(folder, answers)
        self._pid: int | None = None  # of the engine that was there last
        self._waiting: dict[int, Then] = {}
        self._timer = QTimer(self, interval=IDLE_MS)
        self._timer.timeout.connect(self.listen)

    def start(self) -> None:
        """Start the engine, so that the first answer does not wait for it."""
        self._engine.start()
        self._timer.start(IDLE_MS)

    @property
    def pid(self) -> int | None:
        """Its process, while it lives."""
        return self._engine.pid

    def ask(self, request: Request, channel: str = "", priority: Priority = "now", then: Then | None = None) -> int:
        """Ask; ``then`` gets each answer to it, of which the last is done, replaced or failed. Returns the number of the ask.

        A request replaces the one that is open in its channel ("" = one per kind). Raises InputError for a broken bound.
        """
        number = self._engine.ask(request, channel, priority)
        if then is not None:
            self._waiting[number] = then
        self._timer.start(BUSY_MS)
        return number

    def withdraw(self, channel: str) -> None:
        """Nobody waits for this channel any more."""
        self._engine.withdraw(channel)

    def stop(self) -> None:
        """Listen no more."""
        self._timer.stop()

    def close(self) -> None:
        """End the engine; after ``stop``, also in another thread."""
        self._engine.close()

    def listen(self) -> None:
        """Look at the pipe now, instead of when the timer next does."""
        for answer in self._engine.poll():
            last = answer.state != "going"
            then = self._waiting.pop(answer.ask.id, None) if last else self._waiting.get(answer.ask.id)
            if then is not None:
                then(answer)
            self.answered.emit(answer)
        if not self._engine.busy:
            self._timer.start(IDLE_MS)
        if (pid := self._engine.pid) is not None and pid != self._pid:
            before, self._pid = self._pid, pid
            if before is not None:
                self.restarted.emit()
