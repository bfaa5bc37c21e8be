"""Chamfer distances on a GPU, by comparing all points with all: no tree is quick there, and nothing else is needed.

Nearest points are looked for in float32, chunk by chunk, from plain differences (products of points lose the small distances,
the more so in reduced precision). The distances to those found are then computed in float64. A point that is falsely taken
for the nearest is farther by less than float32 can tell, so the result differs from the exact one by that at most.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.metrics.measures import CHAMFER, Measure
from engine.metrics.work import Found, Task

AT_ONCE = 2**26  # differences of points held at a time: 256 MB


def chamfer_measure(device: torch.device) -> Measure:
    """The Chamfer distance with its work on ``device``: CHAMFER itself on the CPU, and where float64 is missing (mps)."""
    return replace(CHAMFER, ways=1, tasks=partial(dense_tasks, device=device)) if device.type == "cuda" else CHAMFER


def dense_tasks(
    clouds: NDArray[np.float64], missing: NDArray[np.bool_], device: torch.device, at_once: int = AT_ONCE
) -> Iterator[Task]:
    """Every ``missing`` pair (K, K), an upper triangle, of clouds (K, P, 3): one against some others at a time."""
    exact = torch.from_numpy(clouds - clouds.mean((0, 1))).to(device)  # (K, P, 3); centred, where float32 is finest
    rough = exact.float().mT.contiguous()  # (K, 3, P)
    step = max(1, at_once // clouds.shape[1] ** 2)
    for row, lacks in enumerate(missing):
        columns = np.flatnonzero(lacks)
        for start in range(0, len(columns), step):
            yield partial(_measure, exact, rough, row, columns[start : start + step])


def _measure(exact: Tensor, rough: Tensor, row: int, columns: NDArray[np.int64]) -> Found:
    """Chamfer distances from cloud ``row`` to clouds ``columns`` (C,)."""
    index = torch.from_numpy(columns).to(exact.device)
    squared = torch.zeros((), device=exact.device)
    for axis in range(3):
        squared = squared + (rough[index, axis, :, None] - rough[row, axis]).square_()  # (C, P, P): theirs by ours
    there, back = squared.argmin(1), squared.argmin(2)  # (C, P) nearest of theirs to ours, and of ours to theirs
    theirs, ours = exact[index], exact[row]
    forth = (theirs.gather(1, there[:, :, None].expand(-1, -1, 3)) - ours).square().sum(2).mean(1)
    values = forth + (theirs - ours[back]).square().sum(2).mean(1)
    return Found(np.full(len(columns), row), columns, values.cpu().numpy())
