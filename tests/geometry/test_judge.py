import numpy as np
import pytest

from engine.geometry.judge import enclosed, judge, sheet, sides
from engine.geometry.mesh import Mesh, drop_unused, join
from tests.geometry.shapes import box, sphere

BALL = sphere(0.4, 3)
SQUARE = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def shares(mesh: Mesh) -> dict[str, float]:
    found = sides(mesh)
    return {name: float(getattr(found, name).mean()) for name in ("one", "loose", "buried", "thin", "gaps")}


def test_sides_tell_what_a_place_on_the_surface_is() -> None:
    clean = {"one": 1, "loose": 0, "buried": 0, "thin": 0, "gaps": 0}
    assert shares(BALL) == clean
    assert shares(SQUARE) == clean | {"one": 0, "loose": 1}
    plate = shares(box((1, 1, 0.005)))
    assert plate["thin"] > 0.98 and plate["loose"] == 0
    overlapping = shares(join([box(), box((1, 1, 1), (0.5, 0, 0))]))
    assert overlapping["buried"] == pytest.approx(0.5, abs=0.03)  # one end and half of four sides of each
    close = shares(join([box((1, 1, 1)), box((1, 1, 1), (1.005, 0, 0))]))
    assert close["gaps"] == pytest.approx(2 / 12, abs=0.02) and close["buried"] == 0


def test_enclosed_volume() -> None:
    assert enclosed(BALL) == pytest.approx(np.pi / 6, rel=0.02)
    half = drop_unused(Mesh(BALL.vertices, BALL.faces[BALL.triangles[:, :, 2].max(1) <= 1e-9]))
    assert enclosed(half) == pytest.approx(np.pi / 12, rel=0.05)
    assert enclosed(SQUARE) == 0


def test_words_say_what_was_found_and_what_to_do() -> None:
    whole = judge(BALL, [], False, 0.0, {"components": 1})
    assert (whole.verdict, whole.reason, whole.usable) == ("watertight", "Closed as it came.", True)
    assert whole.numbers["components"] == 1 and whole.numbers["one_sided"] == 1
    mended = judge(BALL, ["one hole was filled"], True, 0.0, {})
    assert (mended.verdict, mended.reason) == ("repaired", "Closed after repair. One hole was filled.")
    lost = judge(BALL, [], True, 0.3, {})
    assert lost.verdict == "open" and "30%" in lost.reason and "thickness" in lost.reason
    fine = judge(box((1, 1, 0.005)), [], True, 0.0, {})
    assert fine.verdict == "open" and "thinner than 1 %" in fine.reason
    assert judge(box((1, 1, 0.005)), [], False, 0.0, {}).verdict == "watertight"
    flat = judge(SQUARE, [], False, 0.0, {})
    assert flat.verdict == "sheet" and not flat.usable and flat.reason == sheet(SQUARE, [], {}).reason
    through = judge(join([box(), box((1, 1, 1), (0.5, 0, 0))]), [], False, 0.0, {})
    assert through.verdict == "open" and "goes through itself" in through.reason
