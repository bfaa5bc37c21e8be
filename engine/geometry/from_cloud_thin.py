"""Thin parts of a cloud: where points are farther apart than a part is thick, what lies between them is bridged.

The bridges are tetrahedra of the Delaunay triangulation whose points are near one another, as in the alpha shapes of
Edelsbrunner and Muecke 1994; farther ones only where the solid of `from_cloud_field` all but has them inside.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import Delaunay, QhullError

from engine.errors import MeshError
from engine.geometry.from_cloud_field import Solid
from engine.protocol import Progress, Stage

NEAR, WIDE = 1.8, 3.0  # spacings: longest edge of a bridge, and of one that the solid supports
BESIDE = 0.6  # spacings outside the solid that a bridge's middle may be, at most, to be supported
THIN = 0.2  # spacings: how thick bridges are at least, to each side; nearly a cell, or the grid would lose them
TAKEN = 0.15  # spacings that the solid gives way, since points of thin parts stand at its edge or beyond
SOFT = 0.7  # cells: how far steps between bridges and solid are smoothed
SLAB = 48  # planes of the grid at a time
CUT = 3  # cells beyond which distances do not matter
ORDERS = (3, 6, 12, 24)  # pieces that an edge of a tetrahedron is cut into: as fine as the grid

Grid = NDArray[np.float32]


def with_bridges(points: NDArray[np.float64], spacing: float, solid: Solid, size: int) -> Stage[Grid]:
    """About the distance to the surface of solid and bridges, (R, R, R) in [-0.5, 0.5]^3, above 0 inside; R = ``size``.

    points : (P, 3) in the cube; spacing : usual distance of neighbours. Farther than CUT cells it is cut off. Raises
    MeshError where all points lie in one plane.
    """
    cell = 1 / (size - 1)
    axis = np.linspace(-0.5, 0.5, size)
    told = Progress(stage="surface", done=0, total=1, message="thin parts")
    slabs = []
    for start in range(0, size, SLAB):
        yield told
        slabs.append(solid.on_grid(axis[start : start + SLAB], axis, axis))
    thick = np.concatenate(slabs) - np.float32(TAKEN * spacing)
    yield told
    tetrahedra = bridges(points, spacing, solid)
    yield told
    filled = _filled(tetrahedra, cell)
    if not len(filled):
        return thick
    place = np.rint((filled + 0.5) / cell).astype(np.int64).clip(0, size - 1)
    reach = THIN * spacing + 4 * cell
    room = int(reach / cell) + 1
    low, high = (place.min(0) - room).clip(0), (place.max(0) + room + 1).clip(max=size)
    box = tuple(int(side) for side in high - low)  # all of it that the bridges come near
    flat = np.ravel_multi_index(tuple((place - low).T), box)
    count = np.bincount(flat, minlength=int(np.prod(box))).reshape(box)
    off = [np.bincount(flat, (filled - axis[place])[:, k], count.size).reshape(box) for k in range(3)]
    yield told
    away, nearest = distance_transform_edt(count == 0, return_indices=True)
    yield told
    close = np.nonzero(away * cell < reach)
    at = tuple(index[close] for index in nearest)
    apart = [axis[low[k] + at[k]] + off[k][at] / count[at] - axis[low[k] + close[k]] for k in range(3)]
    near = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    thin = np.full(box, -np.inf, np.float32)
    thin[close] = THIN * spacing - np.sqrt(sum(np.square(one) for one in apart))
    thick[near] = np.maximum(thick[near], thin)
    values: Grid = gaussian_filter(thick.clip(-CUT * cell, CUT * cell), SOFT)
    return values


def bridges(points: NDArray[np.float64], spacing: float, solid: Solid) -> NDArray[np.float64]:
    """(B, 4, 3) tetrahedra that are taken for inside. Raises MeshError where all points lie in one plane."""
    try:
        corners = points[Delaunay(points).simplices]
    except QhullError as error:
        raise MeshError("all points of the cloud lie in one plane, so they bound nothing") from error
    longest = np.linalg.norm(corners[:, :, None] - corners[:, None], axis=-1).max((1, 2))
    inside = solid(corners.mean(1)) / spacing
    near = (longest < NEAR * spacing) | ((longest < WIDE * spacing) & (inside > -BESIDE))
    return corners[near]


def _filled(tetrahedra: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    """Points (Q, 3) all over the tetrahedra, no farther apart than about a cell."""
    longest = np.linalg.norm(tetrahedra[:, :, None] - tetrahedra[:, None], axis=-1).max((1, 2), initial=0)
    group = np.searchsorted(np.array(ORDERS[:-1]) * cell, longest)
    found = [np.zeros((0, 3))]
    for k, order in enumerate(ORDERS):
        steps = np.array([c for c in np.ndindex((order + 1,) * 3) if sum(c) <= order])
        shares = np.column_stack([steps, order - steps.sum(1)]) / order
        found.append(np.einsum("wc,bcd->bwd", shares, tetrahedra[group == k]).reshape(-1, 3))
    return np.concatenate(found)
