"""What the view says where there is nothing to see yet: what is being prepared, or what to do. No widgets."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QTimer, Signal

LATE_MS = 300  # what comes sooner needs no words


class Words(QObject):
    """Shapes that were asked for and have not come, by key. ``changed`` : the text may be another.

    hint : what to do where there is no shape and none is on its way; "" = nothing
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._coming: dict[str, Callable[[], str]] = {}  # key -> its title, which may be known only later
        self._late = False
        self._hint = ""
        self._timer = QTimer(self, singleShot=True, interval=LATE_MS)
        self._timer.timeout.connect(self._lose_patience)

    def text(self, empty: bool) -> str:
        """The words now; ``empty`` : there is no shape in the view."""
        if self._coming:
            return f"Preparing {', '.join(title() for title in self._coming.values())} …" if self._late else ""
        return self._hint if empty else ""

    @property
    def hint(self) -> str:
        """See the class."""
        return self._hint

    @hint.setter
    def hint(self, hint: str) -> None:
        if hint != self._hint:
            self._hint = hint
            self.changed.emit()

    def expect(self, key: str, title: Callable[[], str]) -> None:
        """A shape was asked for; ``title`` : gives its name."""
        if not self._coming:
            self._late = False
            self._timer.start()
        self._coming[key] = title
        self.changed.emit()

    def forget(self, keys: Iterable[str]) -> None:
        """These have come, failed, or are not wanted any more."""
        gone = [key for key in keys if self._coming.pop(key, None)]
        if not self._coming:
            self._timer.stop()
        if gone:
            self.changed.emit()

    def _lose_patience(self) -> None:
        self._late = True
        self.changed.emit()
