"""What draws the 3D view: as little as a change asks for, quickly, and within a bound of memory."""

from collections.abc import Iterator
from time import process_time

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from engine.colours import COLOURS
from engine.datasets.procedural import make
from studio.models.scene import PartMesh, Scene, Shape
from studio.palette import DARK
from studio.views.view3d_camera import Camera
from studio.views.view3d_frame import Frame, colours_of, pane_of
from studio.views.view3d_stage import Drawn, Stage
from tests.studio.view3d_boxes import ball, box, pair


def frame_of(scene: Scene, fine: bool = False, size: tuple[int, int] = (1280, 800)) -> Frame:
    panes = tuple(pane_of(scene, shape.key, Camera()) for shape in scene.shapes)
    return Frame(1, size, panes, "shaded", True, True, True, scene.plane, colours_of(DARK), 1.0, fine)


@pytest.fixture
def stage(qapp: QApplication) -> Iterator[Stage]:
    """What draws, in this thread."""
    stage = Stage()
    yield stage
    stage.close()


def test_a_swap_touches_one_actor_and_leaves_none_behind(stage: Stage) -> None:
    scene = Scene()
    scene.show([pair("a")])
    scene.select(("a", "left"))
    small = (64, 48)
    stage.draw(frame_of(scene, size=small))
    parts = stage._panes["a"].parts
    count, right, left = stage.actors(), parts["right"].actor, parts["left"].actor
    times = right.GetMTime(), right.GetMapper().GetMTime(), right.GetMapper().GetInput().GetMTime()
    for step in range(200):
        scene.set_parts("a", box("left", (-0.25, 0.001 * step, 0)))
        stage.draw(frame_of(scene, size=small))
    assert stage.actors() == count and parts["right"].actor is right and parts["left"].actor is left
    assert times == (right.GetMTime(), right.GetMapper().GetMTime(), right.GetMapper().GetInput().GetMTime())
    scene.show([])
    stage.draw(frame_of(scene, size=small))
    assert stage.actors() == 0


def test_a_part_swap_is_quick(stage: Stage) -> None:
    """A shape as it comes at 64^3; the share of the view is 30 ms, and the machine may be five times as slow."""
    parts = [ball(name, 6000) for name in ("one", "two", "three")]
    scene = Scene()
    scene.show([Shape("a", "A", tuple(parts))])
    stage.draw(frame_of(scene))
    spent = []
    for _ in range(5):
        fresh = ball("one", 6000)
        start = process_time()
        scene.set_parts("a", fresh)
        stage.draw(frame_of(scene))
        spent.append(process_time() - start)
    assert np.median(spent) < 5 * 0.030, spent


def test_frames_that_were_shown_before_cost_no_new_surfaces_and_memory_is_bounded(stage: Stage) -> None:
    frames = [ball("one", 4000) for _ in range(6)]
    scene = Scene()
    for mesh in frames * 2:
        scene.show([Shape("a", "A", (mesh,))])
        stage.draw(frame_of(scene, size=(64, 48)))
    assert len(stage._surfaces) == len(frames)
    stage._surfaces.most = 1
    scene.set_parts("a", ball("one", 4000))
    stage.draw(frame_of(scene, size=(64, 48)))
    assert len(stage._surfaces) == 1


def test_heavy_shapes_move_as_stand_ins_and_stand_still_in_full(stage: Stage) -> None:
    scene = Scene()
    scene.show([Shape("a", "A", (ball("one", 210_000),))])
    pictures: dict[bool, Drawn] = {}
    stage.drawn.connect(lambda drawn: pictures.update({drawn.frame.fine: drawn}))
    faces = {}
    for fine in (False, True):
        stage.draw(frame_of(scene, fine, (160, 120)))
        faces[fine] = stage._panes["a"].parts["one"].actor.GetMapper().GetInput().GetNumberOfCells()
    assert faces[False] < 20_000 and faces[True] == len(scene.shape("a").parts[0].faces)
    assert pictures[False].images[0].size() == pictures[True].images[0].size()


def test_procedural_shapes_are_drawn_part_by_part(stage: Stage) -> None:
    """Every part of a real shape that is not covered takes pixels of its own."""
    parts = make("airplane", 3).geometry.parts
    meshes = tuple(PartMesh(name, part.vertices, part.faces, COLOURS[name]) for name, part in parts.items())  # type: ignore[arg-type]
    scene = Scene()
    scene.show([Shape("a", "A", meshes)])
    stage.draw(frame_of(scene, size=(320, 240)))
    found = {stage._panes["a"].under(x, y) for x in range(4, 320, 6) for y in range(4, 240, 6)}
    assert found == {None, *parts}
