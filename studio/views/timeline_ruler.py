"""The ruler of the timeline: shapes at their frames, the playhead, and which frames are there already."""

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QMenu, QWidget

from studio.models.thumbnails import Thumbnails
from studio.models.timeline import Timeline
from studio.models.timeline_state import FPS, shift
from studio.palette import Palette
from studio.theme import palette_of
from studio.views.timeline_scale import NAMES, Playhead, Scale, paint_playhead, scale_of

NUMBERS, PICTURE, BAR = 20, 40, 3  # pixels: height of the numbers, of a shape's picture, of the line of what is there


class Ruler(QWidget):
    """Click and drag to look at a frame, drag a shape to another one; arrow keys go by frames.

    dragging(extent) : a shape is being dragged, 0 = no more; looked_at(shape) : show this shape alone
    """

    dragging = Signal(int)
    looked_at = Signal(str)

    def __init__(self, timeline: Timeline, thumbnails: Thumbnails) -> None:
        super().__init__()
        self.timeline, self._thumbnails = timeline, thumbnails
        self.chosen = -1  # number of the shape that was clicked last
        self.target = -1  # frame at which something would be dropped
        self._held = 0
        self._grip: tuple[int, int] | None = None  # the shape that is held, and frames from the mouse to it
        self._scrubbing = False
        self.setFixedHeight(NUMBERS + PICTURE + BAR + 8)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Frames and shapes of the timeline")
        self._playhead = Playhead(self, timeline, lambda: self.scale)
        timeline.moved.connect(lambda: self.update(0, 0, NAMES - PICTURE, self.height()))  # the words
        for signal in (timeline.changed, timeline.cached):
            signal.connect(self.update)
        thumbnails.ready.connect(lambda _: self.update())

    @property
    def scale(self) -> Scale:
        """Where frames stand."""
        return scale_of(self.timeline, self.width(), self._held)

    def box(self, number: int) -> QRectF:
        """Where the picture of a shape stands; shapes that are near one another overlap."""
        assert self.timeline.state is not None
        x = self.scale.x(self.timeline.state.keys[number].at)
        return QRectF(x - PICTURE / 2, NUMBERS + 2, PICTURE, PICTURE)

    def key_at(self, place: QPointF) -> int:
        """Number of the shape there, the one in front; -1 = none."""
        state = self.timeline.state
        numbers = sorted(range(len(state.keys)) if state else (), key=lambda number: number != self.chosen)
        return next((number for number in numbers if self.box(number).contains(place)), -1)

    def hold_extent(self, extent: int) -> None:
        """Keep the scale while something is dragged; 0 = no more."""
        self._held = extent
        self.update()

    def aim(self, frame: int) -> None:
        """Show at which frame something would be dropped; -1 = nowhere."""
        self.target = frame
        self.update()

    # mouse and keys --------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Hold a shape, or move the playhead."""
        state = self.timeline.state
        if event.button() != Qt.MouseButton.LeftButton or state is None:
            return
        at, number = self.scale.frame(event.position().x()), self.key_at(event.position())
        self.chosen = number
        if number >= 0:
            self._grip = number, state.keys[number].at - at
            self._held = self.scale.extent
            self.timeline.seek(state.keys[number].at)
        elif event.position().x() >= NAMES - PICTURE / 2:
            self._scrubbing = True
            self.timeline.seek(at)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag what is held."""
        at = self.scale.frame(event.position().x())
        if self._grip is not None and self.timeline.state is not None:
            number, off = self._grip
            before = self.timeline.state.keys[number].at
            state = shift(self.timeline.state, number, min(at + off, self._held))
            if state.keys[number].at != before:
                self.dragging.emit(self._held)
                self.timeline.attempt(state)
                self.timeline.seek(state.keys[number].at)
        elif self._scrubbing:
            self.timeline.seek(at)
        else:
            number = self.key_at(event.position())
            found = self.timeline.state.keys[number] if self.timeline.state and number >= 0 else None
            self.setToolTip(f"{self.timeline.title(found.shape)}, frame {found.at}" if found else "")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """What was dragged is decided."""
        self._grip, self._scrubbing, self._held = None, False, 0
        self.timeline.settle("move a shape of the timeline")
        self.dragging.emit(0)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows by frames, with Ctrl by shapes, with Alt they move the chosen shape; Delete takes it out."""
        timeline, state = self.timeline, self.timeline.state
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        if state is None:
            super().keyPressEvent(event)
        elif step and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            if 0 <= self.chosen < len(state.keys):
                moved = shift(state, self.chosen, state.keys[self.chosen].at + step)
                timeline.edit("move a shape of the timeline", moved, f"nudge {self.chosen} {id(self)}")
        elif step and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            beyond = [n for n, key in enumerate(state.keys) if (key.at - timeline.frame) * step > 0]
            if beyond:
                self.chosen = beyond[0] if step > 0 else beyond[-1]
                timeline.seek(state.keys[self.chosen].at)
        elif step:
            timeline.seek(timeline.frame + step)
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            timeline.seek(0 if event.key() == Qt.Key.Key_Home else timeline.frames - 1)
        elif event.key() == Qt.Key.Key_Delete and self.chosen >= 0:
            timeline.remove(self.chosen)
            self.chosen = -1
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """What can be done with a shape."""
        mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        number = self.key_at(QPointF(event.pos())) if mouse else self.chosen
        state = self.timeline.state
        if state is None or not 0 <= number < len(state.keys):
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        shape = state.keys[number].shape
        menu.addAction("Take out", lambda: self.timeline.remove(number))
        menu.addAction("Look at it alone", lambda: self.looked_at.emit(shape))
        menu.popup(event.globalPos())

    # painting --------------------------------------------------------------------------------------------------------
    def paintEvent(self, event: QPaintEvent) -> None:
        """Numbers, shapes, what is there, the playhead."""
        colours, scale = palette_of(self.palette()), self.scale
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        self._paint_words(painter, colours)
        for frame in range(0, scale.extent + 1, scale.step):
            beyond = frame >= self.timeline.frames
            painter.setPen(QColor(colours.faint if beyond else colours.dim))
            painter.drawText(QRectF(scale.x(frame) - 30, 2, 60, NUMBERS - 6), Qt.AlignmentFlag.AlignCenter, str(frame))
        bottom = self.height() - BAR - 2
        end = round(scale.x(self.timeline.frames - 1))
        painter.fillRect(NAMES, bottom, end - NAMES, BAR, QColor(colours.line))
        width = max(1, round(scale.pixels) + 1)
        touched = event.rect().adjusted(-width, 0, width, 0)
        for frame in range(scale.frame(touched.left()), min(self.timeline.frames, scale.frame(touched.right()) + 1)):
            if self.timeline.is_there(frame):
                x = round(scale.x(frame) - scale.pixels / 2)
                painter.fillRect(max(x, NAMES), bottom, min(width, end - x), BAR, QColor(colours.good))
        keys = range(len(self.timeline.state.keys)) if self.timeline.state else ()
        for number in sorted(keys, key=lambda number: number == self.chosen):
            self._paint_key(painter, number, colours)
        paint_playhead(painter, self.timeline, scale, self.height(), colours)
        if self.hasFocus():  # as of the tracks
            painter.fillRect(QRectF(0, 0, 2, self.height()), QColor(colours.accent))
        head = scale.x(self.timeline.frame)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.accent))
        painter.drawPolygon(
            QPolygonF([QPointF(head - 6, NUMBERS - 5), QPointF(head + 6, NUMBERS - 5), QPointF(head, NUMBERS + 2)])
        )
        if self.target >= 0:
            painter.setPen(QPen(QColor(colours.accent), 2, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(scale.x(self.target), 0), QPointF(scale.x(self.target), self.height()))
        painter.end()

    def _paint_words(self, painter: QPainter, colours: Palette) -> None:
        """Where the playhead is."""
        timeline = self.timeline
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 1.5)
        painter.save()
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        painter.drawText(QRectF(12, 4, NAMES - 36, 30), Qt.AlignmentFlag.AlignVCenter, f"{timeline.frame}")
        painter.restore()
        painter.setPen(QColor(colours.dim))
        words = f"of {timeline.frames - 1}, {timeline.frame / FPS:.2f} s"
        painter.drawText(QRectF(12, 34, NAMES - 36, 22), Qt.AlignmentFlag.AlignVCenter, words)

    def _paint_key(self, painter: QPainter, number: int, colours: Palette) -> None:
        assert self.timeline.state is not None
        box, image = self.box(number), self._thumbnails.image(self.timeline.state.keys[number].shape)
        path = QPainterPath()
        path.addRoundedRect(box, 5, 5)
        painter.fillPath(path, QColor("#ffffff" if image else colours.raised))
        if image:
            painter.save()
            painter.setClipPath(path)
            painter.drawImage(box, image)
            painter.restore()
        chosen = number == self.chosen
        painter.setPen(QPen(QColor(colours.accent if chosen else colours.line), 2 if chosen else 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
