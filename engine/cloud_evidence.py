"""What is known of the space about a point cloud, and how well shapes of a `basis` model agree with it.

The cloud lies in canonical space. What is empty and what is full is told by a mesh of the cloud, away from the points alone,
where it is sure.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn.functional import softplus

from engine.basis.field import STEEPNESS, part_logits, smallest
from engine.basis.frames import NUMBERS, to_canonical
from engine.basis.points import MARGIN
from engine.basis.representation import BasisRepresentation
from engine.geometry.from_cloud import spacing_of
from engine.geometry.inside import inside
from engine.geometry.mesh import Mesh

POINTS = 1024  # of the cloud, at most; free ones up to four times as many
ASTRAY = 1024  # points that are added for parts that stand where nothing is
SURE = 1.0  # spacings from the cloud from which on the mesh is believed
REACH = 0.15  # cube units about the cloud in which most of the free points are drawn, at most
FREE = 2.0  # weight of empty and full space beside that of the points
SHARPER = 1.5  # than the logits that experts learn
FAR = 8.0  # such logits beyond which distances count less and less
ABSENT = -1e4


@dataclass(frozen=True)
class Evidence:
    """Points of the cloud (P, 3), free points (Q, 3), and of those 1 where full, -1 where empty (Q,)."""

    surface: Tensor
    free: Tensor
    side: Tensor

    @property
    def places(self) -> Tensor:
        """(P + Q, 3) all of them."""
        return torch.cat([self.surface, self.free])

    def joined(self, empty: Tensor) -> "Evidence":
        """With more points (Q', 3) that are empty."""
        side = torch.cat([self.side, -torch.ones(len(empty))])
        return Evidence(self.surface, torch.cat([self.free, empty]), side)

    def some(self, count: int) -> "Evidence":
        """The first points of each kind, which are in no order."""
        return Evidence(self.surface[:count], self.free[:count], self.side[:count])


def evidence_of(place: NDArray[np.float64], solid: Mesh | None, generator: np.random.Generator) -> Evidence:
    """What is known of the space about a cloud (P, 3)."""
    spacing, tree = spacing_of(place), cKDTree(place)
    even = generator.uniform(-0.5, 0.5, (2 * POINTS, 3))  # parts of shapes may stand anywhere
    near = place[generator.integers(0, len(place), 8 * POINTS)]
    near = near + generator.normal(size=near.shape) * generator.uniform(0.5, 1, (len(near), 1)) * min(
        REACH, 4 * spacing
    )
    near = near.clip(-0.5, 0.5)
    near = near[tree.query(near)[0] > SURE * spacing][: len(even)]
    free = generator.permutation(np.concatenate([even[tree.query(even)[0] > SURE * spacing], near]))
    side = np.where(inside(solid, free), 1.0, -1.0) if solid is not None else -np.ones(len(free))
    surface = generator.permutation(place)[:POINTS]
    return Evidence(*(torch.from_numpy(one.astype(np.float32)) for one in (surface, free, side)))


def astray(
    representation: BasisRepresentation,
    row: Tensor,
    place: NDArray[np.float64],
    solid: Mesh | None,
    generator: np.random.Generator,
) -> Tensor:
    """Up to ASTRAY points (Q, 3) where a part of the row is although nothing of the cloud (P, 3) is near: what free points
    drawn evenly seldom meet."""
    there = representation.present(row[None])
    frames = row.view(len(representation.parts), -1)[there[0], 1 : 1 + NUMBERS]
    local = torch.from_numpy(generator.uniform(-MARGIN, MARGIN, (len(frames), 4 * POINTS, 3)).astype(np.float32))
    points = to_canonical(local, frames).flatten(0, 1)
    with torch.no_grad():
        full = logits_of(representation, row[None], there, points)[0].amax(0) > 0
    found = points[full].numpy()
    found = found[cKDTree(place).query(found)[0] > SURE * spacing_of(place)]
    if solid is not None:
        found = found[~inside(solid, found)]
    return torch.from_numpy(generator.permutation(found)[:ASTRAY])  # of all such parts, not of the first one


def logits_of(representation: BasisRepresentation, rows: Tensor, present: Tensor, points: Tensor) -> Tensor:
    """(N, K, P) logits of the parts that rows (N, D) have, as experts learn them: in the frame of the part, where a thin
    one is as wide as any, so that beside a part and above it count alike."""
    numbers = rows.unflatten(1, (len(representation.parts), -1))
    frames, codes = numbers[..., 1 : 1 + NUMBERS], numbers[..., 1 + NUMBERS :]
    found = part_logits(representation.experts, codes, frames, representation.mirrored, points)
    own = SHARPER * found / (STEEPNESS * representation.experts.half_band * smallest(frames))[..., None]
    bounded = own / (1 + (own / FAR).square()).sqrt()
    return bounded.masked_fill(~present[..., None], ABSENT)


def misfit_of(union: Tensor, evidence: Evidence) -> Tensor:
    """(N,) of logits of unions (N, P + Q): log cosh at the points of the cloud, the cross-entropy at free points."""
    surface, free = union.split([len(evidence.surface), len(evidence.free)], 1)
    near = softplus(-surface.abs()) + surface.abs() / 2
    wrong = softplus(-evidence.side * free)
    return near.mean(1) + FREE * wrong.mean(1)
