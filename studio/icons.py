"""Icons of resources/icons in the colours of the theme; they are drawn again when it changes."""

from pathlib import Path

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from engine.resources import resource
from studio.theme import palette_of


class _Tinted(QIconEngine):
    """One SVG whose ``currentColor`` is that of the words around it."""

    def __init__(self, path: Path, role: str) -> None:
        super().__init__()
        self._source = path.read_text(encoding="utf-8")
        self._path, self._role = path, role

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        colours = palette_of(QApplication.palette())
        colour = colours.faint if mode == QIcon.Mode.Disabled else getattr(colours, self._role)
        if self._role == "text" and state == QIcon.State.On:
            colour = colours.accent
        QSvgRenderer(QByteArray(self._source.replace("currentColor", colour).encode())).render(painter, QRectF(rect))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        if size.isEmpty():  # of a button that is squeezed to nothing
            return QPixmap()
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _Tinted(self._path, self._role)


def icon(name: str, role: str = "text") -> QIcon:
    """The icon ``name``; ``role`` is a colour of the palette. InputError for an icon that does not exist."""
    return QIcon(_Tinted(resource(f"icons/{name}.svg"), role))
