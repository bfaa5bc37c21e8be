"""Small pictures of cards: read, or drawn by the live engine, in the background; the least used are forgotten."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageReader

from studio.models.background import Background

SIZE = 256  # pixels per side
MOST = 400  # pictures in memory, 256 KiB each
MOST_WANTED = 80  # what was wanted before these has been scrolled out of sight
AT_ONCE = 2  # being drawn

Draw = Callable[[str, Callable[[Path | None], None]], None]  # name of a shape -> its picture's path, told later


class Thumbnails(QObject):
    """``image`` gives a picture or nothing yet; ``ready(name)`` says when to ask again."""

    ready = Signal(str)

    def __init__(self, background: Background, find: Callable[[str], Path | None], draw: Draw | None = None) -> None:
        """find : name -> picture that exists already; draw : makes one of those for which there is none."""
        super().__init__()
        self._background, self._find, self._draw = background, find, draw
        self._images: OrderedDict[str, QImage] = OrderedDict()
        self._wanted: OrderedDict[str, None] = OrderedDict()
        self._busy: set[str] = set()
        self._without: set[str] = set()  # nothing can be drawn of these

    def image(self, name: str) -> QImage | None:
        """The picture of a card, if it is there; else it will be."""
        if (image := self._images.get(name)) is not None:
            self._images.move_to_end(name)
            return image
        if name not in self._busy and name not in self._without:
            self._wanted[name] = None
            self._wanted.move_to_end(name)
            if len(self._wanted) > MOST_WANTED:
                self._wanted.popitem(last=False)
            self._next()
        return None

    def forget(self, name: str) -> None:
        """Read or draw it anew when it is asked for."""
        self._images.pop(name, None)
        self._without.discard(name)

    def _next(self) -> None:
        while self._wanted and len(self._busy) < AT_ONCE:
            name, _ = self._wanted.popitem()  # what came into sight last
            self._busy.add(name)
            path = self._find(name)
            if path is not None:
                self._read(name, path)
            elif self._draw is not None:
                self._draw(name, lambda found, name=name: self._read(name, found))  # type: ignore[misc]
            else:
                self._end(name)

    def _read(self, name: str, path: Path | None) -> None:
        if path is None:
            self._end(name)
            return
        self._background.do(
            lambda: small(path),
            lambda image: self._end(name, image),
            lambda _: self._end(name),
        )

    def _end(self, name: str, image: QImage | None = None) -> None:
        self._busy.discard(name)
        if image is None or image.isNull():
            self._without.add(name)
        else:
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
