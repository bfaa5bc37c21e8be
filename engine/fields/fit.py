"""Overfitting fields to shapes, several together, from a common anchor."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from msgspec.structs import replace
from torch import Tensor

from engine.errors import InputError, TrainingError
from engine.fields.descend import descend, fold
from engine.fields.draws import gather
from engine.fields.evaluate import held_out_iou
from engine.fields.mlp import fill_absent
from engine.fields.published import published_fit
from engine.fields.weights import initial_weights, layout_parts
from engine.geometry.samples import Samples
from engine.layout import Layout
from engine.protocol import Progress, Stage
from engine.settings import FieldSettings, FitSettings
from engine.storage import seed_of


@dataclass(frozen=True)
class FitData:
    """Labelled points of one item: to fit to, and to judge the fit by."""

    id: str
    train: Samples
    held_out: Samples


@dataclass(frozen=True)
class FitResult:
    """N fitted shapes.

    weights : (N, D) float32, on the anchor's device; the anchor itself where a fit did not stay finite
    present : (N, K) bool; K = 0 without parts
    iou : (N,) held-out IoU, NaN where the fit did not stay finite; part_iou : (N, K), NaN where absent
    steps : (N,) int64, optimiser steps taken; cpu_s : CPU seconds of the whole fit, without the held-out evaluation
    """

    ids: tuple[str, ...]
    weights: Tensor
    present: Tensor
    iou: Tensor
    part_iou: Tensor
    steps: Tensor
    cpu_s: float


def fit_anchor(
    data: Sequence[FitData],
    field: FieldSettings,
    fit: FitSettings,
    layout: Layout,
    seed: int,
    device: torch.device | None = None,
) -> Stage[Tensor]:
    """The row (D,) that every fit starts from, so that the weights of different shapes stay comparable.

    Rule ``fit.anchor``: "random", untrained weights; "first", the final weights of the first shape (as published); "mean",
    one network fitted to all of ``data`` at once, which learns how often each point is inside and lies in the middle of
    all shapes. Raises InputError without data.
    """
    if not data:
        raise InputError("an anchor needs at least one item")
    start = initial_weights(layout, field, torch.Generator().manual_seed(seed_of("anchor", seed)))
    start = start.to(device or torch.device("cpu"))
    if fit.recipe == "ours":  # evenly random in the coordinates that are optimised
        start = fold(start, field, fit, layout, data[0].train.points.shape[1])
    if fit.anchor == "random":
        return start
    if fit.recipe == "published":
        rows, _ = yield from published_fit(data[0].train, field, fit, layout, start, seed_of("fit", seed, data[0].id))
        return rows
    members = data if fit.anchor == "mean" else data[:1]
    steps = fit.anchor_steps if fit.anchor == "mean" else fit.steps
    # labels of several shapes contradict one another, so the last weights are taken: IoU says little about a mean
    settings = replace(fit, steps=steps, check_every=steps, stop_at=1.0, keep_near_anchor=0.0)
    pools = [gather([item.train for item in members], layout_parts(layout))]
    weights, _, finite = yield from descend(pools, ("anchor",), field, settings, layout, start, seed)
    if not finite.all():
        raise TrainingError(
            "the anchor did not stay finite; check the first items' points or lower fit.lr and fit.matrix_lr"
        )
    return weights[0]


def fit_fields(
    data: Sequence[FitData], field: FieldSettings, fit: FitSettings, layout: Layout, anchor: Tensor, seed: int
) -> Stage[FitResult]:
    """Fit N items together, from ``anchor`` (D,) and on its device. The same arguments give the same bits.

    A shape's random draws depend on its id and the seed alone. Absent parts hold the fixed always-empty network.
    """
    begun = time.process_time()
    count = len(layout_parts(layout))
    present = torch.stack([torch.from_numpy(item.train.present[:count].copy()) for item in data]).to(anchor.device)
    if fit.recipe == "published":
        rows, numbers = [], []
        for item in data:
            row, taken = yield from published_fit(item.train, field, fit, layout, anchor, seed_of("fit", seed, item.id))
            rows.append(row)
            numbers.append(taken)
        weights, steps = torch.stack(rows), torch.tensor(numbers)
        finite = weights.isfinite().all(1)
        weights = torch.where(finite.unsqueeze(1), weights, anchor)
    else:
        pools = [gather([item.train], layout_parts(layout)) for item in data]
        names = tuple(item.id for item in data)
        weights, steps, finite = yield from descend(pools, names, field, fit, layout, anchor, seed)
    weights = fill_absent(weights, present, anchor, layout)
    spent = time.process_time() - begun
    scores = torch.full((len(data),), torch.nan)
    part_scores = torch.full((len(data), count), torch.nan)
    for n, item in enumerate(data):
        if finite[n]:
            whole, parts = held_out_iou(weights[n], layout, field, item.held_out, present[n])
            scores[n], part_scores[n] = whole, torch.tensor(parts[:count])
        yield Progress(stage="judge", done=n + 1, total=len(data))
    return FitResult(tuple(item.id for item in data), weights, present, scores, part_scores, steps, spent)
