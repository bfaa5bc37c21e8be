import numpy as np
import trimesh

from engine.geometry.crumbs import shells, without_crumbs
from engine.geometry.mesh import Mesh, is_watertight, join, volume


def ball(radius: float, centre: tuple[float, float, float], finer: int = 2) -> Mesh:
    made = trimesh.creation.icosphere(subdivisions=finer, radius=radius)
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
    assert left_out == {"body": 1}
    assert np.isclose(volume(kept["body"]), volume(body))
    assert kept.keys() == {"body", "wheel", "twin"}  # the wheel is small but touches; the twin is loose but large


def test_a_part_is_never_left_out() -> None:
    """Only what is small beside the part's own largest shell goes: a twin of it is none of its crumbs."""
    engine, twin = ball(0.04, (0.4, 0.4, 0.4)), ball(0.039, (-0.4, 0.4, 0.4))
    solids = {"body": ball(0.2, (0, 0, 0)), "engine": join([engine, twin, ball(0.02, (0.4, -0.4, 0.4))])}
    kept, left_out = without_crumbs(solids, 0.03, 0.01)
    assert set(kept) == {"body", "engine"} and left_out == {"engine": 1}
    assert np.isclose(volume(kept["engine"]), volume(engine) + volume(twin))
    assert without_crumbs({}, 0.03, 0.01) == ({}, {})


def test_a_part_that_stands_alone_in_a_union_stays() -> None:
    """The wing grows out of the body, so that its loose shell is a crumb; the engine has no other shell."""
    body, wing, engine = ball(0.2, (0, 0, 0), 4), ball(0.03, (0.4, 0.4, 0.4)), ball(0.04, (-0.4, 0.4, 0.4))
    union = join([body, wing, engine])
    names = (("body", 2000), ("wing", len(body.vertices) - 2000), ("wing", len(wing.vertices)), ("engine", 999))
    owners = np.concatenate([[name] * count for name, count in names])[: len(union.vertices)]
    assert without_crumbs({"": union}, 0.03, 0.01)[1] == {"": 2}
    kept, left_out = without_crumbs({"": union}, 0.03, 0.01, owners)
    assert np.isclose(volume(kept[""]), volume(body) + volume(engine)) and left_out == {"wing": 1}
