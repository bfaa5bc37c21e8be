"""The brush of the 3D view: while the scene has one, the left button paints instead of selecting; cameras turn as ever."""

from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QColor, QCursor, QMouseEvent, QPainter, QPen, QPixmap

from studio.models.scene_contents import Ray
from studio.views.view3d import View3D
from studio.views.view3d_camera import Camera
from studio.views.view3d_layout import pane_at, panes

SMALLEST, LARGEST = 6.0, 120.0  # pixels across that a cursor is drawn
Button, Mod = Qt.MouseButton, Qt.KeyboardModifier


class BrushTool(QObject):
    """Stands before a view and takes the mouse where it means the brush. Lives as long as the view."""

    def __init__(self, view: View3D) -> None:
        super().__init__(view)
        self._view, self._scene = view, view.scene
        self._key = ""  # the shape that is painted on
        self._drawn = 0  # pixels across of the cursor that is set
        view.installEventFilter(self)
        self._scene.look_changed.connect(self._settle)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Whether the brush took an event."""
        if not self._scene.brush or not isinstance(event, QMouseEvent):
            return False
        at, kind = event.position(), event.type()
        if kind == QEvent.Type.MouseButtonPress:
            there = pane_at(self._scene, self._view.rect().toRectF(), at)
            if event.button() != Button.LeftButton or event.modifiers() & Mod.AltModifier or there is None:
                return False
            self._key = there[0]
            self._touch(at)
            return True
        if kind == QEvent.Type.MouseMove and not self._view.controls.dragging:
            self._aim(at)
            if self._key:
                self._touch(at)
            return True
        if kind == QEvent.Type.MouseButtonRelease and self._key and event.button() == Button.LeftButton:
            self._lift()
            return True
        return False

    def _touch(self, at: QPointF) -> None:
        pane = panes(self._scene, self._view.rect().toRectF()).get(self._key)
        if pane is not None:
            corner = at - pane.topLeft()
            size = pane.width(), pane.height()
            ray = ray_through(self._view.cameras.of(self._key), corner.x(), corner.y(), size)
            self._scene.brushed.emit(self._key, ray)

    def _lift(self) -> None:
        self._key = ""
        self._scene.brushed.emit("", None)

    def _aim(self, at: QPointF) -> None:
        """The cursor is a ring as large as the brush at the depth of what is looked at."""
        there = pane_at(self._scene, self._view.rect().toRectF(), at)
        if there is None:
            return
        unit = self._view.cameras.of(there[0]).units_per_pixel(there[1].height())
        across = round(min(max(2 * self._scene.brush / unit, SMALLEST), LARGEST))
        if across != self._drawn:
            self._drawn = across
            self._view.setCursor(ring(across, self._view.devicePixelRatioF()))

    def _settle(self) -> None:
        """The brush has another size, or is put away."""
        if self._scene.brush:
            self._view.pointing.leave()
        elif self._drawn:
            if self._key:
                self._lift()
            self._drawn = 0
            self._view.unsetCursor()


def ray_through(camera: Camera, x: float, y: float, size: tuple[float, float]) -> Ray:
    """The line of sight through pixel (x, y) of a picture of ``size`` (width, height), from its upper left."""
    place = camera.on_target_plane(x, y, size)
    eye = place + camera.distance * camera.axes[2] if camera.flat else camera.eye
    return Ray(eye, place - eye)


def ring(across: int, ratio: float) -> QCursor:
    """A cursor: a circle that is seen on any ground."""
    side = across + 4
    pixmap = QPixmap(round(side * ratio), round(side * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    middle = QPointF(side / 2, side / 2)
    for colour, width in (("#000000", 3.0), ("#ffffff", 1.4)):
        painter.setPen(QPen(QColor(colour), width))
        painter.drawEllipse(middle, across / 2, across / 2)
    painter.end()
    return QCursor(pixmap, side // 2, side // 2)
