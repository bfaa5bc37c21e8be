"""Healing and rerolling: free parts of a row are diffused again, given the held ones, which come back byte for byte."""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import torch
from torch import Tensor

from engine.diffusion.denoiser import Condition, Denoiser
from engine.diffusion.samplers import ddim
from engine.diffusion.schedule import CLEAN, Schedule, time_grid
from engine.errors import InputError
from engine.method import Part
from engine.parts.settings import HealSettings
from engine.parts.spans import mask_of
from engine.protocol import Note, Progress, Stage
from engine.stages import as_part_of
from engine.storage import seed_of

REACH = 0.2  # root mean square of one step of guidance, normalised units
LOOSER = (0.0, 0.5, 0.85, 1.0, 1.0, 1.0)  # least ``loose`` of each draw of a variant
APART = (
    0.5  # root mean square between variants that are not the same, normalised units; about 1.4 between training shapes
)

Guide = Callable[[Tensor], Tensor]  # latents (B, D) in their own units -> (B,) loss, >= 0, differentiable; 0 = good


@dataclass(frozen=True)
class Rerolled:
    """Variants of a shape. ``latent : (K, D)``; ``seeds`` and ``loose`` : K numbers, which draw each variant again."""

    latent: Tensor
    seeds: tuple[int, ...]
    loose: tuple[float, ...]


def heal(
    denoiser: Denoiser,
    rows: Tensor,
    free: Tensor,
    settings: HealSettings,
    seeds: Sequence[int],
    condition: Condition | None = None,
    guide: Guide | None = None,
) -> Stage[Tensor]:
    """Rows (N, D), in the latents' own units, whose free numbers agree better with the held ones; on the CPU.

    free : (D,) bool, what may change; the rest comes back byte for byte (mode "all" changes everything, and says so)
    seeds : one per row; row i depends on the model, the settings, its own numbers and seeds[i]
    condition : name -> (N,) int64
    guide : its gradient is followed by the free numbers of every clean guess, see `guidance.joint_guide`

    RePaint (Lugmayr et al. 2022, algorithm 1): the free numbers are denoised; the held ones are, at every step, the
    known ones noised to that step; and each stretch of ``jump`` steps is noised and denoised ``resample`` times, so that
    both come to agree. It starts from the rows noised to ``strength``, as SDEdit does (Meng et al. 2022), which with
    nothing held is the published way. Raises InputError when rows, seeds or mask do not fit the model.
    """
    size = denoiser.layout.size
    if rows.shape[1:] != (size,) or free.shape != (size,) or len(seeds) != len(rows):
        raise InputError(
            f"{len(rows)} rows of {rows.shape[-1]} numbers with {len(seeds)} seeds do not fit a model of {size} numbers; "
            "heal shapes with the model that they belong to"
        )
    if settings.mode == "all":
        free = torch.ones_like(free)
        yield Note(text="every part changes: the whole shape is noised and denoised, held parts too", warning=True)
    elif not bool(free.any()):
        yield Note(text="everything is held, so nothing was diffused; only moves can mend the joints")
        return rows.cpu().clone()
    walk = stretches(len(_times(denoiser.schedule, settings)), settings.jump, settings.resample)
    batches = [range(first, min(first + settings.batch, len(rows))) for first in range(0, len(rows), settings.batch)]
    total, found = len(walk) * len(batches), []
    training = denoiser.training
    denoiser.eval()
    try:
        for number, index in enumerate(batches):
            part = slice(index.start, index.stop)
            picked = {name: ids[part].to(denoiser.device) for name, ids in (condition or {}).items()}
            batch = _repaint(denoiser, rows[part], free, settings, seeds[part], picked, guide, walk)
            for done, state in enumerate(batch, 1):
                x = state
                yield Progress(stage="heal", done=number * len(walk) + done, total=total)
            with torch.no_grad():
                found.append(torch.where(free, denoiser.restore(x).cpu(), rows[part].cpu()))
    finally:
        denoiser.train(training)
    return torch.cat(found) if found else rows.cpu().clone()


def reroll(
    denoiser: Denoiser,
    row: Tensor,
    names: Collection[str],
    parts: Sequence[Part],
    count: int,
    settings: HealSettings,
    seed: int,
    condition: Mapping[str, int] | None = None,
) -> Stage[Rerolled]:
    """``count`` variants of a row (D,) in which the named parts are drawn anew from noise and all else is held.

    A variant that is no other than the row itself, or than one before it, is drawn again with less regard to the held
    parts (``LOOSER``): a denoiser that learned few shapes by heart knows only one wing for a body. The last draw counts.

    Raises InputError for unknown parts and when no part is named.
    """
    if not names:
        raise InputError("name the parts that are to be drawn anew")
    free = mask_of(names, parts, len(row))
    latent, seeds, loose = row.cpu().repeat(count, 1), [0] * count, [0.0] * count
    taken = [row.cpu()]  # what a variant must differ from
    left = list(range(count))
    for number, share in enumerate(LOOSER):
        drawn = [seed_of(seed, "reroll", place, number) for place in left]
        changed = msgspec.structs.replace(settings, mode="free", strength=1.0, loose=max(share, settings.loose))
        ids = {name: torch.full((len(left),), value) for name, value in (condition or {}).items()}
        event = Progress(stage="reroll", done=count - len(left), total=count)
        found = yield from as_part_of(event, heal(denoiser, row.expand(len(left), -1), free, changed, drawn, ids))
        for place, one, by in zip(list(left), found, drawn, strict=True):
            if number == len(LOOSER) - 1 or _differs(denoiser, one, taken, free):
                latent[place], seeds[place], loose[place] = one, by, changed.loose
                taken.append(one)
                left.remove(place)
        if not left:
            break
    yield Progress(stage="reroll", done=count, total=count)
    if max(loose, default=0.0) > settings.loose:
        yield Note(
            text="given the other parts this model knows few variants, so some were drawn with less regard to them"
        )
    return Rerolled(latent, tuple(seeds), tuple(loose))


def _differs(denoiser: Denoiser, row: Tensor, others: Sequence[Tensor], free: Tensor) -> bool:
    """Whether the free numbers of a row (D,) are others than those of each of the other rows."""
    rows = denoiser.normalise(torch.stack([row, *others]).to(denoiser.device)).cpu()[:, free]
    return bool(((rows[1:] - rows[0]).pow(2).mean(1).sqrt() >= APART).all())


def stretches(steps: int, jump: int, resample: int) -> list[tuple[int, int]]:
    """The walk over ``steps`` steps as (from, to) positions; 0 is the start, ``steps`` the clean end; to < from is a jump
    back. After every ``jump`` steps it goes back by as much, ``resample`` - 1 times (Lugmayr et al. 2022, appendix B)."""
    walk: list[tuple[int, int]] = []
    place, left = 0, dict.fromkeys(range(jump, steps + 1, jump), resample - 1)
    while place < steps:
        walk.append((place, place + 1))
        place += 1
        if left.get(place, 0):
            left[place] -= 1
            walk.append((place, place - jump))
            place -= jump
    return walk


def _times(schedule: Schedule, settings: HealSettings) -> list[int]:
    """Falling step numbers from the one at ``strength`` down to 0."""
    highest = round(settings.strength * (schedule.timesteps - 1))
    times = [t for t in time_grid(schedule, min(settings.steps, schedule.timesteps), "even") if t < highest]
    return [highest, *times]


def _repaint(
    denoiser: Denoiser,
    rows: Tensor,
    free: Tensor,
    settings: HealSettings,
    seeds: Sequence[int],
    condition: Condition,
    guide: Guide | None,
    walk: Sequence[tuple[int, int]],
) -> Generator[Tensor, None, None]:
    """The noised latents (B, D), normalised, after each stretch of the walk; the last ones are clean."""
    device, schedule = denoiser.device, denoiser.schedule
    times = [*_times(schedule, settings), CLEAN]
    streams = [torch.Generator().manual_seed(seed_of(seed, "heal")) for seed in seeds]
    free = free.to(device)
    known = denoiser.normalise(rows.to(device)).detach()

    def noise() -> Tensor:
        return torch.stack([torch.randn(rows.shape[1], generator=stream) for stream in streams]).to(device)

    @torch.no_grad()
    def denoise(x: Tensor, t: int) -> Tensor:
        guess = denoiser.x0(x, torch.full((len(x),), t, device=device), condition)
        return guess if guide is None else _guided(denoiser, guess, free, guide, settings.guidance)

    signal, share = schedule.at(times[0])
    x = signal * known + share * noise()
    shown = (1 - settings.loose) * schedule.timesteps - 1  # the highest step at which the held numbers are
    if settings.strength == 1:  # nothing of the old numbers is left, also where the schedule keeps some
        x = torch.where(free | torch.tensor(settings.loose > 0, device=device), noise(), x)
    for start, stop in walk:
        (a, s), (a2, s2) = schedule.at(times[start]), schedule.at(times[stop])
        if stop < start:  # noised again: q(x_t | x_s) for t > s
            x = (a2 / a) * x + max(0.0, s2**2 - (a2 / a * s) ** 2) ** 0.5 * noise()
        else:
            pair = times[start : stop + 1] if times[stop] != CLEAN else times[start:stop]
            x = next(ddim(denoise, schedule, pair, x, noise, settings.eta)).x
        if times[stop] <= shown:
            x = torch.where(free, x, a2 * known + s2 * noise() if s2 > 0 else known)
        yield x


def _guided(denoiser: Denoiser, guess: Tensor, free: Tensor, guide: Guide, scale: float) -> Tensor:
    """A clean guess (B, D), normalised, one step down the gradient of the guide's loss in its free numbers.

    Polyak's step (1987): ``scale`` 1 goes as far as would bring the loss to 0 if it were linear, at most ``REACH``.
    """
    with torch.enable_grad():
        x = guess.detach().requires_grad_()
        loss = guide(denoiser.restore(x))
        (slope,) = torch.autograd.grad(loss.sum(), x)
    slope = slope * free
    length = slope.norm(dim=1, keepdim=True).clamp(min=1e-12)
    step = (scale * loss.detach()[:, None] / length).clamp(max=REACH * float(free.sum()) ** 0.5)
    return guess - step * slope / length
