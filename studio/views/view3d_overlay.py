"""What Qt paints over the pictures: names, scale bar, axes, the wipe's line, and what a motion does."""

from dataclasses import dataclass
from math import floor, log10

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from studio.palette import Palette
from studio.views.view3d_camera import Camera, Side

MARGIN = 14.0
AXIS_COLOURS = ("#e0555a", "#6fae3c", "#4f86e6")  # x, y, z
ARM = 30.0  # pixels, length of an axis in the corner
BALL = 8.5  # pixels, radius of its end
ENDS: tuple[tuple[Side, Side], ...] = (("right", "left"), ("top", "bottom"), ("front", "back"))  # + and - of x, y, z
LENGTHS = (1.0, 2.0, 5.0)
HANDLE = 11.0  # pixels, radius of the wipe's handle


@dataclass(frozen=True)
class Brush:
    """Painter, theme and font of one painting."""

    painter: QPainter
    palette: Palette
    font: QFont

    def chip(
        self, text: str, at: QPointF, inside: QRectF, align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft
    ) -> None:
        """Words on a plate whose upper left corner, or upper middle, is at a point, but never outside of ``inside``."""
        metrics = QFontMetricsF(self.font)
        box = QRectF(0, 0, metrics.horizontalAdvance(text) + 16, metrics.height() + 8)
        box.moveTopLeft(at if align == Qt.AlignmentFlag.AlignLeft else at - QPointF(box.width() / 2, 0))
        box.moveRight(min(box.right(), inside.right() - 4))
        box.moveBottom(min(box.bottom(), inside.bottom() - 4))
        box.moveLeft(max(box.left(), inside.left() + 4))
        plate = QColor(self.palette.raised)
        plate.setAlpha(235)
        self.painter.setPen(QPen(QColor(self.palette.line), 1))
        self.painter.setBrush(plate)
        self.painter.drawRoundedRect(box, 5, 5)
        self.painter.setPen(QColor(self.palette.text))
        self.painter.setFont(self.font)
        self.painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def words(self, text: str, room: QRectF, plate: bool) -> None:
        """Dim words in the middle; on a plate where they lie over a shape."""
        if plate:
            height = QFontMetricsF(self.font).height() + 8
            self.chip(text, room.center() - QPointF(0, height / 2), room, Qt.AlignmentFlag.AlignHCenter)
            return
        self.painter.setFont(self.font)
        self.painter.setPen(QColor(self.palette.dim))
        wrap = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        self.painter.drawText(room.adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN), wrap, text)

    def title(self, text: str, pane: QRectF, right: bool = False) -> None:
        """The name of a shape in the upper corner of its pane."""
        self.painter.setFont(self.font)
        self.painter.setPen(QColor(self.palette.text))
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        room = pane.adjusted(MARGIN, MARGIN - 2, -MARGIN - 2 * (ARM + BALL + MARGIN), 0)  # beside the axes
        words = QFontMetricsF(self.font).elidedText(text, Qt.TextElideMode.ElideMiddle, room.width())
        self.painter.drawText(room, side | Qt.AlignmentFlag.AlignTop, words)

    def scale_bar(self, camera: Camera, pane: QRectF, metres: float) -> None:
        """A length at the depth of what is looked at, in the lower left corner."""
        unit = camera.units_per_pixel(pane.height())
        length, words = round_length(unit * min(150.0, pane.width() / 4), metres)
        width = length / unit
        left, bottom = pane.left() + MARGIN, pane.bottom() - MARGIN
        self.painter.setPen(QPen(QColor(self.palette.dim), 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        self.painter.drawPolyline(
            [
                QPointF(left, bottom - 5),
                QPointF(left, bottom),
                QPointF(left + width, bottom),
                QPointF(left + width, bottom - 5),
            ]
        )
        self.painter.setFont(self.font)
        self.painter.drawText(QPointF(left + 6, bottom - 6), words)

    def axes(self, camera: Camera, pane: QRectF) -> None:
        """Which way x, y and z go, in the upper right corner; a click on an end looks from there."""
        metrics = QFont(self.font)
        metrics.setPixelSize(10)
        metrics.setBold(True)
        for _, axis, sign, place, _ in sorted(axis_ends(camera, pane), key=lambda end: end[0]):
            colour = QColor(AXIS_COLOURS[axis])
            if sign > 0:
                self.painter.setPen(QPen(colour, 2))
                self.painter.drawLine(axes_middle(pane), place)
            self.painter.setPen(QPen(colour, 1.5))
            back = QColor(colour)
            back.setAlpha(255 if sign > 0 else 60)
            self.painter.setBrush(back)
            self.painter.drawEllipse(place, BALL - 1, BALL - 1)
            if sign > 0:
                self.painter.setFont(metrics)
                self.painter.setPen(QColor("#101214"))
                box = QRectF(place.x() - BALL, place.y() - BALL, 2 * BALL, 2 * BALL)
                self.painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "XYZ"[axis])

    def guide(self, camera: Camera, pane: QRectF, centre: np.ndarray, axis: int) -> None:
        """The axis along which a part moves, through its middle (3,)."""
        ends = centre + np.outer([-4.0, 4.0], np.eye(3)[axis])
        places = camera.project(ends, (pane.width(), pane.height()))
        if np.isfinite(places).all():
            colour = QColor(AXIS_COLOURS[axis])
            self.painter.setPen(QPen(colour, 1.5))
            self.painter.drawLine(*(QPointF(x, y) + pane.topLeft() for x, y in places))

    def wipe(self, x: float, pane: QRectF) -> None:
        """The line between two shapes, and what to take hold of."""
        self.painter.setPen(QPen(QColor(self.palette.text), 1.5))
        self.painter.drawLine(QPointF(x, pane.top()), QPointF(x, pane.bottom()))
        middle = QPointF(x, pane.center().y())
        self.painter.setBrush(QColor(self.palette.raised))
        self.painter.drawEllipse(middle, HANDLE, HANDLE)
        for way in (-1, 1):
            tip = middle + QPointF(6.0 * way, 0)
            self.painter.drawPolyline([tip + QPointF(-3.5 * way, -4), tip, tip + QPointF(-3.5 * way, 4)])


def axes_middle(pane: QRectF) -> QPointF:
    """Where the axes in the corner meet."""
    return pane.topRight() + QPointF(-(ARM + BALL + MARGIN), ARM + BALL + MARGIN)


def axis_ends(camera: Camera, pane: QRectF) -> list[tuple[float, int, int, QPointF, Side]]:
    """The six ends of the axes in the corner: nearness to the eye, axis, sign, place, the side that is seen from there."""
    right, up, back = camera.axes
    ends: list[tuple[float, int, int, QPointF, Side]] = []
    for axis in range(3):
        for sign, side in zip((1, -1), ENDS[axis], strict=True):
            place = axes_middle(pane) + QPointF(right[axis], -up[axis]) * (ARM * sign)
            ends.append((float(back[axis] * sign), axis, sign, place, side))
    return ends


def side_at(camera: Camera, pane: QRectF, at: QPointF) -> Side | None:
    """The side that a click at a point asks for."""
    for _, _, _, place, side in sorted(axis_ends(camera, pane), key=lambda end: -end[0]):
        gap = place - at
        if gap.x() ** 2 + gap.y() ** 2 <= (BALL + 1) ** 2:
            return side
    return None


def round_length(most: float, metres: float) -> tuple[float, str]:
    """The longest round length of at most ``most`` canonical units, and its words; ``metres`` per unit, 0 when unknown."""
    scale = metres or 1.0
    power = 10.0 ** floor(log10(most * scale))
    value = power * max(step for step in LENGTHS if step * power <= most * scale * (1 + 1e-9))
    if not metres:
        return value, f"{value:g}"
    for factor, name in ((1000.0, "km"), (1.0, "m"), (0.01, "cm"), (0.001, "mm")):
        if value >= factor * (1 - 1e-9):
            return value / scale, f"{round(value / factor, 6):g} {name}"
    return value / scale, f"{round(value * 1e6, 3):g} µm"
