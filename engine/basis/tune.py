"""Experts and codes of a few items learned together, from those of a model: nearer to the items, but another model."""

from collections.abc import Sequence
from pathlib import Path

import torch
from msgspec.structs import replace
from torch import Tensor

from engine.basis.experts import Experts
from engine.basis.frames import to_canonical, to_local
from engine.basis.learn import Codes, Pool, misfit, train_settings
from engine.basis.muon import MatrixSteps
from engine.basis.points import LocalPoints
from engine.methods.basis.settings import BasisFitSettings
from engine.optimise import learning_rate, optimise
from engine.protocol import Stage

GENTLE = 0.5  # share of the learning rates of a fit from nothing


def fine_tune(
    experts: Experts,
    items: Sequence[LocalPoints],
    start: Tensor,
    frames: Tensor,
    mirrored: Tensor,
    fit: BasisFitSettings,
    steps: int,
    seed: int,
    folder: Path | None = None,
) -> Stage[Tensor]:
    """Train ``experts`` and the items' codes from ``start`` (N, K, C), resumably in ``folder`` -> codes (N, K, C).

    frames : (N, K, 8) in which the parts are to be known, those that go with ``start``; they need not be the points' own
    mirrored : (K,) bool
    A step sees as many points of each part as in `learn`, of up to ``fit.shapes`` items. Experts of parts that no item has
    stay as they are, and so do codes of absent parts. Raises TrainingError as `optimise`.
    """
    pool, device = Pool(items), start.device
    own = torch.from_numpy(pool.points.frames)
    fit = replace(fit, lr=GENTLE * fit.lr, matrix_lr=GENTLE * fit.matrix_lr, warmup=min(fit.warmup, steps // 4))
    shapes = min(len(items), fit.shapes)
    points = min(pool.length, fit.points * fit.shapes // shapes)
    codes = Codes(start, fit.code_lr).to(device)
    part = torch.arange(experts.parts)[:, None]
    settings = train_settings(fit, steps)
    experts.requires_grad_(True)
    matrices = MatrixSteps(list(experts.weights)[:-1], fit.matrix_lr).to(device)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        matrices.pace = learning_rate(settings, step) / settings.lr
        which = torch.stack([torch.randperm(len(items), generator=generator)[:shapes] for _ in part])  # (K, S)
        starts = torch.randint(pool.length - points + 1, which.shape, generator=generator)
        local, distance = (values.to(device) for values in pool.read(which, starts, points))
        before, after = (some[which, part].flatten(0, 1).to(local) for some in (own, frames))  # (K*S, 8)
        local = to_local(to_canonical(local, before), after, mirrored.repeat_interleave(shapes))
        there = pool.present[which, part].to(device)  # (K, S)
        chosen = codes()[which, part]  # (K, S, C)
        wrong = misfit(experts.logits(experts.fold(chosen), local), distance, fit.band).mean(1).view_as(there)
        each = wrong + fit.prior * chosen.pow(2).sum(-1)
        return (each * there).sum() / there.sum().clamp_min(1)

    try:
        modules = {"experts": experts, "codes": codes, "matrices": matrices}
        yield from optimise(modules, loss, settings, seed=seed, folder=folder, stage="fit")
    finally:
        matrices.end()
        experts.requires_grad_(False)
    return codes().detach()
