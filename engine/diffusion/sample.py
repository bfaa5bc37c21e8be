"""Latents from a trained denoiser. Sample i depends on the model, the settings and (seed, i), not on its neighbours."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from engine.diffusion.denoiser import NONE, Condition, Denoiser
from engine.diffusion.samplers import run_sampler
from engine.diffusion.schedule import time_grid
from engine.errors import InputError
from engine.method import Look
from engine.protocol import Progress, Stage
from engine.settings import SamplerSettings
from engine.storage import seed_of


def noise_of(seed: int, indices: range, size: int, device: torch.device) -> Callable[[], Tensor]:
    """A source of (B, D) unit normal numbers with a stream of its own for each sample of ``indices``."""
    streams = [torch.Generator().manual_seed(seed_of(seed, "sample", index)) for index in indices]
    return lambda: torch.stack([torch.randn(size, generator=stream) for stream in streams]).to(device)


def draw(
    denoiser: Denoiser,
    count: int,
    settings: SamplerSettings,
    seed: int,
    condition: Mapping[str, int] | Condition | None = None,
    look: Look | None = None,
) -> Stage[Tensor]:
    """``count`` new latents, (N, D) float32 on the CPU, in the latents' own units.

    condition: name -> one class id for all, or (N,) int64; -1 or absent means anything. Raises InputError for a name or
    class that the denoiser does not know, and for more steps than its schedule has.
    look: is shown after each step what the samples seem to become, on the CPU, and may take its time over it.
    """
    ids = {name: torch.as_tensor(value).expand(count) for name, value in (condition or {}).items()}
    for name, values in ids.items():
        if name not in denoiser.conditions:
            known = ", ".join(denoiser.conditions) or "none at all"
            raise InputError(f"this model knows no condition {name!r}; it knows {known}")
        if count and not NONE <= int(values.min()) <= int(values.max()) < denoiser.conditions[name]:
            raise InputError(f"condition {name!r} has classes 0 to {denoiser.conditions[name] - 1}")
    device, training = denoiser.device, denoiser.training
    times = time_grid(denoiser.schedule, settings.steps, settings.spacing)
    batches = [range(start, min(start + settings.batch, count)) for start in range(0, count, settings.batch)]
    done, total = 0, len(batches) * len(times)
    rows = []
    denoiser.eval()
    try:
        for indices in batches:
            picked = {name: values[indices.start : indices.stop].to(device) for name, values in ids.items()}
            noise = noise_of(seed, indices, denoiser.layout.size, device)

            @torch.no_grad()
            def denoise(x: Tensor, t: int, picked: Condition = picked) -> Tensor:
                steps = torch.full((len(x),), t, device=x.device)
                return denoiser.x0(x, steps, picked, settings.guidance_scale)

            for step in run_sampler(settings, denoise, denoiser.schedule, times, noise(), noise):
                done, x = done + 1, step.x
                yield Progress(stage="sample", done=done, total=total)
                if look is not None:
                    with torch.no_grad():
                        guess = denoiser.restore(step.x0).cpu()
                    yield from look(indices, step.index / step.total, guess)
            with torch.no_grad():
                rows.append(denoiser.restore(x).cpu())
    finally:
        denoiser.train(training)
    return torch.cat(rows) if rows else torch.empty(0, denoiser.layout.size)
