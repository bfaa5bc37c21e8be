"""Shapes that are unlike the training shapes in latent space, or whose fit is poor."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.analysis.learned import FEWEST, Array, Compare, Compared, asked, learner
from engine.analysis.rows import REJECTED, WHOLE, Rows
from engine.analysis.scale import evened
from engine.errors import InputError
from engine.protocol import Stage

NEIGHBOURS = 5
LIMIT = 3.5  # modified z-score

TEXT = """A shape is far when its mean distance to its five nearest training shapes (all numbers, each divided by its
spread), or its robust Mahalanobis distance (in the first principal components), is extreme among the training shapes:
a modified z-score of the logarithm above 3.5 (Iglewicz and Hoaglin 1993; a bell curve goes beyond it once in 4,300
times, weights have longer tails). A fit is poor when its IoU is extreme in the same way, or when the quality gate of
the fit rejected it. A far shape is odd, not wrong: look at the picture. A bad shape need not be far: an average of
weights is near to all. A missing part is not odd by itself, since only shapes that have a part are compared."""


class Odd(msgspec.Struct, frozen=True):
    """How unlike the training shapes one shape is, by one part or as a whole (part "").

    neighbours, robust : the two distances; neighbours_z, robust_z : their modified z-scores among the training shapes
    flagged : whether one of them is above the limit
    """

    shape: str
    part: str
    neighbours: float
    neighbours_z: float
    robust: float
    robust_z: float
    flagged: bool


class Poor(msgspec.Struct, frozen=True):
    """A fit whose quality is low, as its z-score or the quality gate has it."""

    shape: str
    iou: float
    z: float
    rejected: bool


class OddFound(msgspec.Struct, frozen=True):
    """Everything measured, poor fits, and the shapes that stand out, the oddest first; parts too rare to be judged."""

    measured: tuple[Odd, ...]
    poor: tuple[Poor, ...]
    shapes: tuple[str, ...]
    left_out: tuple[str, ...]
    limit: float = LIMIT


def outliers(rows: Rows, part: str, seed: int) -> Stage[OddFound]:
    """Shapes of the run that are far from the training shapes or poorly fitted. InputError with too few training shapes."""
    measured: list[Odd] = []
    left_out: list[str] = []
    with learner() as child:
        for scope in rows.scopes(part):
            index = rows.having(scope)
            training = rows.training[index]
            if training.sum() < FEWEST:
                left_out.append(scope)
                continue
            numbers = rows.numbers(scope, index)
            table = np.empty(numbers.shape, np.float32)
            table[training], table[~training] = evened(numbers[training], numbers[~training])
            request = Compare(Array.of(table), Array.of(training), NEIGHBOURS, seed)
            answer = yield from asked(child, request, Compared, f"outliers, {scope or 'whole'}")
            measured += _judged(rows, scope, index, answer)
    if not measured:
        raise InputError(f"{int(rows.training.sum())} training shapes are too few; at least {FEWEST} are needed")
    poor = poor_fits(rows)
    return OddFound(tuple(measured), poor, _order(measured, poor), tuple(left_out))


def modified_z(values: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """0.6745 (x - median) / MAD, of the reference's median and MAD; where more than half of the reference is the same number,
    its mean absolute deviation over 0.7979 instead (Iglewicz and Hoaglin 1993). Cut at 1000."""
    away = np.abs(reference - np.median(reference))
    spread = np.median(away) / 0.6745 or away.mean() / 0.7979 or 1e-12
    return np.clip((values - np.median(reference)) / spread, -1e3, 1e3)


def poor_fits(rows: Rows) -> tuple[Poor, ...]:
    """Own fitted shapes of low IoU, the worst first; fits are compared by the logarithm of what they lack of 1."""
    known = np.isfinite(rows.quality)
    if not known.any():
        return ()
    lack = np.log(np.maximum(1 - rows.quality, 1e-6))
    z = modified_z(lack, lack[known & (rows.training if rows.training.any() else known)])
    found = [
        Poor(rows.names[i], float(rows.quality[i]), float(z[i]), bool(rows.marks[i] == REJECTED))
        for i in np.flatnonzero(known & rows.own & ((z > LIMIT) | (rows.marks == REJECTED)))
    ]
    return tuple(sorted(found, key=lambda one: one.iou))


def reasons(found: OddFound) -> dict[str, str]:
    """Why each shape stands out, in a few words."""
    words: dict[str, list[str]] = {name: [] for name in found.shapes}
    for one in found.measured:
        if one.flagged:
            words[one.shape].append(f"{one.part or WHOLE} far ({max(one.neighbours_z, one.robust_z):.1f})")
    for poor in found.poor:
        words[poor.shape].append(f"IoU {poor.iou:.2f}" + (", rejected" if poor.rejected else ""))
    return {name: ", ".join(few) for name, few in words.items()}


def _judged(rows: Rows, scope: str, index: NDArray[np.int64], answer: Compared) -> list[Odd]:
    training = rows.training[index]
    near, robust = answer.neighbours.array(), answer.robust.array()
    both = [np.log(np.maximum(values, 1e-12)) for values in (near, robust)]
    near_z, robust_z = (modified_z(values, values[training]) for values in both)
    return [
        Odd(
            rows.names[row],
            scope,
            float(near[i]),
            float(near_z[i]),
            float(robust[i]),
            float(robust_z[i]),
            bool(max(near_z[i], robust_z[i]) > LIMIT),
        )
        for i, row in enumerate(index)
        if rows.own[row]
    ]


def _order(measured: Sequence[Odd], poor: Sequence[Poor]) -> tuple[str, ...]:
    score: dict[str, float] = {one.shape: one.z for one in poor}
    for one in measured:
        if one.flagged:
            score[one.shape] = max(score.get(one.shape, 0.0), one.neighbours_z, one.robust_z)
    return tuple(sorted(score, key=lambda name: (-score[name], name)))
