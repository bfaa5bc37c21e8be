import colorsys
import os
import subprocess
import sys
from dataclasses import replace
from math import asin, pi, radians, tan

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from engine.errors import InputError
from engine.geometry.mesh import Mesh
from engine.pictures.camera import ANGLE, DISTANCE, View, around, closer, project
from engine.pictures.render import Studio, render
from tests.conftest import ROOT

SIZE = 128
WHITE = (255, 255, 255)
PLAIN = View(shadow=False, top=WHITE, bottom=WHITE)
GREY, RED, GREEN, BLUE = (0.4, 0.4, 0.4), (0.7, 0.02, 0.02), (0.02, 0.7, 0.02), (0.02, 0.02, 0.7)


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def mesh_of(shape: trimesh.Trimesh) -> Mesh:
    return Mesh(np.asarray(shape.vertices, np.float64), np.asarray(shape.faces, np.int32))


def ball(radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
    sphere = trimesh.creation.icosphere(4, radius)
    return mesh_of(sphere.apply_translation(centre))


def cube(side: float) -> Mesh:
    return mesh_of(trimesh.creation.box((side, side, side)))


def silhouette(picture: NDArray) -> NDArray[np.bool_]:
    return (picture != 255).any(-1)


def centre_of(mask: NDArray) -> NDArray[np.float64]:
    """(2,) row and column of the middle of a silhouette, in pixels."""
    return np.argwhere(mask).mean(0) + 0.5


def pixels(points: NDArray, view: View) -> NDArray[np.float64]:
    """(P, 2) row and column where points should be seen."""
    place = project(points, view)
    return np.stack([1 - place[:, 1], 1 + place[:, 0]], 1) * SIZE / 2


def test_ball_has_the_right_size_and_place(capfd: pytest.CaptureFixture[str]) -> None:
    for zoom in (1.0, 1.4):
        view = View(shadow=False, top=WHITE, bottom=WHITE, zoom=zoom)
        mask = silhouette(render([(ball(0.4), GREY)], SIZE, view))
        seen = tan(asin(0.4 / DISTANCE)) / tan(radians(ANGLE / 2)) * zoom * SIZE / 2  # radius of the cone to the ball
        assert abs((mask.sum() / pi) ** 0.5 - seen) < 1
        assert np.abs(centre_of(mask) - SIZE / 2).max() < 0.5
    assert capfd.readouterr().err == ""  # VTK complains there, for instance about a display


@pytest.mark.parametrize(
    "view", [PLAIN, View(azimuth=200, elevation=-30, zoom=1.2, shadow=False, top=WHITE, bottom=WHITE)]
)
@pytest.mark.parametrize("centre", [(0.3, 0.2, -0.1), (-0.35, 0.1, 0.3), (0.1, -0.4, 0.2)])
def test_ball_off_the_middle_is_where_the_camera_says(view: View, centre: tuple[float, float, float]) -> None:
    mask = silhouette(render([(ball(0.08, centre), GREY)], SIZE, view))
    assert np.abs(centre_of(mask) - pixels(np.array([centre]), view)[0]).max() < 1


def test_nothing_is_mirrored() -> None:
    front = View(azimuth=0, elevation=0, shadow=False, top=WHITE, bottom=WHITE)
    row, column = centre_of(silhouette(render([(ball(0.1, (0.3, 0.3, 0)), GREY)], SIZE, front)))
    assert row < SIZE / 2 - 10 and column > SIZE / 2 + 10  # +Y is up; facing the front, +X is on the right
    # from the front, right and above: the nose at +Z comes towards the lower left, and hides what lies behind it
    picture = render([(ball(0.12, (0, 0, 0.3)), RED), (ball(0.12, (0, 0, -0.3)), BLUE)], SIZE, PLAIN).astype(int)
    red, blue = picture[..., 0] > picture[..., 2] + 40, picture[..., 2] > picture[..., 0] + 40
    assert red.sum() > blue.sum()  # nearer
    assert centre_of(red)[0] > centre_of(blue)[0] + 10 and centre_of(red)[1] < centre_of(blue)[1] - 10
    both = render([(ball(0.2, (0, 0, 0.2)), RED), (ball(0.15, (0, 0, -0.2)), BLUE)], SIZE, front)
    assert (both[..., 0] >= both[..., 2]).all()  # straight from the front the blue ball is behind the red one


@pytest.mark.parametrize("colour", [RED, GREEN, BLUE, (0.80, 0.24, 0.06), (0.05, 0.23, 0.45)])
def test_colours_come_through(colour: tuple[float, float, float]) -> None:
    picture = render([(ball(0.4), colour)], SIZE, PLAIN)
    mean = picture[silhouette(picture)].mean(0) / 255
    srgb = [12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in colour]
    turn = colorsys.rgb_to_hsv(*mean)[0] - colorsys.rgb_to_hsv(*srgb)[0]
    assert abs((turn + 0.5) % 1 - 0.5) * 360 < 12
    assert np.abs(mean - srgb).max() < 0.25  # neither burnt out nor drowned


def test_light_comes_from_above_and_the_left() -> None:
    picture = render([(ball(0.4), GREY)], SIZE, PLAIN).astype(float).mean(-1)
    middle, step = SIZE // 2, SIZE // 7
    assert picture[middle - step, middle - step] > picture[middle + step, middle + step] + 20


def test_sharp_edges_stay_sharp_and_faces_even() -> None:
    picture = render([(cube(0.6), GREY)], SIZE, PLAIN).astype(float).mean(-1)
    means = []
    for axis in range(3):  # the three faces that are seen: +X, +Y, +Z
        around = np.array([(s, t) for s in (-0.2, 0, 0.2) for t in (-0.2, 0, 0.2)])
        face = np.insert(around, axis, 0.3, axis=1)
        row, column = np.floor(pixels(face, PLAIN)).astype(int).T
        shades = picture[row, column]
        assert np.ptp(shades) < 25
        means.append(shades.mean())
    assert min(abs(means[i] - means[j]) for i in range(3) for j in range(i)) > 15


def test_same_input_gives_the_same_bytes() -> None:
    first, second = [(ball(0.4), GREY), (cube(0.6), RED)], [(ball(0.1), BLUE)]
    with Studio() as studio:
        one, other, again = studio.picture(first, SIZE), studio.picture(second, 96), studio.picture(first, SIZE)
    assert one.shape == (SIZE, SIZE, 3) and one.dtype == np.uint8 and other.shape == (96, 96, 3)
    assert np.array_equal(one, again)
    assert np.array_equal(one, render(first, SIZE))


def test_shadow_lies_under_the_shape_alone() -> None:
    parts = [(cube(0.3), GREY)]
    lit, floating = View(top=WHITE, bottom=WHITE), PLAIN
    with_shadow, without = (render(parts, SIZE, view).astype(int).mean(-1) for view in (lit, floating))
    assert (with_shadow <= without).all()
    lower, far = pixels(
        np.array([[0.19, -0.15, 0.0], [-0.5, -0.15, 0.9]]), lit
    )  # on the floor, close to the cube and far off
    assert with_shadow[tuple(lower.astype(int))] < 225
    assert with_shadow[tuple(far.astype(int))] > 253
    assert (with_shadow[: SIZE // 5] == 255).all()  # nothing near the horizon


def test_closer_fits_all_shapes_of_a_sheet() -> None:
    shapes = [[ball(0.2)], [cube(0.3), ball(0.1, (0.3, 0, 0))]]
    view = closer(shapes, PLAIN, margin=0.1)
    extents = [np.abs(project(mesh.vertices, view)).max() for meshes in shapes for mesh in meshes]
    assert max(extents) == pytest.approx(0.9, abs=1e-9)
    assert view.azimuth == PLAIN.azimuth and closer(shapes, view, margin=0.1).zoom == pytest.approx(view.zoom)
    corners = trimesh.creation.box((0.95, 0.95, 0.95)).vertices
    for azimuth in range(0, 360, 15):  # at zoom 1 the largest canonical shape fits from every side
        assert np.abs(project(corners, View(azimuth=azimuth))).max() < 1


@pytest.mark.skipif(sys.platform != "linux", reason="EGL is how Linux draws without a display")
def test_missing_system_libraries_are_an_error_and_no_crash() -> None:
    script = "from engine.pictures.render import Studio; Studio()"
    nowhere = os.environ | {"__EGL_VENDOR_LIBRARY_FILENAMES": os.devnull}
    ran = subprocess.run([sys.executable, "-c", script], env=nowhere, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 1  # not a signal
    assert "StudioError" in ran.stderr and "libegl1" in ran.stderr


def test_bad_input_is_named() -> None:
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    broken = Mesh(np.full((3, 3), np.nan), np.array([[0, 1, 2]], np.int32))
    for parts, size in (([], 64), ([(empty, GREY)], 64), ([(broken, GREY)], 64), ([(ball(0.1), (2.0, 0, 0))], 64)):
        with pytest.raises(InputError):
            render(parts, size)
    with pytest.raises(InputError):
        render([(ball(0.1), GREY)], 8)
    with pytest.raises(InputError):
        View(elevation=90)
    with pytest.raises(InputError):
        closer([[empty]])


def test_around_keeps_clear_of_the_edges_from_every_side() -> None:
    shapes = [[cube(0.3), ball(0.1, (0.3, 0, 0.2))], [ball(0.2, (0, 0.1, -0.2))]]
    view = around(shapes, PLAIN, margin=0.1)
    vertices = np.concatenate([mesh.vertices for meshes in shapes for mesh in meshes])
    extents = [np.abs(project(vertices, replace(view, azimuth=float(angle)))).max() for angle in range(360)]
    assert 0.9 - 0.002 <= max(extents) <= 0.9 + 0.002
    assert replace(view, zoom=1.0) == PLAIN


def test_a_floor_that_is_given_stays_where_it_is() -> None:
    """In a film the shadow must not jump with the shape's lowest point."""
    lit = View(top=WHITE, bottom=WHITE)
    low, high = cube(0.3), Mesh(cube(0.3).vertices + (0, 0.2, 0), cube(0.3).faces)
    fixed = replace(lit, floor=-0.15)
    assert np.array_equal(render([(low, GREY)], SIZE, fixed), render([(low, GREY)], SIZE, lit))
    hovering = render([(high, GREY)], SIZE, fixed).astype(int).mean(-1)
    standing = render([(high, GREY)], SIZE, lit).astype(int).mean(-1)
    corner = tuple(
        pixels(np.array([[0.0, -0.15, 0.16]]), lit)[0].astype(int)
    )  # on the lower floor, under the cube's edge
    assert standing[corner] != hovering[corner]
    touch = tuple(pixels(np.array([[0.19, 0.05, 0.0]]), lit)[0].astype(int))  # where it would stand on the higher floor
    assert hovering[touch] > standing[touch] + 10
