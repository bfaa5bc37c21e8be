"""Alpha 0 is A, alpha 1 is B, each part keeps to its own curve, and rows like the training rows are more plausible."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.diffusion.denoiser import Condition, Denoiser
from engine.errors import InputError
from engine.parts.interpolate import alphas, interpolate, nearest_key, plausibility
from engine.parts.settings import Curve
from engine.parts.spans import mask_of, part_values
from tests.parts.test_heal import LAYOUT, PARTS, TINY, same_bytes, tiny
from tests.parts.toys import drive

SPHERE = Curve(way="spherical")


def keys(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, LAYOUT.size, generator=torch.Generator().manual_seed(seed)) * 2


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 4), st.integers(1, 5), st.sampled_from(["linear", "spherical"]), st.integers(0, 999))
def test_frames_at_a_shape_are_that_shape_byte_for_byte(count: int, between: int, way: str, seed: int) -> None:
    shapes = keys(count, seed)
    curve = Curve(way="linear" if way == "linear" else "spherical")
    frames = (count - 1) * between + 1
    found = interpolate(
        shapes, frames, PARTS, rest=curve, centre=torch.ones(LAYOUT.size), scale=torch.full((LAYOUT.size,), 1.5)
    )
    assert same_bytes(found[[0, -1]], shapes[[0, -1]])
    on_time = alphas(frames, curve) * (count - 1)
    for frame in range(0, frames, between):
        if on_time[frame] == frame // between:
            assert same_bytes(found[frame], shapes[frame // between])
        torch.testing.assert_close(found[frame], shapes[frame // between])
    assert nearest_key(count, alphas(frames, curve)).tolist()[::between] == list(range(count))


def test_linear_is_the_straight_line_and_an_arc_keeps_the_length() -> None:
    a, b = keys(2)
    line = interpolate(torch.stack([a, b]), 5, rest=Curve())
    torch.testing.assert_close(line, torch.stack([torch.lerp(a, b, k / 4) for k in range(5)]))
    a, b = a / a.norm(), b / b.norm()
    arc = interpolate(torch.stack([a, b]), 9, rest=SPHERE)
    torch.testing.assert_close(arc.norm(dim=1), torch.ones(9))
    steps = (arc[1:] * arc[:-1]).sum(1).clamp(max=1).acos()
    torch.testing.assert_close(steps, steps.mean().expand(8), atol=1e-3, rtol=0)
    same = interpolate(torch.stack([a, a]), 3, rest=SPHERE)
    torch.testing.assert_close(same, a.expand(3, -1))
    with pytest.raises(InputError, match="opposite"):
        interpolate(torch.stack([a, -a]), 3, rest=SPHERE)
    off = interpolate(torch.stack([a, -a]), 3, rest=SPHERE, centre=torch.ones(LAYOUT.size))  # opposite no more
    assert off.isfinite().all()


def test_a_named_part_goes_alone_and_each_goes_its_own_curve() -> None:
    shapes = keys(3)
    alone = interpolate(shapes, 7, PARTS, {"b": Curve()})
    mask = mask_of(["b"], PARTS, LAYOUT.size)
    assert same_bytes(alone[:, ~mask], shapes[0].expand(7, -1)[:, ~mask])
    assert same_bytes(alone[-1, mask], shapes[-1, mask])
    late = Curve(((0, 0), (0.5, 0), (1, 1)))
    both = interpolate(shapes, 7, PARTS, {"b": late}, rest=Curve(way="spherical"))
    b = part_values(both, PARTS[1])
    assert same_bytes(b[:4], part_values(shapes[0], PARTS[1]).expand(4, -1)) and (b[4] != b[3]).any()
    a = part_values(both, PARTS[0])
    same = interpolate(part_values(shapes, PARTS[0]), 7, rest=Curve(way="spherical"))
    torch.testing.assert_close(a, same)  # a part's arc is its own


def test_what_is_no_interpolation_is_refused_in_words() -> None:
    for knots in [((0.0, 0.0),), ((0.0, 0.0), (0.9, 1.0)), ((0.0, 0.0), (0.5, 2.0), (1.0, 1.0))]:
        with pytest.raises(InputError, match="curve"):
            interpolate(keys(2), 3, rest=Curve(knots))
    with pytest.raises(InputError, match="at least 2"):
        interpolate(keys(2), 1, rest=Curve())
    with pytest.raises(InputError, match="at least two shapes"):
        interpolate(keys(1), 3, rest=Curve())
    with pytest.raises(InputError, match="no part named rotor"):
        interpolate(keys(2), 3, PARTS, {"rotor": Curve()})


class Clusters(Denoiser):
    """The exact denoiser of data that is one of two rows, with a little Gaussian spread."""

    def __init__(self, centres: torch.Tensor, spread: float) -> None:
        super().__init__(LAYOUT, TINY)
        self.centres, self.spread = centres, spread

    def forward(self, x: torch.Tensor, t: torch.Tensor, condition: Condition | None = None) -> torch.Tensor:
        a, s = self.schedule.at(int(t[0]))
        wide = a**2 * self.spread**2 + s**2
        off = x[:, None] - a * self.centres  # (B, 2, D)
        share = (-off.pow(2).sum(2) / (2 * wide)).softmax(1)
        return (share[:, :, None] * (self.centres + a * self.spread**2 / wide * off)).sum(1)


def test_rows_like_the_training_rows_are_more_plausible_than_others() -> None:
    centres = keys(2) / 2
    loss = drive(plausibility(Clusters(centres, 0.1), interpolate(centres, 5, rest=Curve())))
    assert loss[2] > 2 * max(loss[0], loss[4])  # half way between two clusters is nowhere
    assert loss[2] > loss[1] > loss[0] and loss[2] > loss[3] > loss[4]


def test_plausibility_does_not_depend_on_the_other_rows_and_repeats() -> None:
    denoiser, shapes = tiny(), keys(5)
    whole = drive(plausibility(denoiser, shapes))
    assert torch.equal(whole, drive(plausibility(denoiser, shapes)))
    torch.testing.assert_close(drive(plausibility(denoiser, shapes[2:3]))[0], whole[2])
    torch.testing.assert_close(drive(plausibility(denoiser, shapes, batch=2)), whole)
    assert (drive(plausibility(denoiser, shapes, seed=1)) != whole).any()
    assert drive(plausibility(denoiser, shapes[:0])).shape == (0,)
