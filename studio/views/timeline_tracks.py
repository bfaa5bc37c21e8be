"""The tracks of the timeline: for all parts and for each of them, when it comes to the shapes and how it goes there."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar, get_args

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QActionGroup,
    QColor,
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
)
from PySide6.QtWidgets import QMenu, QScrollArea, QWidget

from engine.parts.settings import Ease, Way
from studio.icons import icon
from studio.models.timeline import Timeline
from studio.models.timeline_state import (
    WHOLE,
    Track,
    alone,
    curve_of,
    ease_of,
    shift,
    times_of,
    track_of,
    way_of,
    with_ease,
    with_still,
    with_track,
    with_way,
)
from studio.palette import Palette
from studio.theme import palette_of
from studio.views.timeline_scale import HEAD, NAMES, Playhead, Scale, paint_playhead, scale_of, screen_colour

ROW, MARK = 26, 5  # pixels: height of a track, half the width of a mark
ALL = "All parts"
EASES: dict[Ease, str] = {
    "in-out": "Smooth",
    "linear": "Even",
    "in": "Starts slowly",
    "out": "Ends slowly",
}
WAYS: dict[Way, str] = {"linear": "Straight", "spherical": "Along an arc"}
T = TypeVar("T")
assert set(EASES) == set(get_args(Ease)) and set(WAYS) == set(get_args(Way))


class Tracks(QWidget):
    """One row for all parts, then one for each. Marks can be dragged; Up and Down choose a row.

    dragging(extent) : a mark is being dragged, 0 = no more
    """

    dragging = Signal(int)

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.timeline = timeline
        self._held = 0
        self._grip: tuple[str, int] | None = None  # part and number of the mark that is held
        self._scrubbing = False
        self._ground: QPixmap | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Tracks of the parts")
        timeline.changed.connect(self._arrange)
        self._playhead = Playhead(self, timeline, lambda: self.scale)
        for signal in (timeline.cached, timeline.selected_changed):
            signal.connect(self.update)
        self._arrange()

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of the parts, after that of all."""
        return (WHOLE, *self.timeline.parts)

    @property
    def scale(self) -> Scale:
        """Where frames stand; as on the ruler, whatever scroll bar there is."""
        area = self.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        return scale_of(self.timeline, area.width() if area else self.width(), self._held)

    def spot(self, part: str, number: int) -> QPointF:
        """Middle of a mark."""
        assert self.timeline.state is not None
        at = times_of(self.timeline.state, part)[number]
        return QPointF(self.scale.x(at), (self.rows.index(part) + 0.5) * ROW)

    def lock_box(self, part: str) -> QRect:
        """Where a part is let go or held still."""
        return QRect(NAMES - 44, self.rows.index(part) * ROW + (ROW - 16) // 2, 16, 16)

    def hold_extent(self, extent: int) -> None:
        """Keep the scale while something is dragged; 0 = no more."""
        self._held = extent
        self.update()

    def menu(self) -> QMenu:
        """What can be done with the chosen track."""
        timeline, part = self.timeline, self.timeline.selected
        menu = QMenu(self)
        state = timeline.state
        if state is None:
            return menu
        track = track_of(state, part)
        if part:
            menu.addAction("Let it move" if track.still else "Keep it as it is", partial(self._still, part))
            menu.addAction(
                "Move this part alone", lambda: timeline.edit(f"move {part} alone", alone(state, part, timeline.parts))
            )
            same = menu.addAction(
                "As all parts", lambda: timeline.edit(f"{part} as all parts", with_track(state, part, Track()))
            )
            same.setEnabled(track != Track())
            menu.addSeparator()
        _add_choices(menu, EASES, ease_of(state, part), self.set_ease)
        menu.addSeparator()
        _add_choices(menu, WAYS, way_of(state, part), self.set_way)
        return menu

    def set_ease(self, ease: Ease) -> None:
        """How the chosen track starts and stops."""
        timeline, part = self.timeline, self.timeline.selected
        if timeline.state:
            timeline.edit(f"ease of {part or 'all parts'}", with_ease(timeline.state, part, ease))

    def set_way(self, way: Way) -> None:
        """Straight or along an arc."""
        timeline, part = self.timeline, self.timeline.selected
        if timeline.state:
            timeline.edit(f"way of {part or 'all parts'}", with_way(timeline.state, part, way))

    # mouse and keys --------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose a track, hold a mark, or move the playhead."""
        state, row = self.timeline.state, int(event.position().y() // ROW)
        if state is None or not 0 <= row < len(self.rows):
            return
        part = self.rows[row]
        self.timeline.select(part)
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if part and self.lock_box(part).adjusted(-6, -6, 6, 6).contains(event.position().toPoint()):
            self._still(part)
            return
        if event.position().x() < NAMES - MARK:
            return
        for number in range(len(times_of(state, part))):
            if (self.spot(part, number) - event.position()).manhattanLength() <= 2 * MARK + 2:
                self._grip, self._held = (part, number), self.scale.extent
                return
        self._scrubbing = True
        self.timeline.seek(self.scale.frame(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag what is held."""
        at = self.scale.frame(event.position().x())
        if self._grip is not None and self.timeline.state is not None:
            part, number = self._grip
            state = shift(self.timeline.state, number, min(at, self._held), part)
            if state != self.timeline.state:
                self.dragging.emit(self._held)
                self.timeline.attempt(state)
        elif self._scrubbing:
            self.timeline.seek(at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """What was dragged is decided."""
        part = self._grip[0] if self._grip else WHOLE
        self._grip, self._scrubbing, self._held = None, False, 0
        self.timeline.settle(f"time of {part or 'all parts'}")
        self.dragging.emit(0)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down along the tracks, left and right by frames; Delete lets a part go as all do."""
        timeline, state = self.timeline, self.timeline.state
        rows = self.rows
        match event.key():
            case Qt.Key.Key_Up | Qt.Key.Key_Down:
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                timeline.select(rows[min(max(rows.index(timeline.selected) + step, 0), len(rows) - 1)])
            case Qt.Key.Key_Left | Qt.Key.Key_Right:
                timeline.seek(timeline.frame + (1 if event.key() == Qt.Key.Key_Right else -1))
            case Qt.Key.Key_Delete if state and timeline.selected:
                timeline.edit(f"{timeline.selected} as all parts", with_track(state, timeline.selected, Track()))
            case _:
                super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The menu of the chosen track."""
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())

    # painting --------------------------------------------------------------------------------------------------------
    def paintEvent(self, event: QPaintEvent) -> None:
        """The rows and the playhead. Where only the playhead has moved, the rows are as they were painted last."""
        if self._ground is None or any(rect.width() > 2 * HEAD for rect in event.region()):  # type: ignore[attr-defined]
            self._ground = self._painted()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._ground)
        paint_playhead(painter, self.timeline, self.scale, self.height(), palette_of(self.palette()))
        painter.end()

    def _painted(self) -> QPixmap:
        """All rows."""
        colours, scale = palette_of(self.palette()), self.scale
        found = QPixmap(self.size() * self.devicePixelRatioF())
        found.setDevicePixelRatio(self.devicePixelRatioF())
        found.fill(Qt.GlobalColor.transparent)
        painter = QPainter(found)
        painter.setFont(self.font())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place, part in enumerate(self.rows):
            self._paint_row(painter, part, QRectF(0, place * ROW, self.width(), ROW), scale, colours)
        painter.end()
        return found

    def _paint_row(self, painter: QPainter, part: str, row: QRectF, scale: Scale, colours: Palette) -> None:
        timeline, state = self.timeline, self.timeline.state
        if state is None:
            return
        track = track_of(state, part)
        if part == timeline.selected:
            painter.fillRect(row, QColor(colours.chosen))
            if self.hasFocus():
                painter.fillRect(QRectF(0, row.top(), 2, ROW), QColor(colours.accent))
        colour = screen_colour(timeline.colour(part), colours) if part else QColor(colours.dim)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(6, row.top() + 6, 4, ROW - 12), 2, 2)
        painter.setPen(QColor(colours.dim if track.still else colours.text))
        room = QRectF(18, row.top(), NAMES - 68, ROW)
        words = painter.fontMetrics().elidedText(part or ALL, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, words)
        if part:
            symbol = icon("lock", "text") if track.still else icon("unlock", "faint")
            symbol.paint(painter, self.lock_box(part))
        painter.setPen(QColor(colours.line))
        painter.drawLine(QPointF(NAMES, row.bottom()), QPointF(row.right(), row.bottom()))
        last = timeline.frames - 1
        start, end = QPointF(scale.x(0), row.center().y()), QPointF(scale.x(last), row.center().y())
        if track.still:
            painter.setPen(QPen(QColor(colours.faint), 1, Qt.PenStyle.DashLine))
            painter.drawLine(start, end)
            return
        faint = QColor(colour)
        faint.setAlpha(150 if part == WHOLE or part in state.tracks else 90)
        painter.setPen(QPen(faint, 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        low, high = row.bottom() - 5, row.top() + 5
        knots = curve_of(state, part).knots
        painter.drawPolyline(QPolygonF([QPointF(scale.x(t * last), low + (high - low) * a) for t, a in knots]))
        own = part == WHOLE or bool(track.times)
        painter.setPen(QPen(colour, 1.5))
        painter.setBrush(colour if own else QColor(colours.panel))
        for number in range(len(times_of(state, part))):
            at = self.spot(part, number)
            corners = [QPointF(0, -MARK), QPointF(MARK, 0), QPointF(0, MARK), QPointF(-MARK, 0)]
            painter.drawPolygon(QPolygonF([at + corner for corner in corners]))

    # inside ----------------------------------------------------------------------------------------------------------
    def _arrange(self) -> None:
        self.setMinimumHeight(len(self.rows) * ROW + 2)
        self.update()

    def _still(self, part: str) -> None:
        state = self.timeline.state
        if state:
            still = not track_of(state, part).still
            self.timeline.edit(f"{'hold' if still else 'move'} {part}", with_still(state, part, still))


def _add_choices(menu: QMenu, choices: Mapping[T, str], chosen: T, then: Callable[[T], None]) -> None:
    """One of several, by their words."""
    group = QActionGroup(menu)
    for choice, words in choices.items():
        action = menu.addAction(words, partial(then, choice))
        action.setCheckable(True)
        action.setChecked(choice == chosen)
        group.addAction(action)
