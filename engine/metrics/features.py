"""What a cloud looks like to a network, as numbers: our own small network, or a PointNet++ file of the user's."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.checkpoint import load_model, read_about
from engine.errors import InputError
from engine.metrics.chamfer import checked
from engine.metrics.feature_net import WIDTH, FeatureNet
from engine.metrics.pointnet2 import CENTRES, FEATURES, read_pointnet2
from engine.metrics.protocol import PROTOCOLS, normalised
from engine.protocol import Progress, Stage
from engine.resources import resource
from engine.storage import seed_of

OURS = "features/procedural.safetensors"
AT_ONCE = 4096  # points of one call of a network: about 0.1 s of one core

Normalise = Literal["deviation", "sphere"]


@dataclass(frozen=True)
class Features:
    """A network that describes clouds, in eval mode, with what it wants done to them first.

    label : how a distance of such features is to be printed; dimension : numbers per cloud
    points : taken of each cloud, 0 = all; fewest : points that a cloud must have
    note : where the network comes from
    """

    label: str
    dimension: int
    points: int
    fewest: int
    note: str
    network: Callable[[Tensor], Tensor]
    prepare: Callable[[NDArray[np.float64]], NDArray[np.float64]]

    def __call__(self, clouds: NDArray) -> NDArray[np.float64]:
        """(N, P, 3) clouds in canonical space -> (N, dimension). InputError for too few points; order does not matter."""
        clouds = checked(np.asarray(clouds))
        if clouds.shape[1] < self.fewest:
            raise InputError(f"{self.label} needs clouds of at least {self.fewest} points, not {clouds.shape[1]}")
        clouds = self.prepare(in_one_order(clouds)[:, : self.points or None])
        with torch.no_grad():
            found: NDArray[np.float64] = self.network(torch.from_numpy(clouds.astype(np.float32))).double().numpy()
        return found


def features_of(path: Path | None = None, normalise: Normalise = "deviation") -> Features:
    """Features of our own network, or those of the PointNet++ classifier in the file ``path``.

    normalise : what is done to each cloud for the file. "deviation" is what HyperDiffusion publishes: the mean is taken off
    and all is divided by the deviation over all coordinates, though the classifier was trained on clouds in the unit sphere,
    which "sphere" gives. Ours reads clouds as they are, in canonical space.
    """
    if path is None:
        about = read_about(resource(OURS))
        net = FeatureNet().eval()
        load_model(resource(OURS), {"net": net})
        points = int(about["points"])
        return Features("FPD (ours)", WIDTH, points, points, about["card"], net.requires_grad_(False), _as_they_are)
    network, note = read_pointnet2(path)
    label = "3D-FID (PointNet++ file)" if normalise == "deviation" else "3D-FID (PointNet++ file, unit sphere)"
    prepare = partial(normalised, PROTOCOLS["paper"]) if normalise == "deviation" else _in_sphere
    return Features(label, FEATURES, 0, CENTRES, note, network, prepare)


def described(features: Features, clouds: NDArray, stage: str = "features") -> Stage[NDArray[np.float64]]:
    """``features`` of (N, P, 3) clouds, some at a time -> (N, F) float64."""
    found = []
    step = max(1, AT_ONCE // clouds.shape[1])
    for first in range(0, len(clouds), step):
        yield Progress(stage=stage, done=first, total=len(clouds))
        found.append(features(clouds[first : first + step]))
    yield Progress(stage=stage, done=len(clouds), total=len(clouds))
    return np.concatenate(found) if found else np.zeros((0, features.dimension))


def in_one_order(clouds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points of each cloud (N, P, 3) sorted and then shuffled, always alike: an order that tells nothing.

    Networks that take the first so many points, or start from the first, then see the same of a cloud however it was stored.
    """
    shuffled = np.random.default_rng(seed_of("order of points")).permutation(clouds.shape[1])
    return np.stack([cloud[np.lexsort(cloud.T[::-1])][shuffled] for cloud in clouds])


def _as_they_are(clouds: NDArray[np.float64]) -> NDArray[np.float64]:
    return clouds


def _in_sphere(clouds: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = clouds - clouds.mean(1, keepdims=True)
    size = np.linalg.norm(centred, axis=2).max(1)
    if not (size > 0).all():
        raise InputError("a cloud of one repeated point cannot be normalised; leave this sample out and report it")
    return centred / size[:, None, None]
