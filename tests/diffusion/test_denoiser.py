"""Tokens, the published sizes, statistics, conditions and guidance, and a toy distribution learned end to end."""

import math
from collections.abc import Mapping
from typing import Literal

import pytest
import torch
from torch import Tensor

from engine.checkpoint import load_model, read_about, save_model
from engine.diffusion.denoiser import Condition, Denoiser, build, parameters_of
from engine.diffusion.sample import draw
from engine.diffusion.tokens import TokenProjections, cut
from engine.errors import InputError
from engine.layout import Layout, Slot
from engine.method import Batch
from engine.optimise import optimise
from engine.protocol import Progress
from engine.settings import DenoiserSettings, SamplerSettings, TrainSettings
from engine.stages import ended


def mlp(inputs: int, width: int, part: str = "") -> tuple[Slot, ...]:
    sizes = [inputs, width, width, width, 1]
    slots: list[Slot] = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False)):
        slots += [Slot(f"{part}{i}.weight", (b, a), part), Slot(f"{part}{i}.bias", (b,), part)]
    return tuple(slots)


PARTS = ("body", "wing", "tail", "engine")
SEMANTIC = Layout(tuple(slot for part in PARTS for slot in mlp(27, 60, part)))
SMALL = Layout(tuple(slot for part in ("a", "b") for slot in mlp(5, 7, part)))
TINY = DenoiserSettings(width=32, layers=2, heads=4, predict="v", schedule="cosine", time="smooth", timesteps=100)


@pytest.mark.parametrize(
    ("layout", "width", "weights", "parameters"),
    [
        (Layout(mlp(27, 128)), 2880, 36_737, 1_407_225_600),  # plane, chair
        (Layout(mlp(27, 128)), 1920, 36_737, 672_729_600),  # car
        (Layout(mlp(36, 128)), 1440, 37_889, 408_332_160),  # 4D animals
        (SEMANTIC, 512, 4 * 9_061, 75_092_992),
    ],
)
def test_published_sizes(layout: Layout, width: int, weights: int, parameters: int) -> None:
    assert layout.size == weights
    assert parameters_of(layout, DenoiserSettings(width=width)) == parameters
    # a condition costs its classes, its null and one position
    assert parameters_of(layout, DenoiserSettings(width=width), {"category": 3}) == parameters + 5 * width


@pytest.mark.parametrize("chunk", [1, 10, 64, 10_000])
def test_tokens_cover_a_row_and_keep_to_their_part(chunk: int) -> None:
    for settings in (DenoiserSettings(), DenoiserSettings(tokens="chunk", chunk=chunk)):
        tokens = cut(SMALL, settings)
        covered = [index for token in tokens for index in range(token.span.start, token.span.stop)]
        assert covered == list(range(SMALL.size))
        for token in tokens:
            assert any(
                span.start < token.span.stop and token.span.start < span.stop for span in SMALL.spans_of(token.part)
            )
        assert [token.part for token in tokens] == sorted(token.part for token in tokens)
        held = sum(token.size for token in tokens if token.part == "a")
        assert held == SMALL.size // 2
        if settings.tokens == "chunk":
            sizes = [token.size for token in tokens if token.part == "a"]
            assert max(sizes) <= chunk and len(set(sizes[:-1])) <= 1
    assert len(cut(SMALL, DenoiserSettings())) == len(SMALL.slots)


@pytest.mark.parametrize("shared", [False, True])
def test_projections_see_and_write_each_number_once(shared: bool) -> None:
    tokens = cut(SMALL, DenoiserSettings(tokens="chunk", chunk=40))
    projections = TokenProjections(tokens, 64, shared)
    with torch.no_grad():  # maps that keep numbers: what goes in comes out
        for enter, leave in zip(projections.enter, projections.leave, strict=True):
            enter.weight.copy_(torch.eye(*enter.weight.shape))  # type: ignore[operator, misc]
            leave.weight.copy_(torch.eye(*leave.weight.shape))  # type: ignore[operator, misc]
    x = torch.randn(3, SMALL.size)
    assert projections.read(x).shape == (3, len(tokens), 64)
    torch.testing.assert_close(projections.write(projections.read(x)), x)


@pytest.mark.parametrize("tokens", ["tensor", "chunk"])
@pytest.mark.parametrize("projection", ["own", "shared"])
def test_every_number_can_matter_to_every_other(
    tokens: Literal["tensor", "chunk"], projection: Literal["own", "shared"]
) -> None:
    settings = DenoiserSettings(width=32, layers=2, heads=4, tokens=tokens, chunk=30, projection=projection)
    torch.manual_seed(0)
    denoiser = Denoiser(SMALL, settings)
    x = torch.randn(1, SMALL.size, requires_grad=True)
    denoiser(x, torch.tensor([3]))[0, -1].backward()
    assert x.grad is not None and (x.grad[0] != 0).all()


def test_noise_steps_are_told_apart() -> None:
    for time in ("published", "smooth"):
        settings = DenoiserSettings(width=16, layers=1, heads=2, time=time)
        features = Denoiser(SMALL, settings).time_features(torch.arange(500))
        assert features.shape == (500, 257)
        assert torch.pdist(features[:, :-1]).min() > 1e-3
        neighbours = (features[1:, :-1] - features[:-1, :-1]).norm(dim=1)
        far = (features[250:, :-1] - features[:-250, :-1]).norm(dim=1)
        assert bool((neighbours.max() < 0.5 * far.min()).item()) == (time == "smooth")


@pytest.mark.parametrize("kind", ["dimension", "token", "none"])
def test_statistics(kind: str) -> None:
    settings = DenoiserSettings(width=16, layers=1, heads=2, normalise=kind)  # type: ignore[arg-type]
    denoiser = Denoiser(SMALL, settings)
    generator = torch.Generator().manual_seed(1)
    scale = torch.rand(SMALL.size, generator=generator) + 0.1
    rows = 100 + scale * torch.randn(400, SMALL.size, generator=generator)
    rows[:, 3] = 7.0  # a number that never changes
    denoiser.fit_statistics(rows.split(90))
    x = denoiser.normalise(rows)
    torch.testing.assert_close(denoiser.restore(x), rows)
    if kind == "none":
        assert torch.equal(x, rows)
        return
    assert x.mean(0).abs().max() < 1e-3 and x.isfinite().all()
    for token in denoiser.tokens:
        piece = x[:, token.span]
        assert piece.pow(2).mean().item() == pytest.approx(1, abs=0.02) or 3 in range(SMALL.size)[token.span]
    if kind == "dimension":
        moving = torch.arange(SMALL.size) != 3
        torch.testing.assert_close(x.std(0)[moving], torch.ones(SMALL.size - 1), rtol=0.01, atol=0.01)
    else:
        token = denoiser.tokens[0]
        assert (denoiser.std[token.span] == denoiser.std[token.span][0]).all()


def test_eps_without_signal_is_refused() -> None:
    with pytest.raises(InputError, match="predict=v"):
        Denoiser(SMALL, DenoiserSettings(width=16, heads=2, predict="eps", schedule="linear-zsnr"))
    with pytest.raises(InputError, match="heads"):
        Denoiser(SMALL, DenoiserSettings(width=30, heads=4))


@pytest.fixture(scope="module")
def untrained() -> Denoiser:
    torch.manual_seed(0)
    denoiser = Denoiser(SMALL, TINY, {"kind": 2})
    denoiser.fit_statistics([torch.randn(50, SMALL.size) * 3 + 5])
    return denoiser


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "heun", "dpmpp-2m"])
def test_sample_i_does_not_hang_on_the_batch(untrained: Denoiser, sampler: str) -> None:
    torch.set_num_threads(1)
    runs = [
        ended(draw(untrained, count, SamplerSettings(sampler=sampler, steps=8, batch=batch), seed=4))  # type: ignore[arg-type]
        for count, batch in ((7, 7), (7, 2), (4, 64))
    ]
    torch.testing.assert_close(runs[0], runs[1], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(runs[0][:4], runs[2], rtol=1e-3, atol=1e-3)
    assert torch.pdist(runs[0]).min() > 1  # and they are different shapes
    again = ended(draw(untrained, 7, SamplerSettings(sampler=sampler, steps=8, batch=7), seed=4))  # type: ignore[arg-type]
    assert torch.equal(runs[0], again)
    other = ended(draw(untrained, 7, SamplerSettings(sampler=sampler, steps=8, batch=7), seed=5))  # type: ignore[arg-type]
    assert not torch.allclose(runs[0], other, atol=1)


def test_draw_reports_leaves_no_mode_and_refuses(untrained: Denoiser) -> None:
    untrained.train()
    stage = draw(untrained, 5, SamplerSettings(steps=4, batch=2), seed=0)
    events = []
    for event in stage:
        assert torch.is_grad_enabled()
        events.append(event)
    assert events[-1] == Progress(stage="sample", done=12, total=12) and len(events) == 12
    assert untrained.training
    with pytest.raises(InputError, match="knows kind"):
        next(draw(untrained, 1, SamplerSettings(steps=2), 0, {"colour": 1}))
    with pytest.raises(InputError, match="classes 0 to 1"):
        next(draw(untrained, 1, SamplerSettings(steps=2), 0, {"kind": 2}))
    with pytest.raises(InputError, match="at most 100"):
        next(draw(untrained, 1, SamplerSettings(steps=101), 0))
    assert ended(draw(untrained, 0, SamplerSettings(steps=2), 0)).shape == (0, SMALL.size)


def test_model_file_is_enough(untrained: Denoiser, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_model(path, {"denoiser": untrained}, untrained.about())
    other = build(read_about(path))
    load_model(path, {"denoiser": other})
    settings = SamplerSettings(steps=4)
    assert torch.equal(ended(draw(untrained, 3, settings, 1)), ended(draw(other, 3, settings, 1)))
    with pytest.raises(InputError, match="does not describe a denoiser"):
        build({"layout": {}})


class Exact(Denoiser):
    """Two classes, N(-3, 0.5^2) and N(3, 0.5^2) in every number, even odds: the exact guess in place of a network."""

    def forward(self, x: Tensor, t: Tensor, condition: Condition | None = None) -> Tensor:
        a, s = self.schedule.coefficients(t, x)
        ids = (condition or {}).get("kind", torch.full_like(t, -1))[:, None]
        power = a**2 * 0.25 + s**2
        right = torch.sigmoid(2 * a * 3 * x.sum(1, keepdim=True) / power)  # posterior of class 1
        share = torch.where(ids < 0, right, ids.to(x))
        means = [sign * 3 + a * 0.25 / power * (x - a * sign * 3) for sign in (-1, 1)]
        return (1 - share) * means[0] + share * means[1]


def exact(**changes: object) -> Exact:
    settings = DenoiserSettings(width=8, layers=1, heads=1, schedule="cosine", predict="x0", **changes)  # type: ignore[arg-type]
    return Exact(Layout((Slot("z", (2,)),)), settings, {"kind": 2})


def test_condition_null_and_guidance_against_the_exact_guess() -> None:
    denoiser = exact()

    def sample(condition: Mapping[str, int] | None, scale: float) -> Tensor:
        settings = SamplerSettings(sampler="dpmpp-2m", steps=60, guidance_scale=scale, batch=600)
        return ended(draw(denoiser, 600, settings, seed=2, condition=condition))

    for kind, mean in ((0, -3.0), (1, 3.0)):
        x = sample({"kind": kind}, 1.0)
        assert x.mean().item() == pytest.approx(mean, abs=0.1) and x.std().item() == pytest.approx(0.5, abs=0.06)
    for x in (sample(None, 1.0), sample({"kind": 1}, 0.0), sample({"kind": -1}, 3.0)):  # all of these ask for nothing
        assert (x > 0).float().mean().item() == pytest.approx(0.5, abs=5 * math.sqrt(0.25 / 600))
        assert x.abs().mean().item() == pytest.approx(3, abs=0.1)
    guided = sample({"kind": 1}, 3.0)
    assert (guided > 0).all() and guided.mean() > sample({"kind": 1}, 1.0).mean()


def test_guidance_is_the_line_through_both_guesses(untrained: Denoiser) -> None:
    x, t = torch.randn(3, SMALL.size), torch.tensor([5, 50, 99])
    ids = {"kind": torch.tensor([0, 1, 1])}
    with torch.no_grad():
        asked, free = untrained.x0(x, t, ids), untrained.x0(x, t)
        assert not torch.allclose(asked, free)
        torch.testing.assert_close(untrained.x0(x, t, ids, 2.5), free + 2.5 * (asked - free), rtol=1e-4, atol=1e-4)


def test_condition_is_dropped_per_item() -> None:
    seen: list[Tensor] = []

    class Spy(Exact):
        def forward(self, x: Tensor, t: Tensor, condition: Condition | None = None) -> Tensor:
            seen.append((condition or {})["kind"])
            return x

    for drop in (0.0, 0.3, 1.0):
        settings = DenoiserSettings(width=8, layers=1, heads=1)
        spy = Spy(Layout((Slot("z", (2,)),)), settings, {"kind": 2})
        ids = torch.arange(2000) % 2
        spy.loss(Batch(target=torch.zeros(2000, 2), condition={"kind": ids}), torch.Generator().manual_seed(0), drop)
        dropped = seen[-1] == -1
        assert dropped.float().mean().item() == pytest.approx(drop, abs=0.05)
        assert torch.equal(seen[-1][~dropped], ids[~dropped])


@pytest.mark.parametrize("predict", ["x0", "v"])
def test_two_modes_are_learned(predict: str) -> None:
    """Rows near one of two points, half of each: samples fall near the two points, about half to each, and obey."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    layout = Layout((Slot("a", (4,), "a"), Slot("b", (6,), "b")))
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(2, 10, generator=generator) * 2 + 20
    settings = DenoiserSettings(
        width=32,
        layers=2,
        heads=4,
        schedule="cosine",
        time="smooth",
        timesteps=200,
        predict=predict,  # type: ignore[arg-type]
    )
    denoiser = Denoiser(layout, settings, {"kind": 2})

    def batch(count: int, generator: torch.Generator) -> Batch:
        kind = torch.randint(2, (count,), generator=generator)
        return Batch(points[kind] + 0.1 * torch.randn(count, 10, generator=generator), {"kind": kind})

    denoiser.fit_statistics([batch(500, generator).target])
    training = TrainSettings(steps=800, lr=4e-3, warmup=20, ema=0.98)
    outcome = ended(
        optimise({"denoiser": denoiser}, lambda step, g: denoiser.loss(batch(64, g), g, 0.2), training, seed=0)
    )
    with outcome.ema.swapped():
        free = ended(draw(denoiser, 200, SamplerSettings(steps=20, batch=200), seed=0))
        asked = ended(draw(denoiser, 50, SamplerSettings(steps=20, batch=200), seed=0, condition={"kind": 1}))
    distance = torch.cdist(free, points)
    near = distance.min(1).values / math.sqrt(10)
    assert (near < 0.5).float().mean() > 0.85 and near.median() < 0.35  # the noise of the data is 0.1
    assert (distance.argmin(1) == 0).float().mean().item() == pytest.approx(0.5, abs=0.2)
    assert (torch.cdist(asked, points).argmin(1) == 1).float().mean() > 0.95
