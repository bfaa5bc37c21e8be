"""The denoiser of clouds: scale, weights of the steps, captions dropped per sample, guidance in one pass."""

import math
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from engine.diffusion.schedule import make_schedule
from engine.methods.tiny3d import denoiser
from engine.methods.tiny3d.denoiser import PointDenoiser, noisy, weights
from engine.methods.tiny3d.settings import PRESETS, PointDenoiserSettings, Tiny3dSettings, published
from engine.text.settings import WordSettings
from engine.text.word_encoder import WordNetwork
from tests.tiny3d.conftest import DIM, Reader

pytestmark = pytest.mark.usefixtures("exact")


def made(**changes: Any) -> PointDenoiser:
    torch.manual_seed(0)
    settings = PointDenoiserSettings(width=16, layers=1, heads=1, **changes)
    found = PointDenoiser(settings, Reader(), DIM)
    for parameter in found.network.parameters():
        nn.init.normal_(parameter, std=0.3)
    nn.init.normal_(found.nothing)
    return found


def test_clouds_are_measured_once_and_come_back() -> None:
    """Normalised points have their middle at 0 and unit deviation over all axes; any number of points comes back."""
    rows = torch.randn(40, 90).mul(0.2).add(torch.tensor([0.3, 0.0, -0.1]).repeat(30))
    found = made()
    found.fit_statistics(rows.split(7))
    points = found.normalise(rows).view(-1, 3)
    assert points.mean(0).abs().max() < 1e-5
    assert points.square().mean().sqrt() == pytest.approx(1, abs=1e-4)
    other = torch.randn(2, 33)
    assert torch.allclose(found.restore(found.normalise(other)), other, atol=1e-6)


def test_the_published_scale_spans_minus_one_to_one() -> None:
    found = made(spread=False)
    found.fit_statistics([torch.randn(4, 30)])
    assert found.normalise(torch.tensor([[0.475, 0.0, -0.475]])).tolist() == [[1, 0, -1]]


@pytest.mark.parametrize("predict", ["eps", "v", "x0"])
def test_clean_steps_do_not_outweigh_the_noisy_ones(predict: Literal["eps", "v", "x0"]) -> None:
    """An error of x0 counts gamma at most, where eps or x0 is predicted; what is predicted counts 1 where noise prevails."""
    schedule = make_schedule("cosine", 1000)
    snr = (schedule.signal / schedule.noise).square()
    weight = weights(schedule, PointDenoiserSettings(predict=predict, min_snr=5.0))
    on_x0 = weight * {"eps": snr, "v": snr + 1, "x0": torch.ones_like(snr)}[predict]
    noisy = snr < 5
    if predict == "x0":
        assert torch.allclose(weight[noisy], snr[noisy])
    else:
        assert torch.allclose(weight[noisy], torch.ones_like(snr[noisy]))
    most = 5.0 if predict != "v" else 6.0
    assert on_x0[~noisy].max() <= most + 1e-9
    assert on_x0[~noisy].min() >= 5.0 - 1e-9
    assert weights(schedule, PointDenoiserSettings(predict=predict, min_snr=0.0)).eq(1).all()


def test_each_sample_forgets_its_caption_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a batch are told or not, one by one; as published, all of a batch together."""
    seen: dict[str, list[Tensor]] = {"sample": [], "batch": []}
    drops: tuple[Literal["sample", "batch"], ...] = ("sample", "batch")
    for drop in drops:
        found = made(drop=drop)
        taught = found.taught

        def watched(
            captions: Tensor, kept: Tensor, facts: Tensor | None, drop: str = drop, taught: Any = taught
        ) -> Any:
            seen[drop].append(kept)
            return taught(captions, kept, facts)

        monkeypatch.setattr(found, "taught", watched)
        for seed in range(200):
            found.loss(
                torch.randn(8, 6), torch.ones(8, 3, dtype=torch.int64), torch.Generator().manual_seed(seed), 0.25
            )
    for kept in seen.values():
        assert 1 - torch.stack(kept).float().mean().item() == pytest.approx(0.25, abs=0.06)
    assert all(kept.all() or not kept.any() for kept in seen["batch"])
    assert any(kept.any() and not kept.all() for kept in seen["sample"])


def test_a_dropped_caption_is_not_seen() -> None:
    found = made()
    captions = torch.tensor([[3, 1], [5, 1]])
    text = found.read(captions, torch.tensor([True, False]))
    assert torch.equal(text[1], found.nothing)
    assert text[0].norm().item() == pytest.approx(DIM**0.5, abs=1e-5)


@pytest.mark.parametrize("predict", ["eps", "v", "x0"])
def test_guidance_in_one_pass_is_guidance_in_two(predict: str) -> None:
    found = made(predict=predict)
    x, t, text = torch.randn(3, 15), torch.tensor([10, 300, 900]), torch.randn(3, DIM)
    with torch.no_grad():
        asked, free = found.x0(x, t, text), found.x0(x, t, None)
        assert torch.allclose(found.x0(x, t, text, 2.5), free + 2.5 * (asked - free), atol=1e-3)
        assert torch.allclose(found.x0(x, t, text, 0.0), free, atol=1e-3)
        assert not torch.allclose(asked, free, atol=1e-3)


def test_clouds_taken_a_few_at_a_time_are_those_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = made()
    x, t, text = torch.randn(5, 30), torch.arange(5) * 200, torch.randn(5, DIM)
    seen: list[int] = []
    forward = PointDenoiser.forward

    def noted(self: PointDenoiser, x: Tensor, t: Tensor, text: Tensor) -> Tensor:
        seen.append(len(x))
        return forward(self, x, t, text)

    with torch.no_grad():
        at_once = found.x0(x, t, text, 2.0)
        monkeypatch.setattr(denoiser, "AT_ONCE", 20)
        monkeypatch.setattr(PointDenoiser, "forward", noted)
        assert torch.allclose(found.x0(x, t, text, 2.0), at_once, atol=1e-5)
    assert seen == [2] * 5  # of ten clouds, two of 10 points at a time


def test_emphasis_guides_what_is_said_more_strongly_than_its_kind() -> None:
    """Steps from nothing to the kind, and from there to the whole text; emphasis 1 is plain guidance."""
    found = made()
    x, t, text, kind = torch.randn(3, 15), torch.tensor([10, 300, 900]), torch.randn(3, DIM), torch.randn(3, DIM)
    with torch.no_grad():
        asked, bare, free = found.x0(x, t, text), found.x0(x, t, kind), found.x0(x, t, None)
        wanted = free + 2.5 * (bare - free) + 5 * (asked - bare)
        assert torch.allclose(found.x0(x, t, text, 2.5, kind, 2.0), wanted, atol=1e-3)
        assert torch.allclose(found.x0(x, t, text, 2.5, kind), found.x0(x, t, text, 2.5), atol=1e-5)
        assert torch.allclose(found.x0(x, t, kind, 2.5, kind, 2.0), found.x0(x, t, kind, 2.5), atol=1e-3)


def test_the_published_recipe_is_that_of_the_original() -> None:
    """Noise on a linear schedule of 1000 steps, one coin per batch, Adam at a constant 1e-3 without an average."""
    settings = Tiny3dSettings(train=published(PRESETS["tiny"].train))
    assert settings.learned == settings.denoiser  # the optimiser alone is not the recipe
    theirs = Tiny3dSettings(train=PRESETS["tiny"].train.__class__(recipe="published")).learned
    assert (theirs.predict, theirs.schedule, theirs.timesteps, theirs.drop) == ("eps", "linear", 1000, "batch")
    train = settings.train
    assert (train.lr, train.warmup, train.decay, train.weight_decay, train.clip, train.ema) == (
        1e-3,
        1000,
        "constant",
        0,
        0,
        0,
    )
    assert train.steps == PRESETS["tiny"].train.steps


def test_late_noise_is_asked_for_more_often() -> None:
    """Half of the steps are beyond late / (1 + late) of the way; 1 leaves them as they were."""
    few = PointDenoiserSettings(late=3.0)
    steps = noisy(few, 20_000, torch.Generator().manual_seed(0))
    assert 0 <= int(steps.min()) <= int(steps.max()) == few.timesteps - 1
    assert (steps >= 750).float().mean() == pytest.approx(0.5, abs=0.02)
    plain = [
        noisy(PointDenoiserSettings(), 5, torch.Generator().manual_seed(1)),
        torch.randint(1000, (5,), generator=torch.Generator().manual_seed(1)),
    ]
    assert torch.equal(*plain)


def test_the_reader_learns_facts_beside_what_it_reads_for() -> None:
    """The loss has the error of what is told of facts in it, and facts that mean nothing are not in that."""
    torch.manual_seed(0)
    text = WordSettings(words=8, dim=DIM, width=8, layers=1, heads=1, bigrams=8, facts=3)
    reader = WordNetwork(text)
    found = PointDenoiser(PointDenoiserSettings(width=16, layers=1, heads=1), reader, DIM)
    captions, rows = torch.tensor([[2, 3], [4, 0]]), torch.randn(2, 30)
    one, other = torch.tensor([[1, 0, -1], [0, -1, 1]]), torch.tensor([[0, 0, -1], [0, -1, 1]])
    plain, with_one, with_other = (
        found.loss(rows, captions, torch.Generator().manual_seed(0), 0.1, facts).item() for facts in (None, one, other)
    )
    assert plain < with_one != with_other
    vectors = reader(captions)
    assert reader.facts is not None
    guess = torch.sigmoid(reader.facts(math.sqrt(DIM) * vectors))
    told = torch.stack([guess[0, 0], 1 - guess[0, 1], 1 - guess[1, 0], guess[1, 2]])
    assert torch.allclose(reader.misread(vectors, one), -told.log().mean(), atol=1e-5)
    assert torch.allclose(reader.misread(vectors, one[:, :2]), -told[:3].log().mean(), atol=1e-5), (
        "fewer facts than room"
    )
    assert reader.misread(vectors, torch.full((2, 3), -1)).item() == 0
