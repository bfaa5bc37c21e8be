"""The published way to overfit one shape, kept as the named baseline of the benchmarks (facts: Erkoc et al. 2023)."""

import time

import torch
import torch.nn.functional as F
from msgspec.structs import replace
from torch import Tensor

from engine.fields.encoding import encode
from engine.fields.mlp import network_logits
from engine.fields.weights import banks, layer_views, layout_parts
from engine.geometry.samples import Samples
from engine.layout import Layout
from engine.protocol import Progress, Stage
from engine.settings import FieldSettings, FitSettings

PATIENCE = 50  # epochs without a new best loss before it stops
TICK = 0.2  # seconds between signs of life


def published_settings(fit: FitSettings) -> FitSettings:
    """With ``recipe=published``, the published values: batch 2048, Adam 1e-2, at most 5000 epochs of 97 steps, and the
    first shape's final weights as the anchor; only the quality gate stays as it is. With ``recipe=ours`` no change.
    """
    if fit.recipe == "ours":
        return fit
    return replace(fit, batch=2048, lr=1e-2, steps=485_000, anchor="first", shapes_at_once=1)


class Published:
    """One shape's fit by the published recipe, step by step.

    Adam at ``fit.lr``; cross-entropy summed over ``fit.batch`` points drawn with replacement from all points; an epoch is
    as many steps as batches fit into the points; the rate falls by 0.8 after 10 epochs without a new best epoch loss, not
    below 1e-5; 50 such epochs end it, ``fit.steps`` at the latest. With parts each expert has its own sum and the union
    has no loss. ``input_gradients`` also computes the gradients of the points, as the original does and does not need.
    """

    def __init__(
        self,
        train: Samples,
        field: FieldSettings,
        fit: FitSettings,
        layout: Layout,
        start: Tensor,
        seed: int,
        input_gradients: bool = False,
    ) -> None:
        self.field, self.fit, self.input_gradients = field, fit, input_gradients
        count = len(layout_parts(layout))
        labels = torch.from_numpy(train.inside[:, :count].T.copy() if count else train.occupancy[None].copy())
        self.points, self.labels = torch.from_numpy(train.points).to(start.device), labels.to(start.device).float()
        self.generator = torch.Generator().manual_seed(seed)
        self.experts = []  # (weight (G, out, in), bias (G, out)) of each layer of each bank, as leaves
        for bank in banks(layout):
            rows = start[bank.span].unflatten(0, (bank.number, -1))
            views = layer_views(rows, bank.shapes)
            self.experts.append([(w.clone().requires_grad_(), b.clone().requires_grad_()) for w, b in views])
        leaves = [leaf for layers in self.experts for pair in layers for leaf in pair]
        self.optimiser = torch.optim.Adam(leaves, lr=fit.lr)
        self.schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimiser, factor=0.8, patience=10, threshold=0, min_lr=1e-5
        )
        self.epoch_steps = max(1, len(self.points) // fit.batch)
        self.steps = self.stale_epochs = 0
        self.best_loss = float("inf")
        self.total = torch.zeros((), device=start.device)

    @property
    def done(self) -> bool:
        """True after ``fit.steps`` steps, or when the epochs no longer get better."""
        return self.steps >= self.fit.steps or self.stale_epochs >= PATIENCE

    def step(self) -> bool:
        """One optimiser step; True when it ends an epoch."""
        chosen = torch.randint(len(self.points), (self.fit.batch,), generator=self.generator).to(self.points.device)
        batch = self.points[chosen].requires_grad_(self.input_gradients)
        inputs = encode(batch, self.field.bands)
        logits = [
            network_logits(layers, self.field.activation, inputs.expand(len(layers[0][1]), -1, -1))
            for layers in self.experts
        ]  # K rows of (B,)
        loss = F.binary_cross_entropy_with_logits(torch.cat(logits), self.labels[:, chosen], reduction="sum")
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.total += loss.detach()
        self.steps += 1
        if self.steps % self.epoch_steps:
            return False
        mean = float(self.total) / self.epoch_steps
        self.total.zero_()
        self.schedule.step(mean)
        self.stale_epochs = 0 if mean < self.best_loss else self.stale_epochs + 1
        self.best_loss = min(mean, self.best_loss)
        return True

    def row(self) -> Tensor:
        """The weights (D,) as they are now."""
        ended = [
            torch.cat([leaf.flatten(1) for pair in layers for leaf in pair], 1).flatten() for layers in self.experts
        ]
        return torch.cat(ended).detach()


def published_fit(
    train: Samples, field: FieldSettings, fit: FitSettings, layout: Layout, start: Tensor, seed: int
) -> Stage[tuple[Tensor, int]]:
    """Fit one shape as published: its LAST weights (D,), not the best, and the number of steps."""
    run = Published(train, field, fit, layout, start, seed)
    seen = time.monotonic()
    while not run.done:
        run.step()
        if time.monotonic() - seen > TICK:
            seen = time.monotonic()
            yield Progress(stage="fit", done=run.steps, total=fit.steps)
    return run.row(), run.steps
