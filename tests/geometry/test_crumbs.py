import numpy as np
import trimesh

from engine.geometry.crumbs import shells, without_crumbs
from engine.geometry.mesh import Mesh, is_watertight, join, volume


def ball(radius: float, centre: tuple[float, float, float]) -> Mesh:
    made = trimesh.creation.icosphere(subdivisions=2, radius=radius)
    return Mesh(np.asarray(made.vertices, np.float64) + centre, np.asarray(made.faces, np.int32))


def test_shells_come_apart_whole() -> None:
    balls = [ball(0.1, (0.3, 0, 0)), ball(0.2, (-0.2, 0, 0))]
    found = shells(join(balls))
    assert [round(volume(piece), 9) for piece in found] == [round(volume(piece), 9) for piece in reversed(balls)]
    assert all(is_watertight(piece) for piece in found)


def test_only_small_loose_shells_are_left_out() -> None:
    body, wheel = ball(0.2, (0, 0, 0)), ball(0.03, (0, -0.21, 0))
    twin, crumb = ball(0.15, (0.4, 0, 0.3)), ball(0.03, (-0.4, 0.4, 0.4))
    kept, left_out = without_crumbs({"body": join([body, crumb]), "wheel": wheel, "twin": twin}, 0.03, 0.01)
    assert left_out == 1
    assert np.isclose(volume(kept["body"]), volume(body))
    assert kept.keys() == {"body", "wheel", "twin"}  # the wheel is small but touches; the twin is loose but large


def test_a_part_that_is_all_crumbs_goes() -> None:
    kept, left_out = without_crumbs({"body": ball(0.2, (0, 0, 0)), "engine": ball(0.02, (0.4, 0.4, 0.4))}, 0.03, 0.01)
    assert (set(kept), left_out) == ({"body"}, 1)
    assert without_crumbs({}, 0.03, 0.01) == ({}, 0)
