"""What stands on the screen: the last pictures in their panes, and what lies over them."""

from collections.abc import Mapping

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPen

from studio.models.scene import Scene
from studio.palette import Palette
from studio.views.view3d_cameras import Cameras
from studio.views.view3d_controls import Controls
from studio.views.view3d_frame import colours_of
from studio.views.view3d_layout import panes, wipe_line, wiped
from studio.views.view3d_overlay import MARGIN, Brush

SMALL = 260  # pixels of a pane in which there is no room for a scale bar and axes
POINTER = QPointF(14, 18)  # from the mouse to the words beside it


def paint_images(painter: QPainter, scene: Scene, images: Mapping[str, QImage], room: QRectF, palette: Palette) -> None:
    """A picture for each pane, or the ground alone where there is none yet."""
    painter.fillRect(room, QColor(palette.line))
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    where = panes(scene, room)
    for number, (key, pane) in enumerate(where.items()):
        painter.save()
        if wiped(scene) and number == 1:
            painter.setClipRect(pane.adjusted(wipe_line(scene, room) - pane.left(), 0, 0, 0))
        if key in images:
            painter.drawImage(pane, images[key])
        else:
            _paint_ground(painter, pane, palette)
        painter.restore()
    if not where:
        _paint_ground(painter, room, palette)


def paint_over(brush: Brush, scene: Scene, cameras: Cameras, controls: Controls, room: QRectF) -> None:
    """Names, scale bars and axes, the line of a wipe, and what a motion does."""
    where = panes(scene, room)
    for number, (key, pane) in enumerate(where.items()):
        if len(where) > 1:
            brush.title(scene.shape(key).title, pane, right=wiped(scene) and number == 1)
    for key, pane in list(where.items())[: 1 if wiped(scene) else None]:
        if pane.width() >= SMALL:
            if scene.look.scale_bar:
                brush.scale_bar(cameras.of(key), pane, scene.look.metres)
            brush.axes(cameras.of(key), pane)
    if wiped(scene):
        brush.wipe(wipe_line(scene, room), room)
    _paint_motion(brush, controls)


def paint_pointed(brush: Brush, scene: Scene, mouse: QPointF | None, room: QRectF) -> None:
    """The name of what is under the mouse."""
    if scene.hovered is not None and mouse is not None:
        brush.chip(scene.hovered[1], mouse + POINTER, room)


def paint_focus(painter: QPainter, room: QRectF, palette: Palette) -> None:
    """Keys go to the view: a thin frame, as other widgets have it."""
    painter.setPen(QPen(QColor(palette.accent), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(room.adjusted(0.5, 0.5, -0.5, -0.5))


def _paint_ground(painter: QPainter, pane: QRectF, palette: Palette) -> None:
    colours = colours_of(palette)
    shade = QLinearGradient(pane.topLeft(), pane.bottomLeft())
    shade.setColorAt(0, QColor.fromRgbF(*colours.top))
    shade.setColorAt(1, QColor.fromRgbF(*colours.bottom))
    painter.fillRect(pane, shade)


def _paint_motion(brush: Brush, controls: Controls) -> None:
    transform, view = controls.transform, controls.transform_view()
    if transform is None or view is None:
        return
    camera, pane = view
    if transform.axis is not None:
        brush.guide(camera, pane, transform.centre, transform.axis)
    words = transform.words(camera, (pane.width(), pane.height()))
    at = QPointF(pane.center().x(), pane.bottom() - MARGIN - 28)
    brush.chip(words, at, pane, Qt.AlignmentFlag.AlignHCenter)
