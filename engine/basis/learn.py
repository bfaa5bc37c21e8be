"""Learning experts and codes together (an auto-decoder), and codes alone for new shapes with the experts as they are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from engine.basis.experts import CODE_START, Experts
from engine.basis.muon import MatrixSteps
from engine.basis.point_files import HeldPoints, PointFiles, Points
from engine.basis.points import LocalPoints
from engine.basis.seldom import SeldomCodes
from engine.errors import InputError
from engine.methods.basis.settings import BasisFitSettings
from engine.optimise import learning_rate, optimise
from engine.protocol import Stage
from engine.settings import TrainSettings
from engine.storage import seed_of

MOST_DENSE = 4_096  # shapes whose codes all move at every step; of more, only those that a step looks at


class Codes(nn.Module):
    """Codes of N shapes (N, K, C), kept divided by ``pace``: they learn so many times as fast as everything else."""

    def __init__(self, start: Tensor, pace: float) -> None:
        super().__init__()
        self.pace = pace
        self.slow = nn.Parameter(start / pace)

    def forward(self) -> Tensor:
        """(N, K, C)."""
        return self.slow * self.pace

    def take(self, which: Tensor, step: int) -> Tensor:
        """(K, S, C) codes of shapes ``which`` (K, S), at whatever step."""
        taken: Tensor = self()[which, torch.arange(len(which))[:, None]]
        return taken

    def final(self, steps: int) -> Tensor:
        """(N, K, C) all codes, after whatever steps."""
        return self.slow * self.pace


class Pool:
    """Points of N items: what a step reads does not depend on how many items there are."""

    def __init__(self, items: Sequence[LocalPoints]) -> None:
        self.points: Points = items if isinstance(items, PointFiles) else HeldPoints(items)
        self.present = torch.from_numpy(self.points.present)  # (N, K)
        self.owners = [column.nonzero()[:, 0] for column in self.present.T]

    def pick(self, shapes: int, generator: torch.Generator) -> Tensor:
        """(K, S) int64: for each part, items that have it. Raises InputError when a part is in none of them."""
        if not all(len(owners) for owners in self.owners):
            raise InputError("some parts are in none of the shapes that the experts learn from; raise fit.most_shapes")
        return torch.stack(
            [owners[torch.randint(len(owners), (shapes,), generator=generator)] for owners in self.owners]
        )

    @property
    def length(self) -> int:
        """How many points there are of each part."""
        return self.points.length

    def read(self, which: Tensor, starts: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """``count`` points of items ``which`` (K, S) from ``starts`` (K, S): local (K*S, P, 3), signed distances (K*S, P)."""
        read = [
            self.points.stretch(item, k, start, count)
            for k, (row, places) in enumerate(zip(which.tolist(), starts.tolist(), strict=True))
            for item, start in zip(row, places, strict=True)
        ]
        points, distances = zip(*read, strict=True)
        return torch.from_numpy(np.stack(points)).float(), torch.from_numpy(np.stack(distances)).float()


def learn(
    experts: Experts, items: Sequence[LocalPoints], fit: BasisFitSettings, seed: int, folder: Path | None
) -> Stage[Tensor]:
    """Train ``experts`` and codes of all items together, resumably in ``folder`` -> codes (N, K, C).

    Codes of absent parts stay where they started. With ``fit.pairs``, or of very many items, the time and memory of a step
    depend neither on how many items there are nor, but for the experts' own, on how many parts. Raises InputError,
    DamagedFileError, TrainingError as `optimise`.
    """
    pool, device = Pool(items), experts.weights[0].device
    size = (len(items), experts.parts, experts.settings.code)
    start = CODE_START * torch.randn(size, generator=torch.Generator().manual_seed(seed_of("codes", seed)))
    settings = train_settings(fit, fit.steps)
    seldom = bool(fit.pairs) or len(items) > MOST_DENSE
    codes = SeldomCodes(start, fit.code_lr, settings) if seldom else Codes(start, fit.code_lr)
    codes = codes.to(device)
    shapes = max(2, fit.pairs // experts.parts) if fit.pairs else fit.shapes
    matrices = MatrixSteps(list(experts.weights)[:-1], fit.matrix_lr).to(device)
    modules = {"experts": experts, "codes": codes, "matrices": matrices}

    def loss(step: int, generator: torch.Generator) -> Tensor:
        matrices.pace = learning_rate(settings, step) / settings.lr
        which = pool.pick(shapes, generator)
        starts = torch.randint(pool.length - fit.points + 1, which.shape, generator=generator)
        local, distance = (values.to(device) for values in pool.read(which, starts, fit.points))
        chosen = codes.take(which, step)  # (K, S, C)
        jitter = fit.noise * torch.randn(chosen.shape, generator=generator).to(device) if fit.noise else 0.0
        found = experts.logits(experts.fold(chosen + jitter), local)
        return misfit(found, distance, fit.band).mean() + fit.prior * chosen.pow(2).sum(-1).mean()

    try:
        yield from optimise(modules, loss, settings, seed=seed, folder=folder, stage="fit")
    finally:
        matrices.end()
    return codes.final(settings.steps).detach()


def find_codes(
    experts: Experts, items: Sequence[LocalPoints], start: Tensor, fit: BasisFitSettings, seed: int
) -> Stage[Tensor]:
    """Codes (N, K, C) of new items with the experts as they are, from ``start`` (K, C), where those of absent parts stay.

    Every step takes the next stretch of points, so what an item gets depends on no other item.
    """
    codes = Codes(start.repeat(len(items), 1, 1), fit.code_lr)
    frozen = experts.requires_grad_(False)
    pool = Pool(items)
    absent = ~pool.present.T.to(start.device)  # (K, N)
    count = fit.code_points
    every = torch.arange(len(items)).expand(experts.parts, -1)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        first = torch.full_like(every, step * count % (pool.length - count + 1))
        local, distance = (values.to(start.device) for values in pool.read(every, first, count))
        here = codes().transpose(0, 1)  # (K, N, C)
        wrong = misfit(frozen.logits(frozen.fold(here), local), distance, fit.band).mean(1)
        each = wrong.view_as(absent) + fit.prior * here.pow(2).sum(-1)
        return each.masked_fill(absent, 0.0).sum()  # a sum: what one item gets does not depend on the others

    yield from optimise({"codes": codes}, loss, train_settings(fit, fit.code_steps), seed=seed, stage="codes")
    return codes().detach()


def train_settings(fit: BasisFitSettings, steps: int) -> TrainSettings:
    """How ``optimise`` takes steps of a fit: no decay of weights, no average, no clipping."""
    return TrainSettings(
        steps=steps,
        lr=fit.lr,
        weight_decay=0.0,
        warmup=min(fit.warmup, steps // 4),
        clip=0.0,
        ema=0.0,
        save_every=fit.save_every,
    )


def misfit(logits: Tensor, distance: Tensor, band: float) -> Tensor:
    """Cross-entropy of logits with soft labels sigmoid(2 distance / band), least where a logit is 2 distance / band.

    With a narrow band these are occupancies; with a wide one signed distances whose weight falls off from the surface.
    """
    return binary_cross_entropy_with_logits(logits, torch.sigmoid(2 / band * distance), reduction="none")
