"""Small pictures of cards: read, or drawn by the live engine, in the background; the least used are forgotten."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageReader

from studio.models.background import Background

SIZE = 256  # pixels per side
MOST = 400  # pictures in memory, 256 KiB each
MOST_WANTED = 80  # what was wanted before these has been scrolled out of sight
AT_ONCE = 2  # being drawn
TRIES = 4  # times that a picture is asked for which does not come
UNREADABLE = "the picture file cannot be read"

Told = Callable[[Path | None, str], None]  # is told the path of a picture, or why there is none
Draw = Callable[[str, Told], None]  # name of a shape -> its picture, told later


@dataclass(frozen=True)
class _Failure:
    """tries : how often; mark : of the file that it is drawn from, as it was; text : why"""

    tries: int
    mark: object
    text: str


class Thumbnails(QObject):
    """``image`` gives a picture or nothing yet; ``ready(name)`` says when to ask again.

    What could not be drawn is drawn again when the file behind it is another one, or after ``try_again``, a few times.
    """

    ready = Signal(str)

    def __init__(
        self,
        background: Background,
        find: Callable[[str], Path | None],
        draw: Draw | None = None,
        mark: Callable[[str], object] = lambda name: None,
    ) -> None:
        """find : name -> picture that exists already; draw : makes one of those for which there is none; mark : what tells
        whether the file is another one from which it is drawn."""
        super().__init__()
        self._background, self._find, self._draw, self._mark = background, find, draw, mark
        self._images: OrderedDict[str, QImage] = OrderedDict()
        self._wanted: OrderedDict[str, None] = OrderedDict()
        self._busy: dict[str, object] = {}  # what is drawn or read, with its mark
        self._failed: dict[str, _Failure] = {}

    def image(self, name: str) -> QImage | None:
        """The picture of a card, if it is there; else it will be."""
        if (image := self._images.get(name)) is not None:
            self._images.move_to_end(name)
            return image
        if name not in self._busy and self._may_come(name):
            self._wanted[name] = None
            self._wanted.move_to_end(name)
            if len(self._wanted) > MOST_WANTED:
                self._wanted.popitem(last=False)
            self._next()
        return None

    def forget(self, name: str) -> None:
        """Read or draw it anew when it is asked for."""
        self._images.pop(name, None)
        self._failed.pop(name, None)

    def fault(self, name: str) -> str:
        """Why a card has no picture; "" where it has one or may get it."""
        failure = self._failed.get(name)
        return failure.text if failure else ""

    def try_again(self) -> None:
        """What draws is another one: what failed may succeed now."""
        for name, failure in list(self._failed.items()):
            self._failed[name] = _Failure(failure.tries, object(), failure.text)  # no file has this mark
            self.ready.emit(name)  # whoever shows it asks again

    def _may_come(self, name: str) -> bool:
        failure = self._failed.get(name)
        return failure is None or (failure.tries < TRIES and failure.mark != self._mark(name))

    def _next(self) -> None:
        while self._wanted and len(self._busy) < AT_ONCE:
            name, _ = self._wanted.popitem()  # what came into sight last
            self._busy[name] = self._mark(name)
            path = self._find(name)
            if path is not None:
                self._read(name, path)
            elif self._draw is not None:
                self._draw(name, lambda found, why, name=name: self._read(name, found, why))  # type: ignore[misc]
            else:
                self._end(name)

    def _read(self, name: str, path: Path | None, why: str = "") -> None:
        if path is None:
            self._end(name, why=why)
            return
        self._background.do(
            lambda: small(path),
            lambda image: self._end(name, image),
            lambda error: self._end(name, why=str(error)),
        )

    def _end(self, name: str, image: QImage | None = None, why: str = "") -> None:
        mark = self._busy.pop(name, None)
        if image is None or image.isNull():
            tries = self._failed[name].tries if name in self._failed else 0
            self._failed[name] = _Failure(tries + 1, mark, why or UNREADABLE)
        else:
            self._failed.pop(name, None)
            self._images[name] = image
            while len(self._images) > MOST:
                self._images.popitem(last=False)
            self.ready.emit(name)
        self._next()


def small(path: Path) -> QImage:
    """A picture file at most SIZE pixels wide and high; null when it cannot be read."""
    reader = QImageReader(str(path))
    full = reader.size()
    if full.isValid() and max(full.width(), full.height()) > SIZE:
        reader.setScaledSize(full.scaled(QSize(SIZE, SIZE), Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()
