"""How well one shape is rebuilt: F-score, IoU and normal consistency against the shape it was made from."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.errors import InputError
from engine.metrics.chamfer import checked, grown

THRESHOLD = 0.01  # of the F-score: about 1 % of the longest side (0.95) of a shape in canonical space


def f_score(rebuilt: NDArray, reference: NDArray, threshold: float = THRESHOLD) -> float:
    """Harmonic mean of precision and recall of a surface (Tatarchenko et al. 2019): 0 to 1, higher is better.

    rebuilt (P, 3), reference (Q, 3) : surface points in one frame. Precision is the share of the rebuilt points within
    ``threshold`` (units of the frame) of a reference point, recall the share of the reference points within it of a
    rebuilt one. Points must lie closer together than the threshold, or even two samples of one surface score below 1.
    InputError when a cloud is empty or not finite, or the threshold is not above 0.
    """
    if not threshold > 0:
        raise InputError(f"the threshold of an F-score must be above 0, not {threshold}")
    a, b = _trees(rebuilt, reference)
    precision = float((b.query(a.data)[0] <= threshold).mean())
    recall = float((a.query(b.data)[0] <= threshold).mean())
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def iou(rebuilt: NDArray, reference: NDArray) -> float:
    """Intersection over union of two solids, from whether the same evenly drawn points (P,) are inside each (bool).

    NaN when no point is inside either, since then the samples say nothing. InputError when the numbers of points differ.
    """
    rebuilt, reference = np.asarray(rebuilt), np.asarray(reference)
    if rebuilt.dtype != bool or reference.dtype != bool or rebuilt.shape != reference.shape or rebuilt.ndim != 1:
        told = f"{rebuilt.dtype} {rebuilt.shape} and {reference.dtype} {reference.shape}"
        raise InputError(f"IoU needs two bool arrays (points,) of the same points, not {told}")
    union = int((rebuilt | reference).sum())
    return float((rebuilt & reference).sum()) / union if union else float("nan")


def normal_consistency(
    rebuilt: NDArray, rebuilt_normals: NDArray, reference: NDArray, reference_normals: NDArray
) -> float:
    """Mean |cosine| between the normals of nearest points, both ways averaged (Mescheder et al. 2019): 0 to 1.

    rebuilt, rebuilt_normals (P, 3), reference, reference_normals (Q, 3) : surface points and normals there, of any length
    but 0, in one frame. Inside-out surfaces score like their mirror images; unrelated directions score 0.5 on average.
    InputError when a cloud is empty or not finite, or a normal has no direction.
    """
    a, b = _trees(rebuilt, reference)
    m, n = _unit(rebuilt_normals, a.n), _unit(reference_normals, b.n)
    there = np.abs((m * n[b.query(a.data)[1]]).sum(1)).mean()
    back = np.abs((n * m[a.query(b.data)[1]]).sum(1)).mean()
    return float(there + back) / 2


def _trees(a: NDArray, b: NDArray) -> tuple[cKDTree, cKDTree]:
    first, second = (grown(checked(np.asarray(cloud)[None])[0]) for cloud in (a, b))
    return first, second


def _unit(normals: NDArray, count: int) -> NDArray[np.float64]:
    normals = np.asarray(normals, np.float64)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    if normals.shape != (count, 3) or not np.isfinite(normals).all() or not (length > 0).all():
        raise InputError(
            f"normals must be finite directions ({count}, 3), none of length 0; leave degenerate faces out"
        )
    unit: NDArray[np.float64] = normals / length
    return unit
