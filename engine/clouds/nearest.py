"""The training item that each drawn cloud is nearest to, by its points: their order means nothing, so no latents tell it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from engine.clouds.even import farthest
from engine.clouds.pool import AXES
from engine.known import Nearness
from engine.protocol import Progress, Stage
from engine.storage import digest, map_tensor, read_tensors, write_tensors

POOL = "clouds.safetensors"  # of a fit, see `engine.clouds.pool`
GLANCE, FINE = 48, 512  # points by which all items are looked at, and the best of them; these against DENSE points
DENSE = 2048
BEST = 6
MOST = 2_000  # items that are looked at; of more some, evenly chosen
YARDSTICK = 100  # of them, whose own distance to the nearest other one is the measure
PAIRS = 256  # compared at once
VERSION = 1


def nearest_clouds(
    ids: Sequence[str], clouds: NDArray[np.float32], fit: Path, names: Sequence[str], rows: Sequence[int], cache: Path
) -> Stage[list[Nearness]]:
    """Of each cloud (N, P, 3) the nearest of some rows of the pool of a fit, by the mean squared nearest distance, both
    directions summed; and the share of training items that are nearer than that to another one, judged by some of them.

    fit : the folder of its run; names : of all rows of its pool; cache : the folder where the measure is kept
    """
    pool = map_tensor(fit / POOL, "pool")[0]  # (M, Q, 3 | 6) float16, the first of each evenly spread
    some = list(rows)[:: max(-(-len(rows) // MOST), 1)]
    glance = torch.from_numpy(pool[some, :GLANCE, :AXES].astype(np.float32))
    yard = list(range(len(some)))[:: max(len(some) // YARDSTICK, 1)]

    def nearest(cloud: NDArray[np.float32], itself: int = -1) -> tuple[float, int]:
        even = cloud[farthest(cloud, min(FINE, len(cloud)))]
        best = [one for one in _short_list(torch.from_numpy(even[:GLANCE]), glance, BEST + 1) if one != itself]
        return min((_distance(even, cloud, pool[some[one]][:, :AXES]), some[one]) for one in best)

    kept = cache / f"{digest(f'{VERSION}|{fit.name}|{clouds.shape[1]}|{some}'.encode())}.safetensors"
    if not kept.exists():
        random, apart = np.random.default_rng(0), []
        for done, place in enumerate(yard):  # drawn as the clouds are
            yield Progress(stage="nearest", done=done, total=len(yard), message="how far training shapes are apart")
            own = random.permutation(pool[some[place]])[: clouds.shape[1], :AXES]
            apart.append(nearest(own.astype(np.float32), place)[0])
        write_tensors(kept, {"apart": np.array(apart)})
    measure = read_tensors(kept)[0]["apart"]
    found = []
    for done, (name, cloud) in enumerate(zip(ids, clouds, strict=True)):
        yield Progress(stage="nearest", done=done, total=len(clouds))
        away, row = nearest(cloud)
        percent = 100 * float(np.mean(measure < away))
        found.append(Nearness(name, names[row], round(percent, 1)))
    return found


def _short_list(cloud: Tensor, others: Tensor, count: int) -> list[int]:
    """The nearest of others (M, G, 3) by few points (G, 3)."""
    away = []
    for some in others.split(PAIRS):
        square = torch.cdist(cloud.expand(len(some), -1, -1), some).square()  # (B, G, G)
        away.append(square.amin(1).mean(1) + square.amin(2).mean(1))
    return torch.cat(away).argsort()[:count].tolist()


def _distance(even: NDArray[np.float32], cloud: NDArray[np.float32], other: NDArray[np.float16]) -> float:
    """Between two clouds, each by evenly spread points beside all points of the other."""
    theirs = other[:DENSE].astype(np.float32)
    there, back = cKDTree(theirs).query(even)[0], cKDTree(cloud).query(theirs[:FINE])[0]
    return float(np.square(there).mean() + np.square(back).mean())
