import math

import pytest
import torch

from engine.diffusion.schedule import Kind, Predict, Spacing, make_schedule, target_of, time_grid, to_x0
from engine.errors import InputError

KINDS: tuple[Kind, ...] = ("linear", "cosine", "linear-zsnr")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("timesteps", [2, 50, 500, 1000])
def test_signal_falls_and_power_is_one(kind: Kind, timesteps: int) -> None:
    schedule = make_schedule(kind, timesteps)
    assert schedule.signal.dtype == torch.float64 and schedule.timesteps == timesteps
    assert (schedule.signal.diff() < 0).all()
    torch.testing.assert_close(schedule.signal**2 + schedule.noise**2, torch.ones(timesteps, dtype=torch.float64))


def test_published_schedule_keeps_eight_percent() -> None:
    betas = [1e-4 + (0.02 - 1e-4) * i / 499 for i in range(500)]
    product = math.prod(1 - beta for beta in betas)
    assert float(make_schedule("linear", 500).signal[-1] ** 2) == pytest.approx(product, rel=1e-10)
    assert product == pytest.approx(0.00635, abs=5e-6)


def test_rescaled_schedule_ends_without_signal_and_starts_unchanged() -> None:
    linear, rescaled = make_schedule("linear", 500), make_schedule("linear-zsnr", 500)
    assert rescaled.zero_terminal and not linear.zero_terminal
    assert float(rescaled.signal[0]) == pytest.approx(float(linear.signal[0]), rel=1e-14)


def test_eps_needs_some_signal() -> None:
    with pytest.raises(InputError, match="predict=v"):
        make_schedule("linear-zsnr", 100).check("eps")
    for predict in ("x0", "v"):
        make_schedule("linear-zsnr", 100).check(predict)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("predict", ["x0", "v", "eps"])
def test_x0_comes_back_from_each_target(kind: Kind, predict: Predict) -> None:
    schedule = make_schedule(kind, 40)
    generator = torch.Generator().manual_seed(3)
    x0, eps = (torch.randn(40, 7, generator=generator, dtype=torch.float64) for _ in range(2))
    a, s = schedule.coefficients(torch.arange(40), x0)
    x = a * x0 + s * eps
    back = to_x0(predict, target_of(predict, x0, eps, a, s), x, a, s)
    usable = slice(None, -1) if predict == "eps" else slice(None)  # eps divides by the signal: useless at its end
    torch.testing.assert_close(back[usable], x0[usable], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spacing", ["even", "snr"])
def test_grid_is_distinct_and_spans(kind: Kind, spacing: Spacing) -> None:
    for timesteps, steps in ((500, 500), (500, 33), (500, 2), (7, 5), (7, 7)):
        grid = time_grid(make_schedule(kind, timesteps), steps, spacing)
        assert len(set(grid)) == steps and grid == sorted(grid, reverse=True)
        assert (grid[0], grid[-1]) == (timesteps - 1, 0)
    assert time_grid(make_schedule(kind, 500), 1, spacing) == [499]
    with pytest.raises(InputError, match="at most 10"):
        time_grid(make_schedule(kind, 10), 11, spacing)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_by_signal_to_noise_are_evenly_spread_in_it(kind: Kind) -> None:
    schedule = make_schedule(kind, 4000)
    grid = time_grid(schedule, 20, "snr")
    place = torch.tanh(torch.log(schedule.signal / schedule.noise)[grid] / 3)
    assert place.diff().std() < 0.02 * place.diff().mean()
