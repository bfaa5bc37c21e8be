"""Samplers: generators over one denoise function and one schedule.

Each takes ``denoise(x (B, D), t) -> x0 (B, D)``, a start ``x : (B, D)`` noised to ``times[0]``, and the falling step
numbers to visit, and yields a ``Step`` for each one; the last step goes to the clean data. ``noise()`` gives fresh
``(B, D)`` unit normal numbers. The caller owns gradients, seeds and guidance, and stops whenever it likes.

The formulas use only the shares of signal and noise, never log-SNR alone, so a start without any signal is fine.
"""

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from torch import Tensor

from engine.diffusion.schedule import CLEAN, Schedule
from engine.settings import SamplerSettings

Denoise = Callable[[Tensor, int], Tensor]
Noise = Callable[[], Tensor]


@dataclass(frozen=True)
class Step:
    """State after step ``index`` (from 1) of ``total``: the latent ``x`` and the present guess of the data ``x0``."""

    index: int
    total: int
    x: Tensor
    x0: Tensor


Sampling = Generator[Step, None, Tensor]


def pairs(times: Sequence[int]) -> list[tuple[int, int]]:
    """Each step number with the one after it; the last is followed by the clean data."""
    return list(zip(times, [*times[1:], CLEAN], strict=True))


def ddpm(denoise: Denoise, schedule: Schedule, times: Sequence[int], x: Tensor, noise: Noise) -> Sampling:
    """Ancestral sampling (Ho et al. 2020), the posterior q(x_s | x_t, x0) at any stride. One evaluation a step."""
    return (yield from ddim(denoise, schedule, times, x, noise, eta=1.0))


def ddim(
    denoise: Denoise, schedule: Schedule, times: Sequence[int], x: Tensor, noise: Noise, eta: float = 0.0
) -> Sampling:
    """Song et al. 2021, eq. 12 and 16: ``eta`` 0 is deterministic, 1 is ancestral. One evaluation a step."""
    for index, (t, after) in enumerate(pairs(times), 1):
        (a, s), (a2, s2) = schedule.at(t), schedule.at(after)
        x0 = denoise(x, t)
        fresh = eta * s2 / s * math.sqrt(max(0.0, 1 - (a / a2) ** 2))
        kept = math.sqrt(max(0.0, s2**2 - fresh**2))
        x = a2 * x0 + (kept / s) * (x - a * x0)
        if fresh > 0:
            x = x + fresh * noise()
        yield Step(index, len(times), x, x0)
    return x


def heun(denoise: Denoise, schedule: Schedule, times: Sequence[int], x: Tensor) -> Sampling:
    """Second order in the angle ``phi = atan2(noise, signal)``: predict by DDIM, look again, correct.

    Heun's idea (Karras et al. 2022, algorithm 1), with the straight line between the two guesses of x0 integrated
    exactly against ``d(x / noise) = x0 d(cot phi)``, which has no pole at zero signal and is exact for a single data
    point. Two evaluations a step, one in the last.
    """
    for index, (t, after) in enumerate(pairs(times), 1):
        (a, s), (a2, s2) = schedule.at(t), schedule.at(after)
        x0 = denoise(x, t)
        if after == CLEAN:
            x = x0
        else:
            base, gain = (s2 / s) * x, a2 - a * s2 / s
            second = denoise(base + gain * x0, after)
            angle, angle2 = math.atan2(s, a), math.atan2(s2, a2)
            cot, cot2 = a / s, a2 / s2
            # integral of (angle - phi) d(cot phi) over the step, as a share of the full weight
            moment = angle * (cot2 - cot) - (angle2 * cot2 - angle * cot) + math.log(s2 / s)
            share = moment / ((angle - angle2) * (cot2 - cot))
            x0 = x0 + share * (second - x0)
            x = base + gain * x0
        yield Step(index, len(times), x, x0)
    return x


def dpmpp_2m(denoise: Denoise, schedule: Schedule, times: Sequence[int], x: Tensor) -> Sampling:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), first order in the first and last step. One evaluation a step."""
    before: Tensor | None = None
    width_before = math.inf  # an infinite step in log-SNR (start without signal) leaves the next step first order
    for index, (t, after) in enumerate(pairs(times), 1):
        (a, s), (a2, s2) = schedule.at(t), schedule.at(after)
        x0 = denoise(x, t)
        width = math.inf if a == 0 or s2 == 0 else math.log(a2 / s2) - math.log(a / s)
        guess = x0
        if before is not None and math.isfinite(width):
            guess = x0 + (width / (2 * width_before)) * (x0 - before)
        x = (s2 / s) * x + (a2 - a * s2 / s) * guess
        before, width_before = x0, width
        yield Step(index, len(times), x, x0)
    return x


def run_sampler(
    settings: SamplerSettings, denoise: Denoise, schedule: Schedule, times: Sequence[int], x: Tensor, noise: Noise
) -> Sampling:
    """The sampler that the settings name."""
    if settings.sampler == "ddpm":
        return ddpm(denoise, schedule, times, x, noise)
    if settings.sampler == "ddim":
        return ddim(denoise, schedule, times, x, noise, settings.eta)
    if settings.sampler == "heun":
        return heun(denoise, schedule, times, x)
    return dpmpp_2m(denoise, schedule, times, x)


def evaluations(settings: SamplerSettings) -> int:
    """How often the denoiser is asked per sample, without guidance (which asks twice as often)."""
    return 2 * settings.steps - 1 if settings.sampler == "heun" else settings.steps
