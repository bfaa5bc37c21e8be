"""Under the tracks: how plausible each frame is to the model, beside the shapes that the morph goes between."""

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QToolTip, QWidget

from studio.models.timeline import Timeline
from studio.models.timeline_state import times_of
from studio.theme import palette_of
from studio.views.timeline_scale import NAMES, Playhead, Scale, paint_playhead, scale_of

HEIGHT = 36
BAD = 1.5  # times the loss of the worst of the shapes: beyond, a frame is marked


class PlausibilityStrip(QWidget):
    """A line, high where frames are as plausible as the shapes themselves, with what is worse in another colour."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.timeline = timeline
        self._held = 0
        self.setFixedHeight(HEIGHT)
        self.setMouseTracking(True)
        self.setAccessibleName("Plausibility of the frames")
        self._playhead = Playhead(self, timeline, lambda: self.scale)
        for signal in (timeline.changed, timeline.judged):
            signal.connect(self.update)

    @property
    def scale(self) -> Scale:
        """Where frames stand."""
        return scale_of(self.timeline, self.width(), self._held)

    def hold_extent(self, extent: int) -> None:
        """Keep the scale while something is dragged; 0 = no more."""
        self._held = extent
        self.update()

    @property
    def usual(self) -> float:
        """Loss of the worst of the shapes themselves; 0 where nothing is known."""
        state, losses = self.timeline.state, self.timeline.losses
        there = [at for at in times_of(state) if at < len(losses)] if state else []
        return max((losses[at] for at in there), default=0.0)

    def words(self, frame: int) -> str:
        """What is known of a frame."""
        losses = self.timeline.losses
        if not 0 <= frame < len(losses) or self.usual <= 0:
            return ""
        share = losses[frame] / self.usual
        told = "as plausible as the shapes" if share <= 1 else f"{share:.1f} times as unusual as the shapes"
        return f"Frame {frame}: {told} (loss {losses[frame]:.4g})"

    def event(self, event: QEvent) -> bool:
        """Tell of the frame under the mouse."""
        if isinstance(event, QHelpEvent):
            words = self.words(self.scale.frame(event.pos().x()))
            if words:
                QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The line, or why there is none."""
        colours, scale, timeline = palette_of(self.palette()), self.scale, self.timeline
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(colours.dim))
        painter.drawText(QRectF(18, 0, NAMES - 36, HEIGHT), Qt.AlignmentFlag.AlignVCenter, "Plausibility")
        usual, losses = self.usual, timeline.losses
        if usual <= 0 or len(losses) != timeline.frames:
            room = QRectF(NAMES, 0, self.width() - NAMES - 12, HEIGHT)
            words = painter.fontMetrics().elidedText(self._why(), Qt.TextElideMode.ElideRight, int(room.width()))
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, words)
            painter.end()
            return
        top, bottom = 6.0, HEIGHT - 6.0
        points = [
            QPointF(scale.x(frame), bottom - (bottom - top) * min(usual / max(loss, 1e-12), 1.0))
            for frame, loss in enumerate(losses)
        ]
        ground = QColor(colours.good)
        ground.setAlpha(40)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        ends = [QPointF(points[-1].x(), bottom), QPointF(points[0].x(), bottom)]
        painter.drawPolygon(QPolygonF([*points, *ends]))
        for frame in range(1, len(points)):
            worst = max(losses[frame - 1 : frame + 1])
            painter.setPen(QPen(QColor(colours.warn if worst > BAD * usual else colours.good), 2))
            painter.drawLine(points[frame - 1], points[frame])
        paint_playhead(painter, timeline, scale, self.height(), colours)
        painter.end()

    def _why(self) -> str:
        timeline = self.timeline
        if timeline.fault:
            return timeline.fault
        if timeline.judgement:
            return timeline.judgement
        return "is judged when all frames are there" if timeline.can_play else "of two shapes or more"
