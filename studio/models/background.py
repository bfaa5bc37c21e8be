"""Work that would hold up the window, done in a thread; what comes of it is handed back in the window's own thread."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PySide6.QtCore import QObject, Signal


class Background(QObject):
    """Runs functions one after the other in a thread. A result that comes after ``close`` is dropped.

    A thread of Python's, since a QRunnable that Qt deletes leaves a wrapper behind that later objects are taken for.
    """

    _done = Signal(object, object)
    _failed = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(1, "background")
        self._closed = False
        self._done.connect(self._give)
        self._failed.connect(self._give)

    def do(self, work: Callable[[], Any], then: Callable[[Any], None], wrong: Callable[[Exception], None]) -> None:
        """``work()`` in a thread, then ``then(result)`` or ``wrong(error)`` here."""

        def run() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 handed on whole to whoever asked
                self._failed.emit(wrong, error)
            else:
                self._done.emit(then, result)

        if not self._closed:
            self._pool.submit(run)

    def close(self) -> None:
        """Forget what has not begun and wait for what has."""
        self._closed = True
        self._pool.shutdown(cancel_futures=True)

    def _give(self, take: Callable[[Any], None], what: Any) -> None:
        if not self._closed:
            take(what)
