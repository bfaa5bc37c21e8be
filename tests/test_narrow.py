"""Joints: how wide the narrowest is that a shape hangs by, whatever else of it is wide."""

from collections.abc import Mapping

import pytest

from engine.geometry.mesh import Mesh
from engine.metrics.decoding import decoded_solids
from engine.narrow import DELICATE, NONE, narrowest_joint
from tests.test_looking import Ball, Balls, ended

GRID = 48
STEP = 1 / (GRID - 1)


def joint(parts: Mapping[str, tuple[Ball, ...]]) -> float:
    solids: dict[str, Mesh] = ended(decoded_solids(Balls(parts), GRID))
    return narrowest_joint(solids, GRID)


def two(depth: float) -> dict[str, tuple[Ball, ...]]:
    """Balls of two parts that run into each other so far."""
    r = 0.15
    return {"a": ((-r + depth / 2, 0.0, 0.0, r),), "b": ((r - depth / 2, 0.0, 0.0, r),)}


def test_the_deeper_two_parts_meet_the_wider_is_their_joint() -> None:
    widths = [joint(two(depth)) for depth in (-0.1, 0.02, 0.06, 0.12)]
    assert widths[0] == 0 and widths == sorted(set(widths)) and widths[1] < 0.15 < widths[-1] + 0.05


def test_a_shape_is_held_by_the_widest_way_to_each_piece() -> None:
    """Three in a row, of which the ends meet nothing else: the narrower joint counts; joined past it as well, it does not."""
    row: dict[str, tuple[Ball, ...]] = {
        "left": ((-0.24, 0.0, 0.0, 0.14),),
        "middle": ((0.0, 0.0, 0.0, 0.14),),
        "right": ((0.26, 0.0, 0.0, 0.14),),
    }
    narrow = joint(row)
    assert narrow == pytest.approx(joint({name: row[name] for name in ("middle", "right")}))
    assert narrow < joint({name: row[name] for name in ("left", "middle")})
    past = row | {"bow": ((0.13, 0.14, 0.0, 0.12),)}
    assert joint(past) > narrow


def test_one_piece_has_no_joint_and_crumbs_need_none() -> None:
    assert joint({"a": ((0.0, 0.0, 0.0, 0.2),)}) == NONE
    crumb = {"a": ((0.0, 0.0, 0.0, 0.2), (0.4, 0.0, 0.0, 0.04))}
    assert joint(crumb) == NONE
    assert joint({**crumb, "b": ((0.2, 0.0, 0.0, 0.2),)}) > DELICATE
