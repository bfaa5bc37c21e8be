"""Interpolation between shapes, whole or part by part, and how plausible each frame is to the denoiser."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from engine.diffusion.denoiser import Condition, Denoiser
from engine.diffusion.schedule import target_of
from engine.errors import InputError
from engine.method import Part
from engine.parts.settings import Curve
from engine.parts.spans import numbers_of
from engine.protocol import Progress, Stage
from engine.storage import seed_of

LEVELS = (
    0.1,
    0.25,
    0.4,
    0.55,
    0.7,
)  # noise steps of plausibility, as shares of the schedule; above, all rows look alike
PAIRS = 2  # noises per level, each with its opposite, so that none of the rows has the noise on its side
OPPOSITE = 1e-4  # radians from a straight angle at which there is no one arc between two rows


def alphas(frames: int, curve: Curve) -> Tensor:
    """Alpha (F,) float64 of each frame; the first is at time 0, the last at time 1. Raises InputError under 2 frames."""
    if frames < 2:
        raise InputError(f"{frames} frames: an interpolation has at least 2, its first and its last")
    return _alpha(curve, torch.linspace(0, 1, frames, dtype=torch.float64))


def _alpha(curve: Curve, times: Tensor) -> Tensor:
    """Alpha (F,) float64 at times (F,) in 0..1. Raises InputError for knots that are no curve."""
    knots = torch.tensor(curve.knots, dtype=torch.float64)
    if knots.ndim != 2 or knots.shape[1] != 2 or len(knots) < 2 or knots[0, 0] != 0 or knots[-1, 0] != 1:
        raise InputError("a curve has two knots or more, (time, alpha), the first at time 0 and the last at time 1")
    time, alpha = knots.T.contiguous()
    if not bool((time.diff() > 0).all()) or not bool(((alpha >= 0) & (alpha <= 1)).all()):
        raise InputError("the times of a curve's knots must rise, and its alphas lie between 0 and 1")
    after = torch.searchsorted(time, times.double()).clamp(1, len(time) - 1)
    share = (times.double() - time[after - 1]) / (time[after] - time[after - 1])
    return torch.where(share == 1, alpha[after], alpha[after - 1] + share * (alpha[after] - alpha[after - 1]))


def interpolate(
    keys: Tensor,
    frames: int,
    parts: Sequence[Part] = (),
    curves: Mapping[str, Curve] | None = None,
    rest: Curve | None = None,
    centre: Tensor | None = None,
    scale: Tensor | None = None,
) -> Tensor:
    """Rows (F, D) on the way through the shapes ``keys`` (M, D), M >= 2; alpha i / (M - 1) is key i, bit for bit.

    curves : part name -> its own curve
    rest : curve of everything else; without it the rest stays the first shape's
    centre, scale : (D,) what arcs are measured about and in: a denoiser's ``mean`` and ``std``; 0 and 1 when left out

    Each part goes its own arc. Raises InputError for unknown parts, fewer than 2 shapes or frames, bad curves, and an arc
    between opposite rows.
    """
    if keys.ndim != 2 or len(keys) < 2:
        raise InputError("interpolate between at least two shapes of one model")
    named = dict(curves or {})
    chosen = numbers_of(named, parts)
    found = keys[0].repeat(frames, 1)
    left = torch.ones(keys.shape[1], dtype=torch.bool, device=keys.device)
    pieces: list[tuple[Tensor, Curve]] = []
    for k, part in enumerate(parts):
        if k not in chosen and rest is None:
            continue
        mask = torch.zeros_like(left)
        for span in part.spans:
            mask[span] = True
        left &= ~mask
        curve = named.get(part.name, rest)
        assert curve is not None
        pieces.append((mask, curve))
    if rest is not None:
        pieces.append((left, rest))
    middle = torch.zeros_like(keys[0]) if centre is None else centre.to(keys)
    unit = torch.ones_like(keys[0]) if scale is None else scale.to(keys)
    for mask, curve in pieces:
        found[:, mask] = _along(keys[:, mask], alphas(frames, curve), curve.way, middle[mask], unit[mask])
    return found


def nearest_key(keys: int, alpha: Tensor) -> Tensor:
    """(F,) int64, which of ``keys`` shapes each alpha (F,) is nearest to: whose presence of parts a frame takes."""
    return (alpha * (keys - 1)).round().long()


def _along(keys: Tensor, alpha: Tensor, way: str, centre: Tensor, scale: Tensor) -> Tensor:
    """(F, d) from keys (M, d) at alpha (F,)."""
    place = alpha * (len(keys) - 1)
    before = place.floor().long().clamp(max=len(keys) - 2)
    share = (place - before)[:, None].to(keys.device)
    first, second = keys[before].double(), keys[before + 1].double()
    if way == "spherical":
        middle, unit = centre.double(), scale.double()
        between = _arc((first - middle) / unit, (second - middle) / unit, share) * unit + middle
    else:
        between = (1 - share) * first + share * second
    blend = torch.where(share == 1, keys[before + 1], between.to(keys.dtype))
    return torch.where(share == 0, keys[before], blend)


def _arc(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """Spherical interpolation (Shoemake 1985) of (F, d); where the angle is nearly none, the straight line, its limit."""
    angle = 2 * torch.atan2(
        (_unit(a) - _unit(b)).norm(dim=1, keepdim=True), (_unit(a) + _unit(b)).norm(dim=1, keepdim=True)
    )
    if bool((angle > torch.pi - OPPOSITE).any()):
        raise InputError("two of the shapes are exactly opposite, so there is no one arc between them; choose linear")
    sine = angle.sin()
    straight = angle < 1e-6
    safe = torch.where(straight, torch.ones_like(sine), sine)
    first = torch.where(straight, 1 - share, ((1 - share) * angle).sin() / safe)
    second = torch.where(straight, share, (share * angle).sin() / safe)
    return first * a + second * b


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=1, keepdim=True).clamp(min=1e-30)


def plausibility(
    denoiser: Denoiser, rows: Tensor, seed: int = 0, condition: Condition | None = None, batch: int = 64
) -> Stage[Tensor]:
    """The denoiser's loss (N,) float64 on the CPU of each row (N, D) in the latents' own units; lower is more plausible.

    Mean squared error of what the denoiser predicts, in normalised units, over the noise steps ``LEVELS`` and ``PAIRS``
    pairs of noises each. Steps and noises are the same for all rows, so rows can be compared. condition : name -> (N,) int64.
    """
    device, schedule = denoiser.device, denoiser.schedule
    steps = [round(level * (schedule.timesteps - 1)) for level in LEVELS]
    streams = [torch.Generator().manual_seed(seed_of(seed, "plausibility", i)) for i in range(PAIRS)]
    drawn = torch.stack([torch.randn(rows.shape[1], generator=stream) for stream in streams])
    draws = torch.cat([drawn, -drawn]).to(device)
    edges = [*range(0, len(rows), batch), len(rows)]
    losses, done, total = [], 0, max(1, len(edges) - 1) * len(steps) * len(draws)
    training = denoiser.training
    denoiser.eval()
    try:
        for first, stop in pairwise(edges):
            ids = {name: values[first:stop].to(device) for name, values in (condition or {}).items()}
            loss = torch.zeros(stop - first, dtype=torch.float64, device=device)
            for step in steps:
                for eps in draws:
                    with torch.no_grad():
                        loss += _loss(denoiser, rows[first:stop].to(device), step, eps, ids)
                    done += 1
                    yield Progress(stage="plausibility", done=done, total=total)
            losses.append(loss.cpu() / (len(steps) * len(draws)))
    finally:
        denoiser.train(training)
    return torch.cat(losses) if losses else torch.zeros(0, dtype=torch.float64)


def _loss(denoiser: Denoiser, rows: Tensor, step: int, eps: Tensor, condition: Condition) -> Tensor:
    """(B,) float64 squared error of the prediction at one noise step and one noise (D,)."""
    x0 = denoiser.normalise(rows)
    t = torch.full((len(rows),), step, device=rows.device)
    signal, noise = denoiser.schedule.coefficients(t, x0)
    noised = eps.expand_as(x0)
    output = denoiser(signal * x0 + noise * noised, t, condition)
    return (output - target_of(denoiser.settings.predict, x0, noised, signal, noise)).double().pow(2).mean(1)
