"""The 3D view on a screen: real mouse and keys, and pixels that must be where geometry says."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QKeySequence, QMouseEvent, QShortcut, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.card import MirrorMove, Move, ScaleMove, ShiftMove, TurnMove
from studio.models.scene import Cut, Look, PartMesh, Plane, Scene, Shape, Spot, Style
from studio.views import view3d_stage
from studio.views.view3d import View3D
from studio.views.view3d_camera import STEP, Camera
from studio.views.view3d_frame import Frame
from tests.studio.view3d_boxes import box, pair

Key, Button, Mod = Qt.Key, Qt.MouseButton, Qt.KeyboardModifier
WIDTH, HEIGHT = 360, 270
FRONT = Camera(azimuth=0, elevation=0, distance=3.0, flat=True)
BARE = Look(grid=False, shadow=False, scale_bar=False)
LONG = 60_000  # milliseconds; the machine may be busy
Image = NDArray[np.int64]  # (H, W, 3)


@pytest.fixture(scope="module")
def shared(qapp: QApplication) -> Iterator[View3D]:
    """One view for all tests; it never draws finer when the machine happens to be quick, so pictures can be compared."""
    patch = pytest.MonkeyPatch()
    patch.setattr(view3d_stage, "QUICK", 0.0)
    view = View3D(Scene())
    view.resize(WIDTH, HEIGHT)
    view.show()
    yield view
    view.close()
    view.deleteLater()
    patch.undo()


@pytest.fixture
def view(shared: View3D, qtbot: QtBot) -> View3D:
    """A view from the front at a red cube on the left and a blue one on the right."""
    scene = shared.scene
    shared.controls.cancel()
    scene.show([])
    scene.show_all()
    scene.plane = None
    scene.look = BARE
    scene.show([pair("a")])
    shared.cameras.change("a", lambda _: FRONT)
    shared.activateWindow()
    shared.setFocus()
    still(shared, qtbot)
    return shared


def still(view: View3D, qtbot: QtBot) -> Image:
    """What is on the screen when all has been drawn."""
    with qtbot.waitSignal(view.settled, timeout=LONG):
        view.touch()
    return pixels(view)


def pixels(view: View3D) -> Image:
    image = view.picture()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return rows[:, : image.width(), 2::-1].astype(np.int64)


def red(image: Image) -> NDArray[np.bool_]:
    return image[..., 0] > image[..., 2] + 40


def blue(image: Image) -> NDArray[np.bool_]:
    return image[..., 2] > image[..., 0] + 40


def middle_of(mask: NDArray[np.bool_]) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())


def seen_at(view: View3D, point: tuple[float, float, float]) -> QPoint:
    """The pixel of a point of canonical space."""
    x, y = view.cameras.of("a").project(np.array([point]), (WIDTH, HEIGHT))[0]
    return QPoint(round(x), round(y))


def state(scene: Scene) -> tuple[Spot | None, str | None]:
    """What is selected, and what is isolated."""
    return scene.selected, scene.isolated


def drag(
    view: View3D, start: QPoint, end: QPoint, button: Qt.MouseButton, mods: Qt.KeyboardModifier = Mod.NoModifier
) -> None:
    """Real events, with the button held in between (QTest forgets it)."""
    for kind, at, held in (
        (QEvent.Type.MouseButtonPress, start, button),
        (QEvent.Type.MouseMove, end, button),
        (QEvent.Type.MouseButtonRelease, end, Button.NoButton),
    ):
        which = Button.NoButton if kind == QEvent.Type.MouseMove else button
        spot = QPointF(view.mapToGlobal(at))
        QApplication.sendEvent(view, QMouseEvent(kind, QPointF(at), spot, which, held, mods))


# pointing -------------------------------------------------------------------------------------------------------------
def test_a_click_selects_the_part_under_it(view: View3D, qtbot: QtBot) -> None:
    for name, point in (("right", (0.25, 0, 0.15)), ("left", (-0.25, 0, 0.15))):
        with qtbot.waitSignal(view.scene.selection_changed, timeout=LONG):
            qtbot.mouseClick(view, Button.LeftButton, pos=seen_at(view, point))
        assert view.scene.selected == ("a", name)
    with qtbot.waitSignal(view.scene.selection_changed, timeout=LONG):
        qtbot.mouseClick(view, Button.LeftButton, pos=QPoint(5, 5))
    assert view.scene.selected is None


def test_hovering_names_the_part_and_hidden_parts_are_not_found(view: View3D, qtbot: QtBot) -> None:
    there = seen_at(view, (0.25, 0, 0.15))
    before = view.grab().toImage()
    with qtbot.waitSignal(view.scene.hover_changed, timeout=LONG):
        qtbot.mouseMove(view, there)
    assert view.scene.hovered == ("a", "right")
    still(view, qtbot)
    assert view.grab().toImage() != before
    with qtbot.waitSignal(view.scene.hover_changed, timeout=LONG):
        view.scene.set_hidden(("a", "right"), True)
        still(view, qtbot)
        qtbot.mouseMove(view, there + QPoint(2, 2))
    assert view.scene.hovered is None


def test_a_selection_is_an_outline_and_no_change_of_colour(view: View3D, qtbot: QtBot) -> None:
    before = still(view, qtbot)
    view.scene.select(("a", "left"))
    changed = np.abs(still(view, qtbot) - before).max(-1) > 25
    inside = red(before)
    rows, columns = np.nonzero(inside)
    core = (slice(rows.min() + 4, rows.max() - 3), slice(columns.min() + 4, columns.max() - 3))
    assert not changed[core].any() and not changed[blue(before)].any()
    assert changed.sum() > 1.5 * (np.ptp(rows) + np.ptp(columns))  # a line round it, over a pixel wide


# camera ---------------------------------------------------------------------------------------------------------------
def test_the_wheel_zooms_by_equal_factors(view: View3D, qtbot: QtBot) -> None:
    before = red(still(view, qtbot)).sum()
    at = QPointF(WIDTH / 2, HEIGHT / 2)
    delta = QPoint(0, 240)
    event = QWheelEvent(at, at, QPoint(), delta, Button.NoButton, Mod.NoModifier, Qt.ScrollPhase.NoScrollPhase, False)
    QApplication.sendEvent(view, event)
    assert red(still(view, qtbot)).sum() / before == pytest.approx(STEP**4, rel=0.06)


def test_drags_turn_and_pan_as_in_blender(view: View3D, qtbot: QtBot) -> None:
    start, end = QPoint(100, 100), QPoint(150, 80)
    drag(view, start, end, Button.MiddleButton)
    turned = view.cameras.of("a")
    assert turned.azimuth < 0 and turned.elevation < 0 and turned.target == FRONT.target
    drag(view, end, start, Button.LeftButton, Mod.AltModifier)
    assert view.cameras.of("a").azimuth == pytest.approx(FRONT.azimuth)
    before = middle_of(red(still(view, qtbot)))
    drag(view, start, end, Button.MiddleButton, Mod.ShiftModifier)
    after = middle_of(red(still(view, qtbot)))
    assert np.subtract(after, before) == pytest.approx([50, -20], abs=1.5)


def test_the_number_pad_looks_from_the_sides(view: View3D, qtbot: QtBot) -> None:
    pad, both = Mod.KeypadModifier, Mod.KeypadModifier | Mod.ControlModifier
    for key, mods, azimuth, elevation in (
        (Key.Key_3, pad, 90, 0), (Key.Key_7, pad, 0, 90), (Key.Key_1, both, 180, 0), (Key.Key_1, pad, 0, 0),
    ):  # fmt: skip
        qtbot.keyClick(view, key, mods)
        qtbot.waitUntil(lambda: not view.cameras.travelling, timeout=LONG)
        camera = view.cameras.of("a")
        assert (abs(camera.azimuth), camera.elevation) == pytest.approx((azimuth, elevation))
    qtbot.keyClick(view, Key.Key_5, pad)
    assert not view.cameras.of("a").flat


def test_f_frames_what_is_selected(view: View3D, qtbot: QtBot) -> None:
    view.scene.select(("a", "right"))
    qtbot.keyClick(view, Key.Key_F)
    qtbot.waitUntil(lambda: not view.cameras.travelling, timeout=LONG)
    image = still(view, qtbot)
    x, y = middle_of(blue(image))
    assert (x, y) == pytest.approx((WIDTH / 2, HEIGHT / 2), abs=4) and blue(image).mean() > 0.3


# keys -----------------------------------------------------------------------------------------------------------------
def test_numbers_select_h_hides_and_escape_clears(view: View3D, qtbot: QtBot) -> None:
    qtbot.keyClick(view, Key.Key_2)
    assert state(view.scene) == (("a", "right"), None)
    qtbot.keyClick(view, Key.Key_H)
    image = still(view, qtbot)
    assert red(image).any() and not blue(image).any()
    qtbot.keyClick(view, Key.Key_H, Mod.AltModifier)
    assert blue(still(view, qtbot)).any()
    qtbot.keyClick(view, Key.Key_1)
    qtbot.keyClick(view, Key.Key_Slash)
    assert not blue(still(view, qtbot)[:, WIDTH // 2 :]).any()  # on the left there is the outline
    qtbot.keyClick(view, Key.Key_Escape)
    assert state(view.scene) == (None, "left")
    qtbot.keyClick(view, Key.Key_Escape)
    assert state(view.scene) == (None, None)


def test_arrows_turn_the_view_and_plus_goes_nearer(view: View3D, qtbot: QtBot) -> None:
    before = view.cameras.of("a")
    for key in (Key.Key_Right, Key.Key_Up):
        qtbot.keyClick(view, key)
        qtbot.waitUntil(lambda: not view.cameras.travelling, timeout=LONG)
    turned = view.cameras.of("a")
    assert abs(turned.azimuth - before.azimuth) == pytest.approx(15) and turned.elevation > before.elevation
    qtbot.keyClick(view, Key.Key_Plus)
    assert view.cameras.of("a").distance < turned.distance
    qtbot.keyClick(view, Key.Key_Minus)
    assert view.cameras.of("a").distance == pytest.approx(turned.distance)


def test_g_x_and_a_number_move_the_part_at_once(view: View3D, qtbot: QtBot) -> None:
    told: list[Move] = []
    view.scene.moved.connect(lambda _, move: told.append(move))
    view.scene.look = replace(BARE, gizmo=True)
    view.scene.select(("a", "left"))
    before = middle_of(red(still(view, qtbot)))
    for key in (Key.Key_G, Key.Key_X, Key.Key_0, Key.Key_Period, Key.Key_1):
        qtbot.keyClick(view, key)
    shown = middle_of(red(still(view, qtbot)))
    assert shown[0] - before[0] == pytest.approx(0.1 / FRONT.units_per_pixel(HEIGHT), abs=1) and not told
    qtbot.keyClick(view, Key.Key_Return)
    assert told == [ShiftMove(part="left", by=(0.1, 0.0, 0.0))]
    qtbot.keyClick(view, Key.Key_G)
    qtbot.mouseMove(view, QPoint(20, 20))
    qtbot.keyClick(view, Key.Key_Escape)
    assert len(told) == 1 and view.scene.matrix(("a", "left"))[0, 3] == pytest.approx(0.1)


def test_keys_of_the_window_stay_the_windows_unless_a_part_is_being_moved(view: View3D, qtbot: QtBot) -> None:
    rerolled: list[int] = []
    shortcut = QShortcut(QKeySequence("R"), view)
    shortcut.activated.connect(lambda: rerolled.append(1))
    view.scene.select(("a", "left"))
    qtbot.keyClick(view, Key.Key_R)
    assert (len(rerolled), view.controls.dragging) == (1, False)
    view.scene.look = replace(BARE, gizmo=True)
    qtbot.keyClick(view, Key.Key_R)
    assert (len(rerolled), view.controls.dragging) == (1, True)
    qtbot.keyClick(view, Key.Key_Escape)
    shortcut.setParent(None)


@pytest.mark.parametrize(
    "move",
    [
        TurnMove(part="left", axis="z", degrees=25),
        ScaleMove(part="left", factors=(1.4, 0.6, 1.0)),
        MirrorMove(part="left", axis="x"),
    ],
    ids=lambda move: type(move).__name__,
)
def test_a_moved_part_looks_as_one_whose_vertices_were_moved(view: View3D, qtbot: QtBot, move: Move) -> None:
    """Also when it is mirrored, which turns its faces inside out for a driver."""
    view.cameras.change("a", lambda camera: replace(camera, azimuth=30, elevation=20))
    view.scene.try_motion("a", move)
    moved = still(view, qtbot)
    mesh, matrix = view.scene.shape("a").parts[0], view.scene.matrix(("a", "left"))
    faces = mesh.faces[:, ::-1] if np.linalg.det(matrix) < 0 else mesh.faces
    baked = (mesh.vertices @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)
    view.scene.try_motion("a", None)
    view.scene.set_parts("a", PartMesh("left", baked, faces, mesh.colour))
    assert (np.abs(still(view, qtbot) - moved).max(-1) > 12).mean() < 0.004


# looks ----------------------------------------------------------------------------------------------------------------
def test_styles_and_colours(view: View3D, qtbot: QtBot) -> None:
    styles: tuple[Style, ...] = ("shaded", "clay", "normals", "x-ray", "wireframe")
    seen: dict[str, Image] = {}
    for style in styles:
        view.scene.look = replace(BARE, style=style)
        seen[style] = still(view, qtbot)
    place = seen_at(view, (-0.2, 0.05, 0.15))
    assert seen["normals"][place.y(), place.x()] == pytest.approx([128, 128, 255], abs=2)  # towards the eye
    assert not blue(seen["clay"]).any()
    for i, one in enumerate(styles):
        for other in styles[:i]:
            assert np.abs(seen[one] - seen[other]).max() > 40, (one, other)
    view.scene.look = replace(BARE, part_colours=False)
    plain = still(view, qtbot)
    assert not red(plain).any() and not blue(plain).any()


def test_a_plane_takes_away_what_lies_beyond_and_shows_the_field(view: View3D, qtbot: QtBot) -> None:
    view.scene.plane = Plane((1, 0, 0), 0.0)
    image = still(view, qtbot)
    assert red(image).any() and not blue(image).any()
    view.scene.plane = plane = Plane((0, 0, 1), 0.0)
    grid = np.linspace(-0.5, 0.5, 64)
    across, up = np.meshgrid(grid, grid, indexing="ij")
    inside = np.minimum(0.15 - np.abs(np.abs(across) - 0.25), 0.15 - np.abs(up))
    parts = (across < 0).astype(np.int16)  # as if the parts were the other way round
    view.scene.set_cut("a", Cut(plane, (60 * inside).astype(np.float32), parts, ("left", "right")))
    x, y = middle_of(red(still(view, qtbot)))
    assert x > WIDTH / 2 + 20 and y == pytest.approx(HEIGHT / 2, abs=3)


def test_a_wipe_shows_two_shapes_and_panes_show_all(view: View3D, qtbot: QtBot) -> None:
    other = Shape("b", "B", (box("left", (-0.25, 0, 0), colour=(0.05, 0.5, 0.05)), box("right", (0.25, 0, 0))))
    view.scene.show([pair("a"), other])
    view.scene.look = replace(BARE, arrangement="wipe", wipe=0.5)
    image = still(view, qtbot)
    half = WIDTH // 2
    assert red(image[:, :half]).any() and red(image[:, half:]).any() and not blue(image).any()
    drag(view, QPoint(half, HEIGHT // 2), QPoint(WIDTH - 8, HEIGHT // 2), Button.LeftButton)
    assert view.scene.look.wipe > 0.9 and blue(pixels(view)).any()
    view.scene.look = replace(BARE, arrangement="side")
    image = still(view, qtbot)
    assert blue(image[:, :half]).any() and not blue(image[:, half:]).any()


# economy --------------------------------------------------------------------------------------------------------------
def test_nothing_runs_while_nothing_changes(view: View3D, qtbot: QtBot) -> None:
    still(view, qtbot)
    drawn: list[Frame] = []
    view.artist.asked.connect(drawn.append)
    qtbot.wait(400)
    assert not drawn and not [timer for timer in view.findChildren(QTimer) if timer.isActive()]
    view.artist.asked.disconnect(drawn.append)


# the end --------------------------------------------------------------------------------------------------------------
ABANDONED = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from studio.models.scene import Scene
from studio.views import view3d_stage
from studio.views.view3d import View3D
from tests.studio.view3d_boxes import pair
app = QApplication([])
scene = Scene()
scene.show([pair("a")])
view = View3D(scene)
view.resize(200, 150)
view.show()
if sys.argv[1] == "close":
    view.settled.connect(view.close)
elif sys.argv[1] == "quit":
    view.settled.connect(app.quit)
else:
    view.artist.asked.connect(lambda _: QTimer.singleShot(1, app.quit))  # in the middle of the first picture
app.exec()
print("torch" in sys.modules, flush=True)
"""


@pytest.mark.parametrize("how", ["close", "quit", "early"])
def test_it_ends_without_a_crash_however_it_ends(how: str) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", ABANDONED, how], cwd=root, capture_output=True, text=True, timeout=200, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
    assert "QThread" not in done.stderr and "ERR" not in done.stderr


def test_a_shape_that_was_never_turned_stays_in_full_view(qtbot: QtBot) -> None:
    view = View3D(Scene())
    qtbot.addWidget(view)
    view.scene.show([pair("a")])
    view.resize(400, 160)
    view.show()
    far = np.array([[-0.4, 0, 0], [0.4, 0, 0]])

    def across() -> list[float]:
        return view.cameras.of("a").project(far, (view.width(), view.height()))[:, 0].tolist()

    for size in ((160, 400), (300, 200)):
        view.resize(*size)
        assert all(0 < x < size[0] for x in across()), "it is framed anew"
    view.cameras.change("a", lambda one: one.zoomed(3))
    mine = view.cameras.of("a")
    view.resize(160, 400)
    assert view.cameras.of("a") == mine, "what a person chose stays"


def test_a_closed_view_shows_again(qtbot: QtBot) -> None:
    view = View3D(Scene())
    view.scene.show([pair("a")])
    view.resize(200, 150)
    for _ in range(2):
        view.show()
        assert red(still(view, qtbot)).any()
        view.close()
    view.deleteLater()
