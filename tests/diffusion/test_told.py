"""What a denoiser is told while it learns, and that it does as asked: alone, together, by half, and more so with guidance."""

import math

import pytest
import torch
from torch import Tensor

from engine.diffusion.denoiser import NONE, Denoiser, told
from engine.diffusion.sample import draw
from engine.layout import Layout, Slot
from engine.method import Batch
from engine.optimise import optimise
from engine.settings import DenoiserSettings, SamplerSettings, TrainSettings
from engine.stages import ended

LAYOUT = Layout((Slot("kind", (2,), "a"), Slot("there", (1,), "b"), Slot("colour", (2,), "b")))
CLASSES = {"category": 2, "part:arm": 2, "attribute:colour": 3}
SHARES = {"category": (0.7, 0.3), "part:arm": (0.35, 0.65), "attribute:colour": (0.5, 0.3, 0.2)}
NOISE = 0.6  # one in twenty aeroplanes with arms looks as if it had none: guidance has something to mend


def settings(width: int = 32) -> DenoiserSettings:
    return DenoiserSettings(
        width=width,
        layers=2,
        heads=4,
        tokens="chunk",
        schedule="cosine",
        time="smooth",
        timesteps=100,
        predict="v",
    )


def draws(names: tuple[str, ...], drop: float, count: int = 40_000) -> Tensor:
    return told(count, names, drop, torch.Generator().manual_seed(0)).float()


def test_every_question_is_learned() -> None:
    names = ("part:a", "category", "part:b", "part:c", "attribute:d")
    kept = draws(names, 0.1)
    numbers = (kept * 2 ** torch.arange(5)).sum(1).long()
    shares = torch.bincount(numbers, minlength=32) / len(kept)
    assert shares.min() > 0.001  # each of the 32 sets of conditions
    assert shares[0b00010] > 0.2 and shares[0b11111] > 0.05 and shares[0] > 0.1  # the category alone, all, nothing
    assert kept[:, 1].mean().item() == pytest.approx(0.9**2, abs=0.01)
    assert kept[:, [0, 2, 3, 4]].mean(0).tolist() == pytest.approx([0.9 / 3] * 4, abs=0.01)


def test_questions_of_few_things_stay_common_however_many_things_there_are() -> None:
    kept = draws(("category", *(f"part:{i}" for i in range(30))), 0.1)
    few = kept[:, 1:].sum(1)
    for count in (0, 1, 2, 3):
        assert (few == count).float().mean() > 0.04
    assert (few >= 25).float().mean() > 0.04


def test_drop_is_the_share_that_is_told_nothing() -> None:
    for names in (("category",), ("part:a",)):  # the only one there is, is told to all the others
        assert draws(names, 0.3).mean().item() == pytest.approx(0.7, abs=0.01)
        assert draws(names, 0.0).all() and not draws(names, 1.0).any()
    assert draws(("category", "part:a"), 0.0)[:, 0].all() and not draws(("category", "part:a"), 1.0).any()
    again = told(50, ("category", "part:a"), 0.5, torch.Generator().manual_seed(3))
    assert torch.equal(again, told(50, ("category", "part:a"), 0.5, torch.Generator().manual_seed(3)))


def test_any_number_of_conditions_is_one_token() -> None:
    seen: list[int] = []
    for count in (0, 1, 40):
        denoiser = Denoiser(LAYOUT, settings(), {f"part:{i}": 2 for i in range(count)})
        denoiser.transformer.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[1]))
        denoiser(torch.zeros(1, LAYOUT.size), torch.tensor([1]))
    own = len(denoiser.tokens) + 1
    assert seen == [own, own + 1, own + 1]


def test_what_is_not_said_is_the_null_whatever_else_is_asked() -> None:
    torch.manual_seed(0)
    denoiser = Denoiser(LAYOUT, settings(), CLASSES).eval()
    assert denoiser.classes is not None
    torch.nn.init.normal_(denoiser.classes.weight)
    x, t = torch.randn(3, LAYOUT.size), torch.tensor([5, 50, 99])
    nothing = torch.full((3,), NONE)
    arm = torch.tensor([0, 1, 1])
    with torch.no_grad():
        said = denoiser(x, t, {"part:arm": arm})
        assert torch.equal(said, denoiser(x, t, {"category": nothing, "part:arm": arm, "attribute:colour": nothing}))
        assert torch.equal(denoiser(x, t), denoiser(x, t, dict.fromkeys(CLASSES, nothing)))
        outputs = [denoiser(x, t, {name: torch.full((3,), c)}) for name, n in CLASSES.items() for c in range(-1, n)]
    for i, one in enumerate(outputs):  # each class of each condition has a row of its own; the nulls are all the same
        same = [torch.allclose(one, other) for other in outputs]
        assert sum(same) == (3 if i in (0, 3, 6) else 1)


@pytest.fixture(scope="module")
def learned() -> Denoiser:
    """One that has seen toys of two kinds, with and without arms, in three colours, all of them told."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    denoiser = Denoiser(LAYOUT, settings(48), CLASSES)

    def batch(count: int, generator: torch.Generator) -> Batch:
        ids = {
            name: torch.multinomial(torch.tensor(shares), count, replacement=True, generator=generator)
            for name, shares in SHARES.items()
        }
        angle = ids["attribute:colour"] * (2 * math.pi / 3)
        kind = 2.0 * ids["category"] - 1
        arm = 2.0 * ids["part:arm"] - 1
        rows = torch.stack([kind, -kind, arm, 2 * angle.cos(), 2 * angle.sin()], 1)
        rows[:, :2] *= 1.5
        return Batch(rows + NOISE * torch.randn(rows.shape, generator=generator), ids)

    denoiser.fit_statistics([batch(2000, torch.Generator().manual_seed(1)).target])
    training = TrainSettings(steps=700, lr=4e-3, warmup=20, ema=0.98)
    outcome = ended(
        optimise({"denoiser": denoiser}, lambda _, g: denoiser.loss(batch(128, g), g, 0.1), training, seed=0)
    )
    outcome.ema.exchange()
    return denoiser


def classes(rows: Tensor) -> dict[str, Tensor]:
    """What rows look like, by the nearest class."""
    corners = torch.arange(3) * (2 * math.pi / 3)
    nearest = (rows[:, 3:4] * corners.cos() + rows[:, 4:5] * corners.sin()).argmax(1)
    return {
        "category": (rows[:, 0] > rows[:, 1]).long(),
        "part:arm": (rows[:, 2] > 0).long(),
        "attribute:colour": nearest,
    }


def sampled(denoiser: Denoiser, asked: dict[str, int], scale: float = 1.0, count: int = 600) -> dict[str, Tensor]:
    sampler = SamplerSettings(steps=15, batch=count, guidance_scale=scale)
    return classes(ended(draw(denoiser, count, sampler, seed=2, condition=asked)))


def test_asked_for_nothing_it_gives_the_mixture(learned: Denoiser) -> None:
    found = sampled(learned, {})
    for name, shares in SHARES.items():
        got = (torch.bincount(found[name], minlength=len(shares)) / 600).tolist()
        assert got == pytest.approx(shares, abs=0.1)


@pytest.mark.parametrize(
    "asked",
    [
        {"category": 1},
        {"part:arm": 0},
        {"attribute:colour": 2},
        {"category": 1, "part:arm": 0},
        {"category": 1, "part:arm": 0, "attribute:colour": 2},
    ],
)
def test_it_does_as_asked_and_more_so_with_guidance(learned: Denoiser, asked: dict[str, int]) -> None:
    def obeyed(scale: float) -> float:
        found = sampled(learned, asked, scale)
        return float(torch.stack([found[name] == one for name, one in asked.items()]).all(0).float().mean())

    chance = math.prod(SHARES[name][one] for name, one in asked.items())  # at most 0.35
    plain, guided = obeyed(1.0), obeyed(2.0)
    assert chance < 0.4 and plain > chance + 0.5 and guided > 0.95 and guided >= plain
    found = sampled(learned, asked)
    for name, shares in SHARES.items():  # what was not asked stays as it is in the mixture
        if name not in asked:
            got = (torch.bincount(found[name], minlength=len(shares)) / 600).tolist()
            assert got == pytest.approx(shares, abs=0.12)
