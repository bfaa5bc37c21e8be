"""Masked diffusion: held parts come back byte for byte, free parts follow the distribution that the held ones imply."""

import msgspec
import pytest
import torch
from torch import Tensor

from engine.diffusion.denoiser import Condition, Denoiser
from engine.errors import InputError
from engine.layout import Layout, Slot
from engine.method import Part
from engine.parts.heal import heal, reroll, stretches
from engine.parts.settings import HealSettings
from engine.parts.spans import mask_of
from engine.settings import DenoiserSettings
from tests.parts.toys import drive

LAYOUT = Layout((Slot("a.x", (2, 2), "a"), Slot("b.x", (3,), "b"), Slot("a.y", (1,), "a"), Slot("whole", (2,))))
PARTS = tuple(Part(name, (0, 0, 0), LAYOUT.spans_of(name)) for name in ("a", "b"))
TINY = DenoiserSettings(width=16, layers=1, heads=2, schedule="cosine", time="smooth", timesteps=100)
QUICK = HealSettings(steps=20, resample=2, jump=3)


class Exact(Denoiser):
    """The exact denoiser of a Gaussian: E[x0 | x_t] for covariance C and mean mu, in normalised units.

    With x_t = a x0 + s eps: E[x0 | x_t] = mu + a C (a^2 C + s^2 I)^-1 (x_t - a mu)   (Bishop 2006, eq. 2.116).
    """

    def __init__(self, layout: Layout, mean: Tensor, covariance: Tensor) -> None:
        super().__init__(layout, TINY)
        self.mu, self.covariance = mean, covariance

    def forward(self, x: Tensor, t: Tensor, condition: Condition | None = None) -> Tensor:
        a, s = self.schedule.at(int(t[0]))
        gain = a * self.covariance @ torch.linalg.inv(a**2 * self.covariance + s**2 * torch.eye(len(self.mu)))
        return self.mu + (x - a * self.mu) @ gain.T


def tiny() -> Denoiser:
    torch.manual_seed(0)
    denoiser = Denoiser(LAYOUT, TINY)
    denoiser.fit_statistics([torch.randn(50, LAYOUT.size) * 2 + 1])
    return denoiser


def rows(count: int) -> Tensor:
    return torch.randn(count, LAYOUT.size, generator=torch.Generator().manual_seed(1))


def same_bytes(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a.contiguous().view(torch.uint8), b.contiguous().view(torch.uint8))


@pytest.mark.parametrize("free", [["a"], ["b"], ["a", "b"]])
@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
def test_held_numbers_come_back_byte_for_byte_and_free_ones_change(free: list[str], strength: float) -> None:
    start, mask = rows(3), mask_of(free, PARTS, LAYOUT.size)
    start[0, 4:7] = torch.tensor([0.1, -0.0, 1e-42])  # what arithmetic would not bring back
    settings = msgspec.structs.replace(QUICK, strength=strength)
    healed = drive(heal(tiny(), start, mask, settings, [1, 2, 3]))
    assert same_bytes(healed[:, ~mask], start[:, ~mask])
    assert (healed[:, mask] != start[:, mask]).all()


def test_a_row_depends_on_its_own_seed_alone() -> None:
    denoiser, start, mask = tiny(), rows(3), mask_of(["a"], PARTS, LAYOUT.size)
    together = drive(heal(denoiser, start, mask, QUICK, [5, 6, 7]))
    assert torch.equal(together, drive(heal(denoiser, start, mask, QUICK, [5, 6, 7])))
    for i, seed in enumerate([5, 6, 7]):
        torch.testing.assert_close(drive(heal(denoiser, start[i : i + 1], mask, QUICK, [seed]))[0], together[i])
    in_twos = drive(heal(denoiser, start, mask, msgspec.structs.replace(QUICK, batch=2), [5, 6, 7]))
    torch.testing.assert_close(in_twos, together)


def test_all_held_changes_nothing_and_says_so_and_all_mode_changes_all_and_says_so() -> None:
    denoiser, start, nothing = tiny(), rows(2), torch.zeros(LAYOUT.size, dtype=torch.bool)
    notes: list[str] = []
    assert same_bytes(drive(heal(denoiser, start, nothing, QUICK, [0, 1]), notes), start)
    assert "everything is held" in notes[0]
    whole = msgspec.structs.replace(QUICK, mode="all", resample=1)
    changed = drive(heal(denoiser, start, nothing, whole, [0, 1]), notes)
    assert (changed != start).all() and "every part changes" in notes[1]


def test_free_numbers_follow_the_exact_conditional_gaussian() -> None:
    """Two correlated numbers, one of them held: the other must have the conditional mean and deviation of a Gaussian."""
    layout = Layout((Slot("a", (1,), "a"), Slot("b", (1,), "b")))
    correlation = 0.9
    denoiser = Exact(layout, torch.tensor([0.5, -0.5]), torch.tensor([[1.0, correlation], [correlation, 1.0]]))
    held = 1.5
    count = 600
    start = torch.tensor([[held, 0.0]]).expand(count, 2)
    free = torch.tensor([False, True])
    plain = HealSettings(strength=1.0, steps=30, resample=1, batch=count)
    mean, deviation = -0.5 + correlation * (held - 0.5), (1 - correlation**2) ** 0.5
    error = {}
    for resample in (1, 10):
        settings = msgspec.structs.replace(plain, resample=resample)
        drawn = drive(heal(denoiser, start, free, settings, range(count)))[:, 1]
        error[resample] = abs(float(drawn.mean()) - mean) + abs(float(drawn.std()) - deviation)
    assert error[10] < 0.12
    assert error[10] < 0.5 * error[1]  # this is what resampling is for


def test_a_low_strength_stays_near_the_old_numbers() -> None:
    layout = Layout((Slot("a", (1,), "a"), Slot("b", (1,), "b")))
    denoiser = Exact(layout, torch.zeros(2), torch.eye(2))
    start = torch.tensor([[0.0, 2.0]]).expand(500, 2)
    free = torch.tensor([False, True])
    away = []
    for strength in (0.1, 0.4, 1.0):
        settings = HealSettings(strength=strength, steps=15, batch=500)
        healed = drive(heal(denoiser, start, free, settings, range(500)))
        away.append(float((healed[:, 1] - 2).abs().mean()))
    assert away[0] < 0.5 * away[1] < away[2]


def test_guidance_follows_its_gradient_in_free_numbers_only() -> None:
    layout = Layout((Slot("a", (1,), "a"), Slot("b", (1,), "b")))
    denoiser = Exact(layout, torch.zeros(2), torch.eye(2))
    start, free = torch.zeros(200, 2), torch.tensor([False, True])
    settings = HealSettings(strength=1.0, steps=30, resample=1, batch=200, guidance=1.0)
    plain = drive(heal(denoiser, start, free, settings, range(200)))
    guided = drive(heal(denoiser, start, free, settings, range(200), guide=lambda x: (x - 1).pow(2).sum(1)))
    assert (guided[:, 1] - 1).pow(2).mean() < 0.3 * (plain[:, 1] - 1).pow(2).mean()
    assert (guided[:, 0] == 0).all()


def test_variants_differ_in_the_named_parts_only_and_their_seeds_draw_them_again() -> None:
    denoiser, start = tiny(), rows(1)[0]
    found = drive(reroll(denoiser, start, ["b"], PARTS, 5, QUICK, seed=3), [])
    mask = mask_of(["b"], PARTS, LAYOUT.size)
    assert found.latent.shape == (5, LAYOUT.size) and len(set(found.seeds)) == 5
    assert same_bytes(found.latent[:, ~mask], start.expand(5, -1)[:, ~mask])
    assert len(found.latent[:, mask].unique(dim=0)) == 5
    anew = msgspec.structs.replace(QUICK, strength=1.0, loose=found.loose[3])
    again = drive(heal(denoiser, start[None], mask, anew, [found.seeds[3]]))[0]
    torch.testing.assert_close(again, found.latent[3])
    other = start.clone()
    other[mask] = 100.0  # what stood there does not matter
    torch.testing.assert_close(drive(heal(denoiser, other[None], mask, anew, [found.seeds[3]]))[0, mask], again[mask])


def test_variants_differ_even_where_the_held_part_leaves_no_choice() -> None:
    together = torch.ones(LAYOUT.size, LAYOUT.size) + 1e-4 * torch.eye(LAYOUT.size)  # all numbers of a row are alike
    denoiser, start, mask = Exact(LAYOUT, torch.zeros(LAYOUT.size), together), torch.ones(LAYOUT.size), _mask("b")
    faithful = drive(heal(denoiser, start.expand(4, -1), mask, msgspec.structs.replace(QUICK, strength=1.0), range(4)))
    assert (faithful - 1).abs().max() < 0.3
    notes: list[str] = []
    found = drive(reroll(denoiser, start, ["b"], PARTS, 2, QUICK, seed=0), notes)
    apart = torch.cdist(torch.cat([start[None], found.latent])[:, mask], found.latent[:, mask]) / int(mask.sum()) ** 0.5
    assert apart[apart > 0].min() > 0.5 and max(found.loose) > 0 and "less regard" in notes[0]
    assert same_bytes(found.latent[:, ~mask], start.expand(2, -1)[:, ~mask])


def _mask(name: str) -> Tensor:
    return mask_of([name], PARTS, LAYOUT.size)


@pytest.mark.parametrize(("steps", "jump", "resample"), [(10, 3, 4), (10, 1, 2), (5, 5, 3), (4, 7, 3), (1, 1, 1)])
def test_the_walk_is_connected_ends_clean_and_repeats_each_stretch(steps: int, jump: int, resample: int) -> None:
    walk = stretches(steps, jump, resample)
    assert walk[0][0] == 0 and walk[-1][1] == steps
    assert all(before[1] == after[0] for before, after in zip(walk, walk[1:], strict=False))
    assert all(stop - start in (1, -jump) for start, stop in walk)
    for place in range(steps // jump * jump):
        assert walk.count((place, place + 1)) == resample
    for place in range(steps // jump * jump, steps):
        assert walk.count((place, place + 1)) == 1


def test_what_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="do not fit a model of 10 numbers"):
        drive(heal(tiny(), torch.zeros(1, 5), torch.ones(5, dtype=torch.bool), QUICK, [0]))
    with pytest.raises(InputError, match="name the parts"):
        drive(reroll(tiny(), rows(1)[0], [], PARTS, 2, QUICK, seed=0))
