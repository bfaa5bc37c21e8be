"""Work that would hold up the window, done in a thread; what comes of it is handed back in the window's own thread."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal


class Background(QObject):
    """Runs functions one after the other in few threads. A result for an object that was closed is dropped."""

    _done = Signal(object, object)
    _failed = Signal(object, object)

    def __init__(self, threads: int = 1) -> None:
        super().__init__()
        self._pool = QThreadPool()
        self._pool.setMaxThreadCount(threads)
        self._done.connect(lambda then, result: then(result))
        self._failed.connect(lambda wrong, error: wrong(error))

    def do(
        self, work: Callable[[], Any], then: Callable[[Any], None], wrong: Callable[[Exception], None], urgency: int = 0
    ) -> None:
        """``work()`` in a thread, then ``then(result)`` or ``wrong(error)`` here. The more urgent goes first."""

        def run() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 handed on whole to whoever asked
                self._failed.emit(wrong, error)
            else:
                self._done.emit(then, result)

        self._pool.start(QRunnable.create(run), urgency)

    def close(self) -> None:
        """Forget what has not begun and wait for what has."""
        self._pool.clear()
        self._pool.waitForDone()
        self._done.disconnect()
        self._failed.disconnect()
