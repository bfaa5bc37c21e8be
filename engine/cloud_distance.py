"""How far a rough point cloud and the surface of a shape are from one another, where points lie beside their surface."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from engine.cloud_surface import Surface
from engine.geometry.from_cloud import spacing_of

NOISE = 0.01  # cube units that points of a drawn cloud lie beside the surface, about
NEIGHBOURS = 4  # of a point on the surface, as far as which the surface is taken to be flat
FEWEST = 4  # points without which a part says nothing
MISSED = 1.2  # weight of points of the cloud beside that of the surface; at 2 corners that stick out count too little


class Target:
    """A cloud (P, 3), canonical, as it is and folded at x = 0, where parts are learned as one half of themselves."""

    def __init__(self, points: NDArray[np.float64], mirrored: Tensor, scale: float | None = None) -> None:
        """mirrored : (K,) bool, of the parts; scale : distance, cube units, from which on it counts less and less how far
        points are; None = what suits the cloud."""
        self.cloud = points
        self.scale = NOISE + spacing_of(points) if scale is None else scale
        folded = np.concatenate([np.abs(points[:, :1]), points[:, 1:]], 1)
        self._seen = [(one, cKDTree(one)) for one in (points, folded)]
        self._mirrored = mirrored.int().tolist()

    def points(self, part: int) -> NDArray[np.float64]:
        """(P, 3) as a part sees them."""
        return self._seen[self._mirrored[part]][0]

    def tree(self, part: int) -> cKDTree:
        """The same to be searched."""
        return self._seen[self._mirrored[part]][1]


@dataclass(frozen=True)
class Agreement:
    """How well the surface of the parts of a shape and the points of a cloud lie by one another: of each the distance d to
    the other, as d^2 / (d^2 + scale^2) (Geman and McClure 1985), which outliers cannot spoil.

    astray : (K,) mean of the points of each part, 0 where it is absent; there : (K,) bool
    distance, number : (K, P) of each point of the cloud to the surface of each part, inf where that is absent, and which
    point of it is the nearest
    """

    there: NDArray[np.bool_]
    astray: NDArray[np.float64]
    distance: NDArray[np.float64]
    number: NDArray[np.int64]
    scale: float

    @property
    def missed(self) -> float:
        """Mean of the points of the cloud."""
        return _share(self.distance.min(0), self.scale)

    @property
    def misfit(self) -> float:
        """All as one number. All parts count the same: a small one that stands where no points are is no small thing."""
        return float(self.astray.sum() / self.there.sum()) + MISSED * self.missed

    def beyond(self, distance: float) -> float:
        """Share of the points of the cloud that are farther from the surface than that, cube units."""
        return float((self.distance.min(0) > distance).mean())

    def with_part(self, k: int, other: "Agreement | None") -> "Agreement":
        """With a part as another shape has it, which may be not at all; None = without the part."""
        one = replace(
            self,
            there=self.there.copy(),
            astray=self.astray.copy(),
            distance=self.distance.copy(),
            number=self.number.copy(),
        )
        if other is None:
            one.there[k], one.astray[k], one.distance[k] = False, 0.0, np.inf
        else:
            one.there[k], one.astray[k] = other.there[k], other.astray[k]
            one.distance[k], one.number[k] = other.distance[k], other.number[k]
        return one


def agreement(target: Target, surface: Surface, there: Tensor) -> Agreement:
    """Of the surface of the parts that are ``there`` (K,)."""
    parts, count = len(there), len(target.cloud)
    astray, distance = np.zeros(parts), np.full((parts, count), np.inf)
    number = np.zeros((parts, count), np.int64)
    for k in there.nonzero()[:, 0].tolist():
        own = surface.on[k].nonzero()[:, 0].numpy()
        if len(own) < FEWEST:
            astray[k] = 1.0
            continue
        places = surface.places[k].numpy()
        astray[k] = _share(target.tree(k).query(places[own])[0], target.scale)
        near = own[cKDTree(places[own]).query(target.points(k))[1]]
        distance[k], number[k] = _beside(target.points(k), places, surface.normals[k].numpy(), near), near
    return Agreement(there.numpy(), astray, distance, number, target.scale)


def _beside(
    points: NDArray[np.float64], places: NDArray[np.float32], normals: NDArray[np.float32], near: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(P,) how far points (P, 3) are from the surface that places (Q, 3) with normals (Q, 3) are on, by the nearest of these
    (P,). The surface is flat about each as far as NEIGHBOURS of it are: how densely it is sampled counts no more."""
    reach = cKDTree(places).query(places, [min(NEIGHBOURS + 1, len(places))])[0][:, 0]
    away = points - places[near]
    off = (away * normals[near]).sum(1)
    along = np.sqrt(np.maximum((away**2).sum(1) - off**2, 0.0))
    return np.hypot(off, np.maximum(along - reach[near], 0.0))


def _share(distance: NDArray[np.float64], scale: float) -> float:
    near = np.minimum(distance, 1e3)  # where there is nothing at all
    return float((near**2 / (near**2 + scale**2)).mean())
