"""All samplers against the exact denoiser of a Gaussian, whose probability flow is known in closed form."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from engine.diffusion.samplers import Step, evaluations, run_sampler
from engine.diffusion.schedule import Kind, Schedule, make_schedule, time_grid
from engine.settings import SamplerSettings

MEAN = torch.tensor([0.7, -1.2, 0.0, 2.0], dtype=torch.float64)
STD = torch.tensor([1.0, 0.3, 2.0, 0.2], dtype=torch.float64)
ALL = ("ddpm", "ddim", "heun", "dpmpp-2m")


def denoiser_of(schedule: Schedule):  # type: ignore[no-untyped-def]
    """E[x0 | x_t] for x0 ~ N(MEAN, diag STD^2)."""

    def denoise(x: Tensor, t: int) -> Tensor:
        a, s = schedule.at(t)
        return MEAN + a * STD**2 / (a**2 * STD**2 + s**2) * (x - a * MEAN)

    return denoise


def flow(schedule: Schedule, x: Tensor, t: int, after: int) -> Tensor:
    """Exact probability flow of the Gaussian from step t to step ``after``."""
    (a, s), (a2, s2) = schedule.at(t), schedule.at(after)
    z = (x - a * MEAN) / (a**2 * STD**2 + s**2).sqrt()
    return a2 * MEAN + (a2**2 * STD**2 + s2**2).sqrt() * z


def sample(
    settings: SamplerSettings, schedule: Schedule, times: Sequence[int], count: int
) -> tuple[Tensor, list[Step]]:
    generator = torch.Generator().manual_seed(5)

    def noise() -> Tensor:
        return torch.randn(count, 4, generator=generator, dtype=torch.float64)

    start = noise()
    steps = list(run_sampler(settings, denoiser_of(schedule), schedule, times, start, noise))
    return start, steps


@pytest.mark.parametrize("kind", ["cosine", "linear-zsnr"])
@pytest.mark.parametrize("name", ALL)
def test_gives_the_gaussian(name: str, kind: Kind) -> None:
    count, steps = 4000, 250 if name in ("ddpm", "ddim") else 60  # first and second order
    schedule = make_schedule(kind, 500)
    settings = SamplerSettings(sampler=name, steps=steps)  # type: ignore[arg-type]
    _, trace = sample(settings, schedule, time_grid(schedule, steps, "even"), count)
    x = trace[-1].x
    error = 5 / math.sqrt(count)  # five standard errors
    assert ((x.mean(0) - MEAN).abs() < error * STD + 0.01).all()
    assert ((x.std(0) / STD - 1).abs() < error + 0.06).all()
    # independent coordinates stay independent
    assert (torch.corrcoef(x.T) - torch.eye(4)).abs().max() < error


@pytest.mark.parametrize(("name", "order"), [("ddim", 1), ("heun", 2), ("dpmpp-2m", 2)])
def test_order_of_convergence(name: str, order: int) -> None:
    schedule = make_schedule("cosine", 4000)
    settings = SamplerSettings(sampler=name)  # type: ignore[arg-type]
    errors = []
    for steps in (20, 40, 80):
        times = [round(3600 - 3200 * i / steps) for i in range(steps + 1)]
        start, trace = sample(settings, schedule, times, 64)
        errors.append((trace[-2].x - flow(schedule, start, times[0], times[-1]))[:, :3].abs().max().item())
    rates = [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]
    assert all(rate == pytest.approx(order, abs=0.35) for rate in rates), (errors, rates)


@pytest.mark.parametrize("kind", ["cosine", "linear-zsnr"])
@pytest.mark.parametrize("name", ["heun", "dpmpp-2m"])
def test_thirty_steps_beat_ddim(name: str, kind: Kind) -> None:
    schedule = make_schedule(kind, 500)
    start, first = sample(SamplerSettings(sampler="ddim"), schedule, time_grid(schedule, 30, "even"), 256)
    _, second = sample(SamplerSettings(sampler=name), schedule, time_grid(schedule, 30, "even"), 256)  # type: ignore[arg-type]
    exact = flow(schedule, start, 499, -1)
    assert (second[-1].x - exact).pow(2).mean() < 0.5 * (first[-1].x - exact).pow(2).mean()


@pytest.mark.parametrize("kind", ["linear", "cosine", "linear-zsnr"])
@pytest.mark.parametrize("name", ["ddim", "heun", "dpmpp-2m"])
def test_one_data_point_is_exact_in_any_number_of_steps(name: str, kind: Kind) -> None:
    point = torch.tensor([[3.0, -2.0]], dtype=torch.float64)
    schedule = make_schedule(kind, 100)
    for steps in (1, 2, 3, 7):
        start = torch.ones(1, 2, dtype=torch.float64)
        settings = SamplerSettings(sampler=name)  # type: ignore[arg-type]
        trace = list(
            run_sampler(
                settings,
                lambda x, t: point.expand_as(x),
                schedule,
                time_grid(schedule, steps, "even"),
                start,
                MEAN.clone,
            )
        )
        torch.testing.assert_close(trace[-1].x, point)
        for step, t in zip(
            trace[:-1], time_grid(schedule, steps, "even")[1:], strict=True
        ):  # no leftover noise on the way either
            (a, s), (a0, s0) = schedule.at(t), schedule.at(99)
            torch.testing.assert_close(step.x, a * point + s * (start - a0 * point) / s0)


def test_ancestral_is_ddim_with_eta_one_and_differs_from_eta_zero() -> None:
    schedule = make_schedule("cosine", 50)
    times = time_grid(schedule, 20, "even")
    runs = [
        sample(SamplerSettings(sampler=name, eta=eta), schedule, times, 8)[1][-1].x  # type: ignore[arg-type]
        for name, eta in (("ddpm", 0.0), ("ddim", 1.0), ("ddim", 0.0))
    ]
    torch.testing.assert_close(runs[0], runs[1])
    assert not torch.allclose(runs[0], runs[2])


def test_ancestral_variance_is_the_posterior_variance() -> None:
    schedule = make_schedule("linear", 500)
    x = torch.zeros(20000, 1, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    settings = SamplerSettings(sampler="ddpm")
    noise = lambda: torch.randn(20000, 1, generator=generator, dtype=torch.float64)  # noqa: E731
    step = next(iter(run_sampler(settings, lambda x, t: torch.zeros_like(x), schedule, [300, 299, 0], x, noise)))
    before, now = schedule.signal[299] ** 2, schedule.signal[300] ** 2
    variance = (1 - before) / (1 - now) * (1 - now / before)  # Ho et al. 2020, eq. 7
    assert float(step.x.var()) == pytest.approx(float(variance), rel=0.05)


@pytest.mark.parametrize("name", ALL)
def test_evaluations_are_what_is_said(name: str) -> None:
    schedule, asked = make_schedule("cosine", 100), 0

    def denoise(x: Tensor, t: int) -> Tensor:
        nonlocal asked
        asked += 1
        return x * 0

    settings = SamplerSettings(sampler=name, steps=9)  # type: ignore[arg-type]
    x = torch.ones(1, 1)
    trace = list(run_sampler(settings, denoise, schedule, time_grid(schedule, 9, "even"), x, lambda: x))
    assert asked == evaluations(settings)
    assert [step.index for step in trace] == list(range(1, 10)) and {step.total for step in trace} == {9}
