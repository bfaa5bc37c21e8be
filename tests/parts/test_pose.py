"""Motions compose, and a posed field says at a moved point what the field said at the point."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.errors import InputError
from engine.geometry.mesh import is_watertight, volume
from engine.geometry.surface import extract
from engine.parts.pose import PosedField, apply, compose, inverse, mirrored, moved, posed, rotated, scaled, unmoved
from tests.parts.toys import AIRPLANE, PARTS, drive, exact, field, parent, points

Number = st.floats(-0.3, 0.3)
Place = st.tuples(Number, Number, Number)
Axis = st.tuples(Number, Number, Number).filter(lambda v: sum(x * x for x in v) > 1e-3)


@st.composite
def poses(draw: st.DrawFn) -> Tensor:
    """A few motions one after the other."""
    pose = unmoved()
    for kind in draw(st.lists(st.sampled_from(["move", "rotate", "scale", "mirror"]), max_size=4)):
        about = draw(Place)
        if kind == "move":
            pose = moved(pose, draw(Place))
        elif kind == "rotate":
            pose = rotated(pose, draw(Axis), draw(st.floats(-180, 180)), about)
        elif kind == "scale":
            pose = scaled(pose, draw(st.floats(0.5, 2)), about)
        else:
            pose = mirrored(pose, draw(Axis), about)
    return pose


@settings(deadline=None)
@given(poses(), poses())
def test_motions_compose_and_can_be_undone(first: Tensor, second: Tensor) -> None:
    where = points(20)
    torch.testing.assert_close(
        apply(compose(second, first), where), apply(second, apply(first, where)), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(apply(inverse(first), apply(first, where)), where, atol=1e-4, rtol=0)


@settings(deadline=None)
@given(Axis, Place, st.floats(-180, 180))
def test_mirrors_and_turns_keep_lengths_and_their_fixed_points(
    axis: tuple[float, ...], about: tuple[float, ...], degrees: float
) -> None:
    where, fixed = points(20), torch.tensor(about)
    mirror, turn = mirrored(unmoved(), axis, about), rotated(unmoved(), axis, degrees, about)
    torch.testing.assert_close(compose(mirror, mirror), unmoved(), atol=1e-6, rtol=0)
    assert torch.linalg.det(mirror[:, :3]) < 0 < torch.linalg.det(turn[:, :3])
    for pose in (mirror, turn):
        found = apply(pose, where)
        torch.testing.assert_close(torch.pdist(found), torch.pdist(where), atol=1e-5, rtol=0)
        torch.testing.assert_close(apply(pose, fixed[None])[0], fixed, atol=1e-6, rtol=0)


def test_a_quarter_turn_is_counter_clockwise() -> None:
    turned = apply(rotated(unmoved(), (0, 0, 2), 90), torch.tensor([[1.0, 0, 0]]))
    torch.testing.assert_close(turned, torch.tensor([[0.0, 1, 0]]), atol=1e-6, rtol=0)


@settings(deadline=None)
@given(poses())
def test_points_are_pulled_back(pose: Tensor) -> None:
    whole = field(parent("a").shape)
    wing = PosedField(whole, {"wing": ("wing", pose)}).part("wing")
    where = points(200)
    torch.testing.assert_close(wing(apply(pose, where)), exact(where, AIRPLANE["wing"]), atol=1e-4, rtol=0)


def test_the_whole_is_the_union_of_moved_parts_and_unmoved_ones_stay_bit_for_bit() -> None:
    whole, where = field(parent("a").shape), points()
    shape = parent("a").shape
    assert posed(whole, replace(shape, pose=unmoved(1, 3)), PARTS) is whole
    pose = unmoved(3)
    pose[1] = moved(pose[1], (-0.1, 0.1, 0))
    shifted = posed(whole, replace(shape, pose=pose[None]), PARTS)
    assert torch.equal(shifted.part("body")(where), whole.part("body")(where))
    expected = exact(where, ((0.05, 0.1, 0), 0.15))
    learned = ((where - torch.tensor([-0.1, 0.1, 0])).abs() <= 0.5).all(1)
    torch.testing.assert_close(shifted.part("wing")(where)[learned], expected[learned], atol=1e-5, rtol=0)
    assert (shifted.part("wing")(where)[~learned] < 0).all()
    union = torch.stack([shifted.part(name)(where) for name in shifted.parts]).amax(0)
    assert torch.equal(shifted(where), union)


def test_outside_its_cube_a_part_is_empty_without_a_jump() -> None:
    body = parent("a", {"body": ((0, 0, 0), 3.0)})  # full everywhere in the cube
    cube = PosedField(field(body.shape), {"body": ("body", scaled(unmoved(), 0.5))})
    mesh = drive(extract(cube, 41))
    assert is_watertight(mesh)
    assert volume(mesh) == pytest.approx(0.5**3, rel=0.15)
    airplane = PosedField(field(parent("a").shape), {"wing": ("wing", scaled(unmoved(), 0.5))})
    line = torch.zeros(401, 3)
    line[:, 0] = torch.linspace(-0.5, 0.5, 401)
    assert airplane(line).diff().abs().max() < 0.12  # 20 per unit beyond the cube, twice that for the scale


def test_duplicates_and_mirrored_parts_are_watertight_and_have_the_volume_of_their_part() -> None:
    engine = field(parent("a", {"tail": ((0.2, 0.02, 0.03), 0.15)}).shape)
    twins = PosedField(engine, {"left": ("tail", unmoved()), "right": ("tail", mirrored(unmoved(), (1, 0, 0)))})
    one, both = drive(extract(engine, 48)), drive(extract(twins, 48))
    assert is_watertight(both) and twins.parts == ("left", "right")
    assert volume(both) == pytest.approx(2 * volume(one), rel=0.01)
    assert drive(extract(PosedField(engine, {}), 33)).faces.size == 0


def test_what_cannot_be_is_refused_in_words() -> None:
    whole = field(parent("a").shape)
    with pytest.raises(InputError, match="has no part rotor to move; it has body, wing, tail"):
        PosedField(whole, {"rotor": ("rotor", unmoved())})
    with pytest.raises(InputError, match="squeezes the part flat"):
        PosedField(whole, {"wing": ("wing", torch.zeros(3, 4))})
    with pytest.raises(InputError, match="factors above 0"):
        scaled(unmoved(), (1, 0, 1))
    with pytest.raises(InputError, match="direction"):
        mirrored(unmoved(), (0, 0, 0))
