"""Which key means what in the 3D view, in Blender's habits."""

from PySide6.QtCore import Qt

from studio.views.view3d_camera import Side
from studio.views.view3d_gizmo import Kind

Key = Qt.Key
NUDGE = 15.0  # degrees for a key of the number pad
SIDE_KEYS: dict[int, tuple[Side, Side]] = {  # with Ctrl, the other side
    Key.Key_1: ("front", "back"), Key.Key_3: ("right", "left"), Key.Key_7: ("top", "bottom"),
}  # fmt: skip
NUDGES: dict[int, tuple[float, float]] = {
    Key.Key_4: (-NUDGE, 0.0),
    Key.Key_6: (NUDGE, 0.0),
    Key.Key_8: (0.0, NUDGE),
    Key.Key_2: (0.0, -NUDGE),
}
ARROWS: dict[int, tuple[float, float]] = {  # where there is no pad
    Key.Key_Left: (-NUDGE, 0.0),
    Key.Key_Right: (NUDGE, 0.0),
    Key.Key_Up: (0.0, NUDGE),
    Key.Key_Down: (0.0, -NUDGE),
}
NEARER: dict[int, float] = {Key.Key_Plus: 1.0, Key.Key_Equal: 1.0, Key.Key_Minus: -1.0}
MOTIONS: dict[int, Kind] = {Key.Key_G: "shift", Key.Key_R: "turn", Key.Key_S: "scale"}
AXIS_KEYS: dict[int, int] = {Key.Key_X: 0, Key.Key_Y: 1, Key.Key_Z: 2}
