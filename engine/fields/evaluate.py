"""How good a fitted field is: IoU on points it never saw, and the verdict of the quality gate."""

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from engine.fields.encoding import encode
from engine.fields.mlp import encoded_logits, union_logits
from engine.geometry.samples import Samples
from engine.layout import Layout
from engine.settings import FieldSettings, FitSettings

if TYPE_CHECKING:
    from engine.fields.fit import FitResult

PIECE = 4096  # points at a time: what fits a processor's cache


def iou(found: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union of two (..., P) bool tensors -> (...); 1 where both are empty."""
    both, either = (found & truth).sum(-1), (found | truth).sum(-1)
    return torch.where(either > 0, both / either.clamp_min(1), torch.ones_like(both, dtype=torch.float32))


@torch.no_grad()
def signs(weights: Tensor, layout: Layout, settings: FieldSettings, points: Tensor, present: Tensor) -> Tensor:
    """Inside or not by each expert and, last, by the whole shape: one row (D,), points (P, C) -> (K + 1, P) bool.

    present : (K,) bool; K = 0 for a field without parts, which gives (1, P).
    """
    columns = []
    for piece in points.split(PIECE if weights.device.type == "cpu" else 1 << 20):
        inputs = encode(piece.to(weights.device), settings.bands).unsqueeze(0)
        logits = encoded_logits(weights.unsqueeze(0), layout, settings, inputs)  # (1, K, P)
        if not len(present):
            columns.append(logits[0] > 0)
            continue
        whole = union_logits(logits, present.unsqueeze(0))
        columns.append(torch.cat([logits[0].masked_fill(~present.unsqueeze(1), -1.0), whole]) > 0)
    return torch.cat(columns, 1)


def held_out_iou(
    weights: Tensor, layout: Layout, settings: FieldSettings, held_out: Samples, present: Tensor
) -> tuple[float, list[float]]:
    """IoU of one row (D,) on points that were never used in training.

    The whole shape is judged on the evenly drawn points, a part on the points in its box + 10 %; NaN for an absent part.
    """
    points = torch.from_numpy(held_out.points)
    truth = torch.from_numpy(held_out.inside).T.bool()
    occupied = truth.any(0) if len(present) else torch.from_numpy(held_out.occupancy).bool()
    found = signs(weights, layout, settings, points, present).cpu()
    even = held_out.section("uniform")
    part_iou = [float("nan")] * len(held_out.vocabulary)
    for k, name in enumerate(held_out.vocabulary if len(present) else ()):
        if held_out.present[k]:
            box = held_out.section(f"part:{name}")
            part_iou[k] = float(iou(found[k, box], truth[k, box]))
    return float(iou(found[-1, even], occupied[even])), part_iou


def verdict(
    result: "FitResult", index: int, fit: FitSettings, vocabulary: tuple[str, ...]
) -> tuple[Literal["accepted", "quarantined"], str]:
    """The quality gate of one shape of a fit: the verdict and, when it is quarantined, the reason in words."""
    whole = float(result.iou[index])
    if whole != whole:
        return "quarantined", "the fit did not stay finite; check the item's points or lower fit.lr and fit.matrix_lr"
    faults = []
    if whole < fit.accept:
        faults.append(f"IoU {whole:.3f} is under {fit.accept:g}")
    for k, name in enumerate(vocabulary):
        if result.present[index, k] and float(result.part_iou[index, k]) < fit.accept_part:
            faults.append(f"part {name}: IoU {float(result.part_iou[index, k]):.3f} is under {fit.accept_part:g}")
    return ("quarantined", "; ".join(faults)) if faults else ("accepted", "")
