"""Order of parts: learned from sizes of any kind, told where it is broken, and set right by lifts and by moves."""

import numpy as np
import pytest

from engine.geometry.mesh import Mesh, join
from engine.parts.joints import joints, limits, measure, score, solids
from engine.parts.order import FLUSH, LEAST, SPARE, Heights, lifts, out_of_order, rules_for, rules_of
from engine.parts.settle import settle
from tests.parts.test_joints import box
from tests.parts.toys import drive

SHORT = 0.05


def heights(seed: int, up: float = 0.0) -> dict[str, tuple[float, float]]:
    """A table of any size whose legs, which end within its top, stand ``up`` higher than they should."""
    size, thick, inside = np.random.default_rng(seed).uniform((0.3, 0.02, 0.01), (0.8, 0.08, 0.02))
    top = size / 2
    legs = -size / 2 + up, top - inside + up
    return {"top": (top - thick, top), "leg": legs, "drawer": (top - thick - 0.1, top - thick)}


RULES = rules_of(heights(seed) for seed in range(100))


def test_what_is_the_same_in_all_shapes_is_the_order_and_nothing_else() -> None:
    known = {(rule.lower, rule.upper, rule.end) for rule in RULES}
    legs = {("leg", "top", 0), ("leg", "top", 1), ("leg", "drawer", 0)}
    assert known == legs | {("drawer", "top", 0), ("drawer", "top", 1), ("drawer", "leg", 1)}
    assert all(SPARE - FLUSH <= rule.highest <= 2 * SPARE for rule in RULES)
    assert not any(out_of_order(heights(seed), RULES) for seed in range(1000, 1200))


def test_few_shapes_and_parts_of_either_order_have_none() -> None:
    assert rules_of(heights(seed) for seed in range(LEAST - 1)) == ()
    either = [{"a": (0.0, r), "b": (0.0, 0.1)} for r in np.random.default_rng(0).uniform(0, 0.2, 50)]
    assert {(rule.lower, rule.upper, rule.end) for rule in rules_of(either)} == {("a", "b", 0), ("b", "a", 0)}


@pytest.mark.parametrize("up", [0.03, 0.045, 0.2])
def test_lifts_are_short_and_set_all_right(up: float) -> None:
    for seed in range(1000, 1020):
        broken = heights(seed, up)
        assert out_of_order(broken, RULES)["leg", "top"] > 0
        found = lifts(broken, RULES, SHORT)
        assert bool(found) == (up < SHORT + 0.01)
        for name, by in found:
            low, high = broken[name]
            mended: Heights = {**broken, name: (low + by, high + by)}
            assert abs(by) <= SHORT and out_of_order(mended, RULES) == {}
        assert [abs(by) for _, by in found] == sorted(abs(by) for _, by in found)
    assert lifts(heights(1000), RULES, SHORT) == []


def test_a_copy_follows_the_rules_of_its_part() -> None:
    copied = heights(1000) | {"leg.2": heights(1000, 0.1)["leg"]}
    rules = rules_for({name: name.partition(".")[0] for name in copied}, RULES)
    assert set(out_of_order(copied, rules)) == {("leg.2", "top")} and not out_of_order(copied, RULES)


def car(seed: int, side: int = 1) -> dict[str, Mesh]:
    """A body with a roof that reaches into it from above; from below with ``side`` -1."""
    wide, high, thick = np.random.default_rng(seed).uniform((0.3, 0.2, 0.08), (0.4, 0.3, 0.12))
    roof = box((0, side * (high + thick - 0.04) / 2, 0), (0.8 * wide, thick, 0.4))
    wheels = [box((left * wide / 2, -high / 2, z), (0.04, 0.1, 0.1)) for left in (-1, 1) for z in (-0.35, 0.35)]
    return {"body": box((0, 0, 0), (wide, high, 0.8)), "roof": roof, "wheel": join(wheels)}


def ends(parts: dict[str, Mesh]) -> dict[str, tuple[float, float]]:
    return {name: (float(mesh.bounds[0, 1]), float(mesh.bounds[1, 1])) for name, mesh in parts.items()}


def test_a_roof_below_its_body_is_moved_on_top_of_it() -> None:
    """It touches the body there as it should, so no joint tells. Where all is right, nothing moves."""
    training = [car(seed) for seed in range(LEAST + 5)]
    usual, rules = limits(drive(measure(training))), rules_of(ends(shape) for shape in training)
    good, under = solids(car(99)), solids(car(99, -1))
    assert drive(settle(good, usual, list(good), rules)).moves == drive(settle(good, usual, list(good))).moves == {}
    assert score(joints(under), usual).total == 0 and drive(settle(under, usual, list(under))).moves == {}
    settled = drive(settle(under, usual, list(under), rules))
    assert settled.before.total > 0.1 and ("body", "roof") in settled.before.order
    assert settled.after.total == 0 and settled.moves == drive(settle(under, usual, list(under), rules)).moves
    there = {name: mesh.bounds[:, 1] + settled.moves.get(name, (0, 0, 0))[1] for name, mesh in car(99, -1).items()}
    assert there["roof"][1] > there["body"][1] > there["roof"][0]
