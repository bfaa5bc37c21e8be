"""The state behind the 3D view, its camera and its motions: numbers alone, nothing is drawn."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF

from engine.card import MirrorMove, Move, ScaleMove, ShiftMove, TurnMove
from engine.errors import InputError
from engine.parts.pose import moved_by, unmoved
from studio.models.scene import Cut, PartMesh, Plane, Scene, Shape
from studio.models.scene_motion import matrix_of
from studio.views.view3d_camera import SIDES, Camera
from studio.views.view3d_cut import picture
from studio.views.view3d_floor import CELLS, EXTENT, contact_shadow
from studio.views.view3d_frame import bounds_of, spread
from studio.views.view3d_gizmo import Transform
from studio.views.view3d_overlay import axis_ends, round_length, side_at
from tests.studio.view3d_boxes import box, pair

MOVES: tuple[Move, ...] = (
    ShiftMove(part="left", by=(0.1, -0.2, 0.05)),
    TurnMove(part="left", axis="x", degrees=30),
    TurnMove(part="left", axis="y", degrees=-75),
    TurnMove(part="left", axis="z", degrees=120),
    ScaleMove(part="left", factors=(1.5, 0.5, 2.0)),
    MirrorMove(part="left", axis="x"),
    MirrorMove(part="left", axis="y", middle=True),
)
cameras = st.builds(
    Camera,
    azimuth=st.floats(-180, 180),
    elevation=st.floats(-90, 90),
    distance=st.floats(0.5, 9),
    target=st.tuples(*[st.floats(-0.4, 0.4)] * 3),
    flat=st.booleans(),
)


@pytest.mark.parametrize("move", MOVES, ids=lambda move: f"{type(move).__name__}")
def test_a_part_is_shown_where_the_engine_puts_it(move: Move) -> None:
    centre = (0.1, 0.2, -0.3)
    ours = matrix_of(move, np.array(centre))
    assert np.allclose(ours[:3], moved_by(move, unmoved(), centre).numpy(), atol=1e-6)


def test_a_second_motion_turns_about_where_the_first_one_left_the_part() -> None:
    scene = Scene()
    scene.show([pair("a")])
    before = scene.centre(("a", "left"))
    scene.try_motion("a", ShiftMove(part="left", by=(0.0, 0.3, 0.0)))
    scene.settle_motion()
    scene.try_motion("a", TurnMove(part="left", axis="z", degrees=90))
    scene.settle_motion()
    assert np.allclose(scene.centre(("a", "left")), before + [0, 0.3, 0], atol=1e-6)


def test_what_is_tried_can_be_given_up_and_a_new_surface_stands_where_it_says() -> None:
    scene = Scene()
    scene.show([pair("a")])
    told: list[Move] = []
    scene.moved.connect(lambda _, move: told.append(move))
    scene.try_motion("a", MOVES[0])
    assert scene.is_moved("a")
    scene.try_motion("a", None)
    assert not scene.is_moved("a") and not told
    scene.try_motion("a", MOVES[0])
    scene.settle_motion()
    assert told == [MOVES[0]] and scene.is_moved("a")
    scene.set_parts("a", box("left", (0, 0, 0)))
    assert not scene.is_moved("a")


def test_meshes_that_would_crash_a_driver_are_refused() -> None:
    good = box("x", (0, 0, 0))
    with pytest.raises(InputError, match="vertex that is not there"):
        PartMesh("x", good.vertices, good.faces + 1)
    with pytest.raises(InputError, match="not finite"):
        PartMesh("x", good.vertices * np.nan, good.faces)
    with pytest.raises(InputError, match="at most 4"):
        Scene().show([pair(str(i)) for i in range(5)])


def test_what_is_gone_is_neither_selected_nor_isolated() -> None:
    scene = Scene()
    scene.show([pair("a"), pair("b")])
    scene.select(("a", "left"))
    scene.isolate("left")
    scene.remove_part("a", "left")
    assert (scene.selected, scene.isolated) == (None, "left")
    scene.show([Shape("c", "C", (box("other", (0, 0, 0)),))])
    assert (scene.isolated, scene.active) == (None, "c") and scene.visible(("c", "other"))
    with pytest.raises(InputError, match="no part"):
        scene.select(("c", "left"))


def test_shapes_that_stay_keep_what_was_hidden_and_a_cut_of_another_plane_is_not_shown() -> None:
    scene = Scene()
    scene.show([pair("a")])
    scene.set_hidden(("a", "right"), True)
    scene.plane = Plane((0, 1, 0), 0.1)
    scene.set_cut("a", Cut(scene.plane, np.zeros((4, 4), np.float32)))
    scene.show([pair("a"), pair("b")])
    assert not scene.visible(("a", "right")) and scene.cut("a") is not None
    scene.plane = Plane((0, 1, 0), 0.2)
    assert scene.cut("a") is None
    scene.show_all()
    assert scene.visible(("a", "right"))


@given(normal=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda n: np.linalg.norm(n) > 0.1), offset=st.floats(-0.5, 0.5))
def test_the_rectangle_of_a_plane_lies_in_it_and_holds_all_of_the_cube_that_it_meets(
    normal: tuple[float, float, float], offset: float
) -> None:
    unit = np.array(normal) / np.linalg.norm(normal)
    corner, across, up = (np.array(vector) for vector in Plane(normal, offset).rectangle)
    assert np.allclose([corner @ unit, across @ unit, up @ unit], [offset, 0, 0], atol=1e-9)
    inside = np.random.default_rng(0).uniform(-0.5, 0.5, (200, 3))
    inside = inside - ((inside @ unit - offset)[:, None] * unit)
    inside = inside[(np.abs(inside) <= 0.5).all(1)] - corner
    for axis in (across, up):
        share = inside @ axis / (axis @ axis)
        assert ((share >= -1e-9) & (share <= 1 + 1e-9)).all()


def test_the_sides_of_a_plane_form_a_right_hand_with_its_normal() -> None:
    for normal in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2, 3)):
        _, across, up = Plane(normal).rectangle
        assert np.cross(across, up) @ normal > 0


# camera ---------------------------------------------------------------------------------------------------------------
@settings(max_examples=60, deadline=None)
@given(cameras, st.floats(0.4, 3))
def test_framing_brings_all_into_the_picture_and_fills_it(camera: Camera, aspect: float) -> None:
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (50, 3)) * [1, 0.3, 0.6] + 0.2
    seen = camera.framing(points, aspect).project(points, (aspect, 1.0)) / [aspect, 1.0] * 2 - 1
    assert 0.5 < np.abs(seen).max() <= 1


@given(cameras)
def test_panning_takes_what_is_looked_at_along_with_the_mouse(camera: Camera) -> None:
    size = (640.0, 480.0)
    before = np.array([camera.target])
    after = camera.panned(0.25, -0.1).project(before, size)[0]
    assert np.allclose(after, [320 + 0.25 * 480, 240 + 0.1 * 480], atol=1e-6)


def test_the_front_is_seen_with_x_to_the_right_and_the_top_with_the_front_below() -> None:
    for side, right, up in (("front", 0, 1), ("top", 0, 2), ("right", 2, 1)):
        axes = replace(Camera(), azimuth=SIDES[side][0], elevation=SIDES[side][1]).axes  # type: ignore[index]
        assert abs(axes[0][right]) == pytest.approx(1) and abs(axes[1][up]) == pytest.approx(1)
    assert replace(Camera(), azimuth=0, elevation=90).axes[1] @ [0, 0, 1] == pytest.approx(-1)


def test_a_click_on_an_end_of_the_axes_looks_from_there() -> None:
    pane, camera = QRectF(0, 0, 800, 600), Camera()
    nearest_first = sorted(axis_ends(camera, pane), key=lambda end: -end[0])
    assert [side_at(camera, pane, end[3]) for end in nearest_first[:3]] == [end[4] for end in nearest_first[:3]]
    assert side_at(camera, pane, QPointF(10, 10)) is None


# motions --------------------------------------------------------------------------------------------------------------
SIZE = (800.0, 600.0)
FRONT = Camera(azimuth=0, elevation=0, flat=True)


def transform(kind: str, at: tuple[float, float] = (500.0, 300.0)) -> Transform:
    return Transform(kind, ("a", "left"), np.zeros(3), (500.0, 300.0), at)  # type: ignore[arg-type]


def typed(motion: Transform, text: str) -> Transform:
    for character in text:
        motion = motion.type(character)
    return motion


@settings(max_examples=60, deadline=None)
@given(cameras, st.floats(-200, 200), st.floats(-200, 200))
def test_a_part_stays_under_the_mouse_while_it_is_moved(camera: Camera, right: float, down: float) -> None:
    motion = replace(transform("shift"), centre=np.array(camera.target))
    move = motion.to(500 + right, 300 + down, False).move(camera, SIZE)
    assert isinstance(move, ShiftMove)
    seen = camera.project(np.array([motion.centre, motion.centre + move.by]), SIZE)
    assert np.allclose(seen[1] - seen[0], [right, down], atol=1e-6 * (1 + abs(right) + abs(down)))


def test_keys_hold_an_axis_and_numbers_override_the_mouse() -> None:
    motion = typed(transform("shift", (700, 100)).along(1), "-0.1")
    assert motion.move(FRONT, SIZE) == ShiftMove(part="left", by=(0, -0.1, 0))
    assert typed(motion, "-5").move(FRONT, SIZE) == ShiftMove(part="left", by=(0, 0.15, 0))
    held = transform("shift", (700, 100)).along(0).move(FRONT, SIZE)
    assert isinstance(held, ShiftMove) and held.by[1:] == (0, 0)
    assert held.by[0] == pytest.approx(200 * FRONT.units_per_pixel(600))
    assert typed(transform("scale"), "2").move(FRONT, SIZE) == ScaleMove(part="left", factors=(2, 2, 2))
    assert typed(transform("scale").along(2), "2").move(FRONT, SIZE) == ScaleMove(part="left", factors=(1, 1, 2))


@pytest.mark.parametrize(("azimuth", "sign"), [(0, 1), (180, -1)])
def test_a_turn_follows_the_mouse_from_either_side(azimuth: float, sign: int) -> None:
    camera = replace(FRONT, azimuth=azimuth)
    quarter = transform("turn", (400.0, 200.0)).move(camera, SIZE)  # from the right of the middle to above it
    assert isinstance(quarter, TurnMove) and quarter.axis == "z"
    assert quarter.degrees == pytest.approx(90 * sign)
    matrix = matrix_of(quarter, np.zeros(3))
    start = camera.project(np.array([camera.axes[0] * 0.1]), SIZE)[0]
    end = camera.project((matrix[:3, :3] @ camera.axes[0] * 0.1)[None], SIZE)[0]
    assert start[0] > 400 and end == pytest.approx([400, 300 - (start[0] - 400)])


def test_steps_are_round_with_ctrl() -> None:
    move = transform("shift").to(533.0, 300.0, True).move(FRONT, SIZE)
    assert isinstance(move, ShiftMove) and move.by[0] == pytest.approx(round(move.by[0] / 0.05) * 0.05)


# ground, section, bar -------------------------------------------------------------------------------------------------
def test_the_shadow_lies_under_what_stands_near_the_ground() -> None:
    def shadow(height: float) -> NDArray[np.float32]:
        mesh = box("x", (0.4, height, 0.0), 0.1)
        return contact_shadow([(mesh.vertices, mesh.faces, np.eye(4))], 0.0)

    low, high = shadow(0.1), shadow(0.3)
    row, column = np.unravel_index(low.argmax(), low.shape)
    assert abs((column + 0.5) / CELLS * EXTENT - EXTENT / 2 - 0.4) < 0.12
    assert abs((row + 0.5) / CELLS * EXTENT - EXTENT / 2) < 0.12
    assert low.max() > high.max() > 0 and low[:, : CELLS // 3].max() == 0
    assert shadow(2.0).max() == 0 and contact_shadow([], 0.0).max() == 0


def test_a_section_is_solid_inside_in_the_colour_of_the_part() -> None:
    grid = np.linspace(-0.5, 0.5, 33)
    across, up = np.meshgrid(grid, grid, indexing="ij")
    logits = (100 * (0.3 - np.hypot(across, up))).astype(np.float32)
    cut = Cut(Plane((0, 0, 1)), logits, (across > 0).astype(np.int16), ("red", "blue"))
    image = picture(cut, {"red": (0.8, 0, 0), "blue": (0, 0, 0.8)})
    middle, size = len(image) // 2, len(image)
    left, right = image[middle, int(0.35 * size)], image[middle, int(0.65 * size)]
    assert left[3] == right[3] == 255 and left[0] > 2 * left[2] and right[2] > 2 * right[0]
    share = (image[..., 3] == 255).mean()
    assert share == pytest.approx(np.pi * 0.3**2, rel=0.06)
    assert image[5, 5, 3] < 100


def test_parts_stand_apart_when_exploded() -> None:
    shape = Shape("a", "A", (box("one", (0, 0, 0)), box("two", (0, 0, 0)), box("three", (0.3, 0.1, 0))))
    assert all(not shift.any() for shift in spread(shape, 0.0).values())
    away = spread(shape, 1.0)
    centres = [part.bounds.mean(0) + away[part.name] for part in shape.parts]
    assert min(np.linalg.norm(a - b) for i, a in enumerate(centres) for b in centres[:i]) > 0.15
    assert np.allclose(bounds_of(Shape("e", "E", ())), [[-0.5] * 3, [0.5] * 3])


@given(st.floats(1e-4, 1e4), st.floats(1e-3, 1e3))
def test_the_scale_bar_is_round_and_nearly_as_long_as_may_be(most: float, metres: float) -> None:
    length, words = round_length(most, metres)
    assert 0.39 * most <= length <= most * (1 + 1e-9)
    assert float(words.split()[0]) > 0 and words.split()[1] in ("km", "m", "cm", "mm", "µm")
    assert round_length(0.25, 0.0) == (0.2, "0.2") and round_length(0.1, 10.0)[1] == "1 m"
