"""The 3D view: shapes of a `Scene` in one to four panes. It paints what the thread that draws hands over, and never waits.

A picture is asked for when something has changed, see `view3d_artist`. `View3D.shut` (also by closing the widget) ends the
thread that draws.
"""

from PySide6.QtCore import QCoreApplication, QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QCursor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from studio.models.scene import Scene
from studio.palette import Palette
from studio.theme import palette_of
from studio.views.view3d_artist import Artist
from studio.views.view3d_camera import Camera
from studio.views.view3d_cameras import Cameras
from studio.views.view3d_controls import Controls
from studio.views.view3d_frame import Frame, colours_of, pane_of
from studio.views.view3d_layout import panes
from studio.views.view3d_overlay import Brush
from studio.views.view3d_painting import paint_focus, paint_images, paint_over, paint_pointed
from studio.views.view3d_pointing import Pointing


class View3D(QWidget):
    """Bound to a scene; knows nothing else. Sized by its parent, painted in the theme of its palette."""

    failed = Signal(str)  # one sentence: why there is no picture
    carried = Signal(str)  # this shape is dragged out of the view
    settled = Signal()  # a fine picture of all that there is stands on the screen

    def __init__(self, scene: Scene, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene = scene
        self.cameras = Cameras(scene, self)
        self.controls = Controls(scene, self.cameras, self._room, lambda at: self.pointing.click(at), self.carried.emit)
        self._framed = False
        self._first_camera: Camera | None = None  # as it was framed; while it is, the shape stays in full view
        self._words = ""  # said last: they stay until the picture has come
        self._mouse: QPointF | None = None
        self._by_keys = False  # the focus came by Tab
        self.pointing = Pointing(scene, self._room, self)
        self.artist = Artist(self._may_draw, self._frame, self.pointing, self)
        self.artist.came.connect(self.update)
        self.artist.settled.connect(self.settled)
        self.artist.failed.connect(self.failed)
        scene.changed.connect(self.touch)
        scene.words.changed.connect(self.update)
        scene.shapes_changed.connect(self._frame_first)
        self.cameras.changed.connect(self.touch)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(QSize(160, 120))
        self.setAccessibleName("3D view")
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.shut)

    # pictures ---------------------------------------------------------------------------------------------------------
    def touch(self) -> None:
        """Something has changed: paint, and ask for a new picture."""
        self.artist.touch()
        self.update()

    def picture(self) -> QImage:
        """What is on the screen, without names, bars and lines."""
        image = QImage(self.size() * self.devicePixelRatio(), QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(self.devicePixelRatio())
        painter = QPainter(image)
        paint_images(painter, self.scene, self._images(), self._room(), self._palette())
        painter.end()
        return image

    @property
    def shown(self) -> Frame | None:
        """What the picture on the screen is of."""
        return self.artist.drawn.frame if self.artist.drawn else None

    def frame_all(self, smooth: bool = True) -> None:
        """Bring all shapes into full view."""
        if self.scene.active:
            self.controls.frame(self.scene.active, whole=True, smooth=smooth)

    def shut(self) -> None:
        """End the thread that draws, and give the graphics memory back. Showing the view again starts it anew."""
        self.artist.shut()

    def _may_draw(self, fine: bool) -> bool:
        """A fine picture is for when nothing moves."""
        return self.isVisible() and not (fine and (self.controls.holding or self.cameras.travelling))

    def _frame(self, number: int, coarser: float, fine: bool) -> Frame | None:
        """What a picture is to show now; None where there is nothing."""
        where = panes(self.scene, self._room())
        if not where:
            return None
        scene, look = self.scene, self.scene.look
        ratio = self.devicePixelRatioF() * (1.0 if fine else coarser)
        pane = next(iter(where.values()))
        return Frame(
            number=number,
            size=(max(8, round(pane.width() * ratio)), max(8, round(pane.height() * ratio))),
            panes=tuple(pane_of(scene, key, self.cameras.of(key)) for key in where),
            style=look.style,
            part_colours=look.part_colours,
            grid=look.grid,
            shadow=look.shadow,
            plane=scene.plane,
            colours=colours_of(self._palette()),
            ratio=ratio,
            fine=fine,
        )

    def _frame_first(self) -> None:
        """The first shape is brought into view; later ones leave the camera where a person put it."""
        if not self._framed and self.scene.shapes and self.width() > 1:
            self._framed = True
            self.frame_all(smooth=False)
            self._first_camera = self.cameras.of(self.scene.active)
        if not self.scene.shapes:
            self._framed = False

    def _room(self) -> QRectF:
        return QRectF(self.rect())

    def _images(self) -> dict[str, QImage]:
        """The last pictures, by the key of the shape."""
        drawn = self.artist.drawn
        if drawn is None:
            return {}
        return {pane.key: image for pane, image in zip(drawn.frame.panes, drawn.images, strict=True)}

    def _palette(self) -> Palette:
        return palette_of(self.palette())

    # painting ---------------------------------------------------------------------------------------------------------
    def paintEvent(self, event: QPaintEvent) -> None:
        """The last pictures, and what lies over them."""
        painter, room, palette = QPainter(self), self._room(), self._palette()
        images = self._images()
        paint_images(painter, self.scene, images, room, palette)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        brush = Brush(painter, palette, self.font())
        error = self.artist.error
        if error:
            brush.chip(error, room.center(), room, Qt.AlignmentFlag.AlignHCenter)
        elif self.scene.active in images or not self.scene.shapes or self.scene.words.text(False):
            self._words = self.scene.words.text(not self.scene.shapes)
        if self._words and not error:
            brush.words(self._words, room, plate=bool(images))
        paint_over(brush, self.scene, self.cameras, self.controls, room)
        if not self.controls.dragging:
            paint_pointed(brush, self.scene, self._mouse, room)
        if self._by_keys:
            paint_focus(painter, room, palette)

    # events -----------------------------------------------------------------------------------------------------------
    def event(self, event: QEvent) -> bool:
        """Keys that mean something here are ours before they are anybody's shortcut; so is Tab."""
        if isinstance(event, QKeyEvent) and event.type() in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            override = event.type() == QEvent.Type.ShortcutOverride
            at = self._mouse or QPointF(self.mapFromGlobal(QCursor.pos()))
            if self.controls.key(event, at, try_only=override):
                event.accept()
                self.update()
                return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Who comes by keys is shown where they go."""
        super().focusInEvent(event)
        self._by_keys = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """They go elsewhere."""
        super().focusOutEvent(event)
        self._by_keys = False
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """See `Controls`."""
        self._by_keys = False
        self._mouse = event.position()
        event.setAccepted(self.controls.press(event))
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """See `Controls`; else say what is under the mouse."""
        self._mouse = event.position()
        if self.controls.move(event):
            self.pointing.leave()
        elif self.controls.wants_hover(event.position()):
            self.pointing.hover(event.position(), busy=self.artist.busy)
        self.update()
        self.setCursor(self.controls.cursor(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """See `Controls`."""
        event.setAccepted(self.controls.release(event))
        self.touch()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """See `Controls`."""
        event.setAccepted(self.controls.wheel(event))

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the mouse any more."""
        self._mouse = None
        self.pointing.leave()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Pictures of another size are needed; a camera that nobody has moved still shows all of the shape."""
        if self._first_camera is not None and self.cameras.of(self.scene.active) == self._first_camera:
            self._framed = False
        self._frame_first()
        self.touch()

    def showEvent(self, event: QShowEvent) -> None:
        """What changed meanwhile is drawn now."""
        self._frame_first()
        self.touch()

    def changeEvent(self, event: QEvent) -> None:
        """Another theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self.touch()

    def closeEvent(self, event: QCloseEvent) -> None:
        """See `shut`."""
        self.shut()
        super().closeEvent(event)
