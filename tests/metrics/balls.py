"""Shapes made of balls, one per part: a field and its meshes, exactly known."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
import trimesh
from torch import Tensor

from engine.geometry.mesh import Geometry, Mesh

Balls = Mapping[str, tuple[tuple[float, float, float], float]]  # centre and radius by part


class BallField:
    """Logits of the union: 100 times the distance to the surface, positive inside."""

    def __init__(self, balls: Balls) -> None:
        self.balls = balls
        self.parts = tuple(balls)

    def __call__(self, points: Tensor) -> Tensor:
        """(P, 3) -> (P,)."""
        return torch.stack([self.part(name)(points) for name in self.parts]).amax(0)

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        """One ball alone."""
        centre, radius = self.balls[name]
        return lambda points: 100 * (radius - (points - torch.tensor(centre)).norm(dim=1))


def solids(balls: Balls) -> dict[str, Mesh]:
    """Finely meshed balls."""
    found = {}
    for name, (centre, radius) in balls.items():
        ball = trimesh.creation.icosphere(subdivisions=4, radius=radius)
        found[name] = Mesh(np.asarray(ball.vertices) + centre, np.asarray(ball.faces, np.int32))
    return found


def geometry(balls: Balls) -> Geometry:
    """The balls as an item; of several the surface is only the first."""
    parts = solids(balls)
    return Geometry(next(iter(parts.values())), parts)
