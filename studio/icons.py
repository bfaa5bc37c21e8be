"""Icons of resources/icons in the colours of the theme; they are drawn again when it changes."""

from functools import cache, lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRect, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from engine.resources import resource
from studio.theme import palette_of


@cache
def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@lru_cache(1024)
def _drawn(path: Path, colour: str, width: int, height: int) -> QImage:
    """One SVG in a colour; most are painted many times a second."""
    image = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(_source(path).replace("currentColor", colour).encode())).render(painter)
    painter.end()
    return image


class _Tinted(QIconEngine):
    """One SVG whose ``currentColor`` is that of the words around it."""

    def __init__(self, path: Path, role: str) -> None:
        super().__init__()
        self._path, self._role = path, role

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        if not rect.isEmpty():
            ratio = painter.device().devicePixelRatioF()
            painter.drawImage(rect, self._image(rect.size() * ratio, mode, state))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        if size.isEmpty():  # of a button that is squeezed to nothing
            return QPixmap()
        return QPixmap.fromImage(self._image(size, mode, state))

    def clone(self) -> QIconEngine:
        return _Tinted(self._path, self._role)

    def _image(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QImage:
        colours = palette_of(QApplication.palette())
        colour = colours.faint if mode == QIcon.Mode.Disabled else getattr(colours, self._role)
        if self._role == "text" and state == QIcon.State.On:
            colour = colours.accent
        return _drawn(self._path, colour, size.width(), size.height())


def icon(name: str, role: str = "text") -> QIcon:
    """The icon ``name``; ``role`` is a colour of the palette. InputError for an icon that does not exist."""
    return QIcon(_Tinted(resource(f"icons/{name}.svg"), role))
