"""Noise schedules over T discrete steps, and the three things a denoiser can predict.

A noised latent is ``x_t = signal[t] * x0 + noise[t] * eps`` with ``signal^2 + noise^2 = 1``. Step 0 is the least
noised, step T-1 the most. ``v = signal * eps - noise * x0`` (Salimans and Ho 2022).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.errors import InputError

CLEAN = -1  # the step after step 0: signal 1, noise 0

Kind = Literal["linear", "cosine", "linear-zsnr"]
Predict = Literal["x0", "v", "eps"]
Spacing = Literal["even", "snr"]


@dataclass(frozen=True)
class Schedule:
    """Shares of signal and noise at each step. ``signal, noise : (T,) float64``."""

    signal: Tensor
    noise: Tensor

    @property
    def timesteps(self) -> int:
        """T, the number of steps."""
        return len(self.signal)

    @property
    def zero_terminal(self) -> bool:
        """True when the last step holds no signal at all."""
        return float(self.signal[-1]) == 0.0

    def at(self, step: int) -> tuple[float, float]:
        """Signal and noise at ``step``; ``CLEAN`` is the data itself."""
        return (1.0, 0.0) if step == CLEAN else (float(self.signal[step]), float(self.noise[step]))

    def coefficients(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Signal and noise of steps ``t : (B,) int64`` as ``(B, 1)`` of the dtype and device of ``like``."""
        index = t.to(self.signal.device)
        return self.signal[index, None].to(like), self.noise[index, None].to(like)

    def check(self, predict: Predict) -> None:
        """Raise InputError where a prediction cannot be turned into x0 at every step."""
        if predict == "eps" and self.zero_terminal:
            raise InputError(
                "predict=eps does not work with a schedule of zero terminal signal: the last step is all noise and "
                "says nothing about x0; choose predict=v or predict=x0, or schedule=linear"
            )


def make_schedule(kind: Kind, timesteps: int) -> Schedule:
    """The named schedule of T steps, in float64.

    linear: betas from 1e-4 to 0.02 whatever T, as HyperDiffusion has it (at T = 500, 8 % of the signal is left at the
    end). cosine: Nichol and Dhariwal 2021, eq. 17. linear-zsnr: linear, rescaled so that nothing of the signal is left
    at the last step (Lin et al. 2023, algorithm 1).
    """
    if kind == "cosine":
        grid = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64, device="cpu")
        squared = torch.cos((grid + 0.008) / 1.008 * math.pi / 2) ** 2
        betas = (1 - squared[1:] / squared[:-1]).clamp(max=0.999)
    else:
        betas = torch.linspace(1e-4, 0.02, timesteps, dtype=torch.float64, device="cpu")
    signal = torch.cumprod(1 - betas, 0).sqrt()  # (T,)
    if kind == "linear-zsnr":
        first, last = signal[0].clone(), signal[-1].clone()
        signal = (signal - last) * first / (first - last)
    return Schedule(signal, (1 - signal**2).sqrt())


def to_x0(predict: Predict, output: Tensor, x: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """x0 from what the network predicts. ``output, x : (B, D)``; ``signal, noise : (B, 1)``, signal > 0 for eps."""
    if predict == "x0":
        return output
    if predict == "v":
        return signal * x - noise * output
    return (x - noise * output) / signal


def target_of(predict: Predict, x0: Tensor, eps: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """What the network should predict for ``x_t = signal * x0 + noise * eps``. All ``(B, D)`` or ``(B, 1)``."""
    if predict == "x0":
        return x0
    if predict == "v":
        return signal * eps - noise * x0
    return eps


def time_grid(schedule: Schedule, steps: int, spacing: Spacing) -> list[int]:
    """``steps`` distinct step numbers of the schedule from T-1 down to 0 (S <= T); one step alone is T-1.

    spacing : "even" in the step number, or "snr": even in tanh(log(signal / noise) / 3). That is nearly even in the log of
    the signal-to-noise ratio, as DPM-Solver takes it (Lu et al. 2022), but spends little on both ends of it, where nothing
    is decided any more. Raises InputError for more steps than the schedule has.
    """
    last = schedule.timesteps - 1
    if steps > last + 1:
        raise InputError(f"{steps} sampling steps asked of a schedule that has {last + 1}; use at most {last + 1}")
    if steps == 1:
        return [last]
    share = torch.arange(steps, dtype=torch.float64, device="cpu") / (steps - 1)
    if spacing == "even":
        return [round(x) for x in (last * (1 - share)).tolist()]
    place = torch.tanh(torch.log(schedule.signal / schedule.noise) / 3)  # (T,), falls
    wanted = place[last] + share * (place[0] - place[last])
    found = torch.searchsorted(place.flip(0).contiguous(), wanted)  # the first that is as clean
    grid = [last]
    for i, t in enumerate((last - found).tolist()[1:], 1):
        grid.append(max(min(t, grid[-1] - 1), steps - 1 - i))  # distinct, and with room for the rest
    return grid
