"""Gap and overlap of boxes are known exactly; the score falls when parts are moved back to where they belong."""

import numpy as np
import pytest

from engine.errors import InputError
from engine.geometry.mesh import Mesh, join
from engine.parts.joints import REST, Joint, Solid, joints, limits, measure, score, side, solid, solids
from engine.parts.joints import joint as joint_of_sides
from engine.parts.settle import settle
from tests.parts.toys import drive

CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
FACES = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
FACES += [[1, 5, 7], [1, 7, 3]]


def box(centre: tuple[float, ...], size: tuple[float, ...]) -> Mesh:
    return Mesh(CORNERS * np.array(size) + np.array(centre), np.array(FACES, np.int32))


def joint(a: Solid, b: Solid, shift: tuple[float, float, float] = (0, 0, 0)) -> Joint:
    """How a, shifted, meets b."""
    offset, origin = np.array(shift, float), np.zeros(3)
    return joint_of_sides(side(a, b, offset, origin), side(b, a, origin, offset))


def airplane(seed: int, loose: tuple[float, float, float] = (0, 0, 0)) -> dict[str, Mesh]:
    """A body along z, wings in two pieces, a tail on top; sizes and places differ a little with the seed."""
    r = np.random.default_rng(seed).uniform(0.9, 1.1, 6)
    root = 0.05 * r[0]
    wings = [box((side * (root + 0.15 * r[1] - 0.01), 0, 0), (0.3 * r[1], 0.02, 0.1 * r[2])) for side in (-1, 1)]
    tail = box((loose[0], root + 0.05 * r[3] - 0.01 * r[5] + loose[1], -0.3 + loose[2]), (0.02, 0.1 * r[3], 0.1))
    return {"body": box((0, 0, 0), (2 * root, 2 * root, 0.8 * r[4])), "wing": join(wings), "tail": tail}


def test_the_gap_of_boxes_is_their_distance() -> None:
    a, b = solid(box((0, 0, 0), (0.2, 0.2, 0.2)), "a"), solid(box((0.25, 0, 0), (0.2, 0.2, 0.2)), "b")
    found = joint(a, b)
    assert found.gap == pytest.approx(0.05, abs=1e-9) and found.overlap == 0 and not len(found.overlaps)
    np.testing.assert_allclose(found.gaps[0, :, 0], [0.1, 0.15] if found.gaps[0, 0, 0] < 0.12 else [0.15, 0.1])
    assert joint(a, b, (-0.3, 0, 0)).gap == pytest.approx(0.35, abs=1e-9)
    assert joint(a, b, (0.06, 0, 0)).gap == 0


def test_overlap_is_the_mean_depth_of_the_deeper_surface() -> None:
    small, large = solid(box((0, 0, 0), (0.1, 0.1, 0.1)), "a"), solid(box((0, 0, 0), (0.5, 0.5, 0.5)), "b")
    found = joint(small, large)
    assert found.gap == 0 and found.overlap == pytest.approx(0.2, abs=1e-9)  # all of its surface lies 0.2 deep
    assert len(found.overlaps) == len(small.points)
    depths = [joint(small, large, (shift, 0, 0)).overlap for shift in (0.2, 0.25, 0.29)]
    assert depths[0] > depths[1] > depths[2] > 0


def test_order_and_common_shifts_do_not_matter() -> None:
    parts = solids(airplane(0, (0, 0.02, 0)))
    for a, b in [("body", "wing"), ("body", "tail"), ("wing", "tail")]:
        there, back = joint(parts[a], parts[b], (0.01, 0, 0)), joint(parts[b], parts[a], (-0.01, 0, 0))
        assert (there.gap, there.overlap) == pytest.approx((back.gap, back.overlap), abs=1e-12)


def test_the_loosest_piece_counts() -> None:
    shape = airplane(0)
    far = box((0.3, 0, 0), (0.3, 0.02, 0.1))
    shape["wing"] = join([box((-0.19, 0, 0), (0.3, 0.02, 0.1)), far])
    parts = solids(shape)
    found = joint(parts["body"], parts["wing"])
    assert found.gap == pytest.approx(0.15 - shape["body"].bounds[1, 0], abs=1e-6) and len(found.gaps) == 1


def test_a_piece_may_be_fixed_to_any_part_but_must_be_fixed() -> None:
    """Two engines, one on the body and one on a wing: loose from each of these, but not from the rest."""
    shape = airplane(0)
    wing = shape["wing"].bounds
    on_wing, on_body = box((wing[1, 0] - 0.05, 0.02, 0), (0.03, 0.03, 0.03)), box((0, -0.06, 0.2), (0.03, 0.05, 0.03))
    found = joints(solids({**shape, "engine": join([on_wing, on_body])}))
    assert found["body", "engine"].gap > 0.1 and found["wing", "engine"].gap > 0.1
    assert found["engine", REST].gap == 0 and not len(found["engine", REST].gaps)
    below = box((wing[1, 0] - 0.05, -0.1, 0), (0.03, 0.03, 0.03))
    loose = joints(solids({**shape, "engine": join([below, on_body])}))["engine", REST]
    assert loose.gap == pytest.approx(0.1 - 0.015 + wing[0, 1], abs=1e-6) and len(loose.gaps) == 1


def test_training_shapes_are_usual_and_torn_ones_are_not() -> None:
    training = drive(measure([airplane(seed) for seed in range(20)]))
    usual = limits(training)
    assert np.isinf(usual["wing", "tail"].gap) and usual["body", "wing"].gap < 0.01  # neighbours are found
    totals = [score(found, usual).total for found in training]
    assert np.median(totals) == 0 and max(totals) < 0.01
    torn = score(joints(solids(airplane(3, (0, 0.05, 0)))), usual)
    assert torn.excess["body", "tail"][0] == torn.excess["tail", REST][0] > 0.03
    assert torn.total == pytest.approx(2 * torn.excess["tail", REST][0])
    sunk = score(joints(solids(airplane(3, (0, -0.08, 0)))), usual)
    assert sunk.excess["body", "tail"][1] > 0.005


@pytest.mark.parametrize("loose", [(0, 0.05, 0), (0.12, 0.03, 0.02), (0, -0.08, 0), (0, 0.04, -0.15)])
def test_moves_mend_torn_and_sunken_joints(loose: tuple[float, float, float]) -> None:
    usual = limits(drive(measure([airplane(seed) for seed in range(10)])))
    parts = solids(airplane(99, loose))
    settled = drive(settle(parts, usual, ["tail"]))
    assert set(settled.moves) == {"tail"}
    assert settled.before.total == score(joints(parts), usual).total > 0.005
    assert settled.after.total < 0.1 * settled.before.total
    shift = np.array(settled.moves["tail"])
    assert np.linalg.norm(shift) < 2 * np.linalg.norm(loose)
    again = joint(
        parts["tail"], parts["body"], (shift[0], shift[1], shift[2])
    )  # what is told is what holds after the move
    told: Joint = settled.joints["body", "tail"]
    assert (again.gap, again.overlap) == pytest.approx((told.gap, told.overlap), abs=1e-12)
    assert settled.moves == drive(settle(parts, usual, ["tail"])).moves


def test_what_is_usual_stays_and_held_parts_stay() -> None:
    usual = limits(drive(measure([airplane(seed) for seed in range(10)])))
    good = next(p for p in (solids(airplane(seed)) for seed in range(10)) if score(joints(p), usual).total == 0)
    assert drive(settle(good, usual, ["body", "wing", "tail"])).moves == {}
    torn = solids(airplane(5, (0, 0.06, 0)))
    settled = drive(settle(torn, usual, ["wing"]))
    assert "tail" not in settled.moves and settled.after.total <= settled.before.total
    nothing = drive(settle(torn, usual, []))
    assert nothing.moves == {} and nothing.after == nothing.before


def test_too_little_to_judge_by_and_unknown_parts_are_refused_in_words() -> None:
    few = drive(measure([airplane(seed) for seed in range(3)]))
    with pytest.raises(InputError, match="no joint can be judged"):
        limits(few)
    with pytest.raises(InputError, match="no part rotor to move; it has body, wing, tail"):
        drive(settle(solids(airplane(0)), {}, ["rotor"]))
