"""The published way to overfit one shape, kept as the named baseline of the benchmarks (facts: Erkoc et al. 2023)."""

import time

import torch
import torch.nn.functional as F
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


def published_fit(
    train: Samples,
    field: FieldSettings,
    fit: FitSettings,
    layout: Layout,
    start: Tensor,
    seed: int,
    input_gradients: bool = False,
) -> Stage[tuple[Tensor, int]]:
    """Fit one shape as published and return its LAST weights (D,) and the number of steps.

    Adam at ``fit.lr``; cross-entropy summed over ``fit.batch`` points drawn with replacement from all of ``train``;
    an epoch is as many steps as batches fit into the points; the rate falls by 0.8 after 10 epochs without a new best
    epoch loss, not below 1e-5; 50 such epochs end it, ``fit.steps`` at the latest. With parts each expert has its own
    sum and there is no loss on the union. ``input_gradients`` also computes the gradients of the points, as the
    original does and does not need.
    """
    points = torch.from_numpy(train.points).to(start.device)
    count = len(layout_parts(layout))
    labels = (
        torch.from_numpy(train.inside[:, :count].T.copy() if count else train.occupancy[None]).to(start.device).float()
    )
    generator = torch.Generator().manual_seed(seed)
    experts = []  # (weight (G, out, in), bias (G, out)) of each layer of each bank, as leaves
    for bank in banks(layout):
        rows = start[bank.span].unflatten(0, (bank.number, -1))
        leaves = [(w.clone().requires_grad_(), b.clone().requires_grad_()) for w, b in layer_views(rows, bank.shapes)]
        experts.append(leaves)
    optimiser = torch.optim.Adam([leaf for leaves in experts for pair in leaves for leaf in pair], lr=fit.lr)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.8, patience=10, threshold=0, min_lr=1e-5)
    length = max(1, len(points) // fit.batch)
    best, since, steps, seen = float("inf"), 0, 0, time.monotonic()
    while steps < fit.steps and since < PATIENCE:
        total = torch.zeros((), device=start.device)
        taken = min(length, fit.steps - steps)
        for _ in range(taken):
            chosen = torch.randint(len(points), (fit.batch,), generator=generator).to(start.device)
            batch = points[chosen].requires_grad_(input_gradients)
            inputs = encode(batch, field.bands)
            logits = torch.cat(
                [
                    network_logits(leaves, field.activation, inputs.expand(len(leaves[0][1]), -1, -1))
                    for leaves in experts
                ]
            )  # (K, B)
            loss = F.binary_cross_entropy_with_logits(logits, labels[:, chosen], reduction="sum")
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.detach()
            steps += 1
            if time.monotonic() - seen > TICK:
                seen = time.monotonic()
                yield Progress(stage="fit", done=steps, total=fit.steps)
        mean = float(total) / taken
        schedule.step(mean)
        best, since = (mean, 0) if mean < best else (best, since + 1)
    ended = [torch.cat([leaf.flatten(1) for pair in leaves for leaf in pair], 1).flatten() for leaves in experts]
    return torch.cat(ended).detach(), steps
