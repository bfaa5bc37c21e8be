"""Agreement of a predicted field with labelled points."""

from torch import Tensor


def iou(logits: Tensor, occupancy: Tensor) -> Tensor:
    """Intersection over union of "predicted inside" (logit > 0) and "truly inside", over the last axis.

    logits : (..., P) float, occupancy : (..., P) bool or 0/1. Returns (...) float32 on the same device, without a
    synchronisation. Two empty sets agree: 1.
    """
    predicted, true = logits > 0, occupancy > 0.5 if occupancy.is_floating_point() else occupancy.bool()
    both = (predicted & true).sum(-1)
    either = (predicted | true).sum(-1)
    return (both / either.clamp(min=1)).masked_fill(either == 0, 1.0)
