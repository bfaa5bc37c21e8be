"""Mouse and keys of the 3D view, in Blender's habits. What they mean is decided here, what it does by the models."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent

from studio.models.scene import Scene
from studio.views.view3d_camera import Camera
from studio.views.view3d_cameras import Cameras
from studio.views.view3d_frame import CUBE, pane_of, placed_points
from studio.views.view3d_gizmo import Kind, Transform
from studio.views.view3d_keys import ARROWS, AXIS_KEYS, MOTIONS, NEARER, NUDGES, SIDE_KEYS
from studio.views.view3d_layout import pane_at, panes, wipe_line, wiped
from studio.views.view3d_overlay import HANDLE, side_at

Key, Button, Mod = Qt.Key, Qt.MouseButton, Qt.KeyboardModifier
TURN = 0.4  # degrees for a pixel of the mouse
STILL = 4.0  # pixels within which a press and a release are a click


class Controls:
    """Turns events into changes of scene and cameras. Every method says whether the event was for the view.

    room : where the panes lie, widget pixels. pick : asks for the part at a point and selects it
    """

    def __init__(
        self,
        scene: Scene,
        cameras: Cameras,
        room: Callable[[], QRectF],
        pick: Callable[[QPointF], None],
        carry: Callable[[str], None],
    ) -> None:
        """pick : a place was clicked; carry : a shape is dragged out of the view."""
        self._scene, self._cameras, self._room, self._pick, self._carry = scene, cameras, room, pick, carry
        self._drag: str = ""  # "turn", "pan", "zoom", "wipe", "click"
        self._key = ""  # shape whose pane the drag began in
        self._press = QPointF()
        self._last = QPointF()
        self.transform: Transform | None = None

    # mouse ------------------------------------------------------------------------------------------------------------
    @property
    def holding(self) -> bool:
        """Whether a button is held down that turns a camera or draws the wipe."""
        return self._drag in ("turn", "pan", "zoom", "wipe")

    @property
    def dragging(self) -> bool:
        """Whether a camera, the wipe or a part follows the mouse."""
        return self.holding or self.transform is not None

    def press(self, event: QMouseEvent) -> bool:
        """A button went down."""
        at, buttons, mods = event.position(), event.button(), event.modifiers()
        if self.transform is not None:
            if buttons == Button.LeftButton:
                self.confirm()
            elif buttons == Button.RightButton:
                self.cancel()
            return True
        there = pane_at(self._scene, self._room(), at)
        if there is None or buttons not in (Button.LeftButton, Button.MiddleButton):
            return False
        self._key, pane = there
        self._press = self._last = at
        if buttons == Button.MiddleButton or mods & Mod.AltModifier:
            self._drag = "pan" if mods & Mod.ShiftModifier else "zoom" if mods & Mod.ControlModifier else "turn"
        elif self._on_wipe(at):
            self._drag = "wipe"
        elif side := side_at(self._cameras.of(self._key), pane, at):
            self._cameras.travel(self._key, self._cameras.of(self._key).from_side(side))
        else:
            self._drag = "click"
        return True

    def move(self, event: QMouseEvent) -> bool:
        """The mouse moved; False where nothing follows it."""
        at, before = event.position(), self._last
        self._last = at
        step = at - before
        if self.transform is not None:
            self._update(self.transform.to(*self._in_pane(at), bool(event.modifiers() & Mod.ControlModifier)))
        elif self._drag == "turn":
            self._change(lambda camera: camera.turned(-TURN * step.x(), TURN * step.y()))
        elif self._drag == "pan":
            height = max(1.0, self._pane().height())
            self._change(lambda camera: camera.panned(step.x() / height, -step.y() / height))
        elif self._drag == "zoom":
            self._change(lambda camera: camera.zoomed(-step.y() / 25))
        elif self._drag == "wipe":
            room = self._room()
            share = min(0.98, max(0.02, (at.x() - room.left()) / max(1.0, room.width())))
            self._scene.look = replace(self._scene.look, wipe=share)
        elif self._drag == "click" and (at - self._press).manhattanLength() > STILL and self._scene.hovered:
            self._drag = ""
            self._carry(self._scene.hovered[0])
        else:
            return False
        return True

    def release(self, event: QMouseEvent) -> bool:
        """A button went up."""
        drag, self._drag = self._drag, ""
        if drag == "click":
            gap = event.position() - self._press
            if abs(gap.x()) + abs(gap.y()) <= STILL:
                self._pick(event.position())
        return bool(drag)

    def wheel(self, event: QWheelEvent) -> bool:
        """Nearer, or farther away."""
        there = pane_at(self._scene, self._room(), event.position())
        notches = event.angleDelta().y() / 120
        if there is None or not notches:
            return False
        self._cameras.change(there[0], lambda camera: camera.zoomed(notches))
        if self.transform is not None:
            self._update(self.transform)
        return True

    def wants_hover(self, at: QPointF) -> bool:
        """Whether to ask what is under the mouse."""
        return not self.dragging and not self._drag and not self._on_wipe(at)

    def cursor(self, at: QPointF) -> Qt.CursorShape:
        """What the mouse looks like at a point."""
        if self.transform is not None:
            return Qt.CursorShape.SizeAllCursor
        return Qt.CursorShape.SplitHCursor if self._drag == "wipe" or self._on_wipe(at) else Qt.CursorShape.ArrowCursor

    # keys -------------------------------------------------------------------------------------------------------------
    def key(self, event: QKeyEvent, at: QPointF, try_only: bool = False) -> bool:
        """A key; ``at`` is where the mouse is. ``try_only``: only say whether it is for the view."""
        action = self._action(event, at)
        if action is not None and not try_only:
            action()
        return action is not None

    def _action(self, event: QKeyEvent, at: QPointF) -> Callable[[], None] | None:
        key, mods = event.key(), event.modifiers()
        if self.transform is not None:
            return self._transform_action(event, self.transform)
        if not self._scene.shapes:
            return None
        pad = bool(mods & Mod.KeypadModifier)
        mods &= ~Mod.KeypadModifier
        shape, selected = self._key_of(at), self._scene.selected
        if pad and mods in (Mod.NoModifier, Mod.ControlModifier):
            return self._pad_action(key, shape, other=bool(mods))
        if mods == Mod.AltModifier and key == Key.Key_H:
            return self._scene.show_all
        if mods != Mod.NoModifier:
            return None
        if key == Key.Key_H and selected is not None:
            return lambda: self._scene.set_hidden(selected, True)
        if key == Key.Key_Slash and (selected is not None or self._scene.isolated is not None):
            return lambda: self._scene.isolate(None if self._scene.isolated or selected is None else selected[1])
        if key in MOTIONS and selected is not None and self._scene.look.gizmo and self._scene.visible(selected):
            return lambda: self._start(MOTIONS[key], at)
        if key == Key.Key_Escape and (selected or self._scene.isolated or self._scene.hovered):
            return self._clear
        if key in (Key.Key_F, Key.Key_Home):
            return lambda: self.frame(shape, whole=key == Key.Key_Home)
        if key in NEARER or key in ARROWS:
            return self._nudge(key, shape)
        if key == Key.Key_Tab and len(self._scene.shapes) > 1:
            return self._next_shape
        if Key.Key_1 <= key <= Key.Key_9:
            parts = self._scene.shape(shape).parts
            number = int(key) - int(Key.Key_1)
            return (lambda: self._scene.select((shape, parts[number].name))) if number < len(parts) else None
        return None

    def _nudge(self, key: int, shape: str) -> Callable[[], None]:
        """Turn the camera a little, or go nearer."""
        if key in NEARER:
            return lambda: self._cameras.change(shape, lambda camera: camera.zoomed(NEARER[key]))
        turn = ARROWS.get(key) or NUDGES[key]
        return lambda: self._cameras.travel(shape, self._cameras.of(shape).turned(*turn))

    def _pad_action(self, key: int, shape: str, other: bool) -> Callable[[], None] | None:
        camera = self._cameras.of(shape)
        if key in SIDE_KEYS:
            return lambda: self._cameras.travel(shape, camera.from_side(SIDE_KEYS[key][int(other)]))
        if other:
            return None
        if key in NUDGES or key in NEARER or key in ARROWS:
            return self._nudge(key, shape)
        if key == Key.Key_9:
            return lambda: self._cameras.travel(shape, camera.turned(180, -2 * camera.elevation))
        if key == Key.Key_5:
            return lambda: self._cameras.change(shape, lambda camera: replace(camera, flat=not camera.flat))
        if key in (Key.Key_Period, Key.Key_Comma):
            return lambda: self.frame(shape)
        return None

    def frame(self, key: str, whole: bool = False, smooth: bool = True) -> None:
        """Bring what is selected into full view, or all that is visible of the shapes that this camera sees."""
        pane = panes(self._scene, self._room()).get(key, self._room())
        keys = [shape.key for shape in self._scene.shapes] if self._scene.look.linked else [key]
        selected = self._scene.selected
        if selected is not None and not whole:
            points = placed_points(pane_of(self._scene, selected[0], self._cameras.of(selected[0])), selected[1])
        else:
            seen = [pane_of(self._scene, each, self._cameras.of(each)) for each in keys]
            forming = any(self._scene.shape(each).forming for each in keys)
            points = np.concatenate([CUBE] if forming else [placed_points(each) for each in seen])
        self._cameras.frame(key, points, pane.width() / max(1.0, pane.height()), smooth)

    # motions ----------------------------------------------------------------------------------------------------------
    def confirm(self) -> None:
        """The motion under way is what is wanted."""
        self.transform = None
        self._scene.settle_motion()

    def cancel(self) -> None:
        """The part goes back to where it stood."""
        if self.transform is not None:
            self.transform = None
            self._scene.try_motion("", None)

    def transform_view(self) -> tuple[Camera, QRectF] | None:
        """Camera and pane in which a motion takes place."""
        if self.transform is None:
            return None
        return self._cameras.of(self.transform.spot[0]), self._pane()

    def _start(self, kind: Kind, at: QPointF) -> None:
        spot = self._scene.selected
        assert spot is not None
        self._key = spot[0]
        where = pane_of(self._scene, spot[0], self._cameras.of(spot[0])).parts[spot[1]]
        away = where.matrix[:3, 3] - self._scene.matrix(spot)[:3, 3]  # the exploded view
        place = self._in_pane(at)
        self._update(Transform(kind, spot, self._scene.centre(spot) + away, place, place))

    def _transform_action(self, event: QKeyEvent, transform: Transform) -> Callable[[], None]:
        key, text = event.key(), event.text()
        if key in (Key.Key_Return, Key.Key_Enter, Key.Key_Space):
            return self.confirm
        if key == Key.Key_Escape:
            return self.cancel
        if key in AXIS_KEYS:
            return lambda: self._update(transform.along(AXIS_KEYS[key]))
        if key in MOTIONS:
            return lambda: self._update(replace(transform, kind=MOTIONS[key], start=transform.at, typed=""))
        if key == Key.Key_Backspace:
            return lambda: self._update(transform.type(""))
        if text and text in "0123456789.,-":
            return lambda: self._update(transform.type(text.replace(",", ".")))
        return lambda: None  # nothing else happens meanwhile

    def _update(self, transform: Transform) -> None:
        self.transform = transform
        pane = self._pane()
        move = transform.move(self._cameras.of(self._key), (pane.width(), pane.height()))
        self._scene.try_motion(self._key, move)

    # odds -------------------------------------------------------------------------------------------------------------
    def _clear(self) -> None:
        if self._scene.selected is not None:
            self._scene.select(None)
        elif self._scene.isolated is not None:
            self._scene.isolate(None)
        else:
            self._scene.hover(None)

    def _next_shape(self) -> None:
        keys = [shape.key for shape in self._scene.shapes]
        self._scene.activate(keys[(keys.index(self._scene.active) + 1) % len(keys)])

    def _key_of(self, at: QPointF) -> str:
        there = pane_at(self._scene, self._room(), at)
        return there[0] if there else self._scene.active

    def _pane(self) -> QRectF:
        return panes(self._scene, self._room()).get(self._key, self._room())

    def _in_pane(self, at: QPointF) -> tuple[float, float]:
        corner = self._pane().topLeft()
        return at.x() - corner.x(), at.y() - corner.y()

    def _change(self, change: Callable[[Camera], Camera]) -> None:
        self._cameras.change(self._key, change)

    def _on_wipe(self, at: QPointF) -> bool:
        return wiped(self._scene) and abs(at.x() - wipe_line(self._scene, self._room())) <= HANDLE
