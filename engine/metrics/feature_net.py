"""Our own small network of point clouds, whose features carry the Frechet distance "FPD (ours)"."""

import torch
from torch import Tensor, nn

from engine.fields.encoding import encode, encoded_size

BANDS = 4  # of the points' encoding, after a stretch to [-2, 2]
STRETCH = 4.0
WIDTH = 64  # numbers that describe a cloud


class FeatureNet(nn.Module):
    """Clouds to features; the order of the points does not matter (Qi et al. 2017, PointNet), and there are 140,000 weights.

    Each point is described, the largest of each number over the cloud is handed back to every point, each point is described
    again in the light of it, and largest and mean of that give the features. ``centre`` and ``spread`` (F,) make features of
    the training shapes have mean 0 and deviation 1, so that distances have a unit: a deviation of the training shapes.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(encoded_size(3, BANDS), 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.second = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 256), nn.ReLU())
        self.last = nn.Sequential(nn.LayerNorm(512), nn.Linear(512, 128), nn.GELU(), nn.Linear(128, WIDTH))
        self.register_buffer("centre", torch.zeros(WIDTH))
        self.register_buffer("spread", torch.ones(WIDTH))

    def forward(self, clouds: Tensor) -> Tensor:
        """(N, P, 3) float32 in canonical space -> (N, WIDTH)."""
        points = self.first(encode(clouds * STRETCH, BANDS))  # (N, P, 64)
        whole = points.amax(1, keepdim=True).expand_as(points)
        points = self.second(torch.cat([points, whole], -1))  # (N, P, 256)
        found: Tensor = self.last(torch.cat([points.amax(1), points.mean(1)], -1))
        return (found - self.centre) / self.spread
