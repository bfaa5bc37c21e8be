"""PointNet++ with one scale (Qi et al. 2017), as widely trained on ModelNet40; its features give the published 3D-FID.

What a file of it holds (checked against the widely used PyTorch release): ``sa1`` to ``sa3`` with ``mlp_convs`` and
``mlp_bns``, ``fc1``, ``bn1``, ``fc2``, ``bn2`` and the classes' ``fc3``, under ``model_state_dict``. Features are the 256
numbers after fc2, batch norm and ReLU (HyperDiffusion).

One thing is ours. There the first centre of a cloud is drawn at random, and which neighbours fill a ball depends on how the
points are stored, so a 3D-FID never comes out twice alike. Here the first point of the cloud is the first centre, and
`features.in_one_order` decides which point that is.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from engine.foreign.load import open_foreign, refused

CENTRES = 512  # of the first level; a cloud must have as many points
FEATURES = 256
WANTED = "a PointNet++ SSG classifier on points alone (pointnet2_ssg_wo_normals of the widely used PyTorch release)"
SCALAR: Any = np.float64(0).__reduce__()[0]  # what numpy makes a number from, by whatever name
# training scripts keep accuracies in the file as numpy numbers, which torch's reader knows only when told
NUMBERS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (SCALAR, "numpy.core.multiarray.scalar"),
    (SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    *{type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int32, np.int64, np.bool_)},
]


class Level(nn.Module):
    """Set abstraction: centres, the points in a ball round each, and the largest of what a small network says of them.

    ``centres`` 0 takes the whole cloud as one group, in its own coordinates.
    """

    def __init__(self, centres: int, radius: float, most: int, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.centres, self.radius, self.most = centres, radius, most
        sizes = list(zip((inputs + 3, *widths), widths, strict=False))
        self.mlp_convs = nn.ModuleList(nn.Conv2d(size, width, 1) for size, width in sizes)
        self.mlp_bns = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)

    def forward(self, points: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        """points (N, P, 3), features (N, P, C) -> centres (N, S, 3), features (N, S, C')."""
        if self.centres:
            rows = torch.arange(len(points))[:, None]
            centres = points[rows, farthest(points, self.centres)]  # (N, S, 3)
            near = neighbours(points, centres, self.radius, self.most)  # (N, S, K)
            rows = rows[..., None]
            groups = points[rows, near] - centres[:, :, None]
            if features is not None:
                groups = torch.cat([groups, features[rows, near]], -1)
        else:
            centres = torch.zeros_like(points[:, :1])
            groups = (points if features is None else torch.cat([points, features], -1))[:, None]
        x = groups.permute(0, 3, 2, 1)  # (N, 3 + C, K, S)
        for convolution, norm in zip(self.mlp_convs, self.mlp_bns, strict=True):
            x = relu(norm(convolution(x)))
        return centres, x.amax(2).transpose(1, 2)


class PointNet2(nn.Module):
    """The classifier without its last layer, whose number of classes does not matter."""

    def __init__(self) -> None:
        super().__init__()
        self.sa1 = Level(CENTRES, 0.2, 32, 0, (64, 64, 128))
        self.sa2 = Level(128, 0.4, 64, 128, (128, 128, 256))
        self.sa3 = Level(0, 0.0, 0, 256, (256, 512, 1024))
        self.fc1, self.bn1 = nn.Linear(1024, 512), nn.BatchNorm1d(512)
        self.fc2, self.bn2 = nn.Linear(512, FEATURES), nn.BatchNorm1d(FEATURES)

    def forward(self, clouds: Tensor) -> Tensor:
        """(N, P, 3) float32 -> (N, FEATURES), none negative."""
        points, features = self.sa1(clouds, None)
        points, features = self.sa2(points, features)
        x = self.sa3(points, features)[1][:, 0]  # (N, 1024)
        x = relu(self.bn1(self.fc1(x)))
        return relu(self.bn2(self.fc2(x)))


def farthest(points: Tensor, count: int) -> Tensor:
    """(N, count) int64 rows of (N, P, 3) points: the first, then always the one farthest from all chosen before."""
    rows = torch.arange(len(points))
    chosen = torch.zeros(len(points), count, dtype=torch.int64)
    apart = torch.full(points.shape[:2], torch.inf)
    for i in range(1, count):
        apart = torch.minimum(apart, (points - points[rows, chosen[:, i - 1], None]).square().sum(-1))
        chosen[:, i] = apart.argmax(1)
    return chosen


def neighbours(points: Tensor, centres: Tensor, radius: float, most: int) -> Tensor:
    """(N, S, most) int64 rows of the first points within ``radius`` of each centre; the first again where there are fewer."""
    count = points.shape[1]
    inside = torch.cdist(centres, points, compute_mode="donot_use_mm_for_euclid_dist") <= radius  # (N, S, P)
    found = torch.where(inside, torch.arange(count), count)
    found = found.topk(min(most, count), largest=False, sorted=True).values
    found = torch.cat([found, found[..., :1].expand(*found.shape[:2], most - found.shape[2])], -1)
    return torch.where(found == count, found[..., :1], found)


def read_pointnet2(path: Path) -> tuple[PointNet2, str]:
    """The network in a file, in eval mode, and a line on it. Raises InputError, one line, for every other file."""
    with torch.serialization.safe_globals(NUMBERS):
        opened = open_foreign(path)
    tensors = {name.removeprefix("module."): tensor for name, tensor in opened.tensors.items()}
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("fc3.")}
    if any(".conv_blocks." in name for name in tensors):
        raise refused(path, f"this PointNet++ has several scales (MSG); give {WANTED}")
    if "sa1.mlp_convs.0.weight" in tensors and tensors["sa1.mlp_convs.0.weight"].shape == (64, 6, 1, 1):
        raise refused(path, f"this PointNet++ wants normals; give {WANTED}")
    network = PointNet2().eval()
    own = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    odd = [name for name in tensors if name not in own and not name.endswith("num_batches_tracked")]
    if odd:
        raise refused(path, f"this is another network: it has {odd[0][:60]}; give {WANTED}")
    for name, value in own.items():
        found = tensors.get(name)
        if found is None or found.shape != value.shape:
            has = "is missing" if found is None else f"has the shape {tuple(found.shape)} and not {tuple(value.shape)}"
            raise refused(path, f"this is another network: {name} {has}; give {WANTED}")
        if not found.is_floating_point() or not bool(found.isfinite().all()):
            raise refused(path, f"{name} holds what is no finite number; fetch the file again")
        value.copy_(found)
    told = ", ".join(f"{name} {value:.4g}" for name, value in opened.beside.items() if isinstance(value, int | float))
    return network.requires_grad_(False), f"{path.name}{f' ({told})' if told else ''}"
