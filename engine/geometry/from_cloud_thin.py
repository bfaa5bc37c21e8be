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
    plane = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    told = Progress(stage="surface", done=0, total=1, message="thin parts")
    planes = []
    for number, x in enumerate(axis):
        if number % 8 == 0:
            yield told
        planes.append(solid(np.insert(plane, 0, x, axis=1)).reshape(size, size))
    thick = np.stack(planes) - TAKEN * spacing
    yield told
    tetrahedra = bridges(points, spacing, solid)
    yield told
    filled = _filled(tetrahedra, cell)
    if not len(filled):
        return thick
    place = np.rint((filled + 0.5) / cell).astype(np.int64).clip(0, size - 1)
    cube = (size, size, size)
    flat = np.ravel_multi_index(tuple(place.T), cube)
    count = np.bincount(flat, minlength=size**3).reshape(cube)
    off = [np.bincount(flat, (filled - axis[place])[:, k], size**3).reshape(cube) for k in range(3)]
    yield told
    away, nearest = distance_transform_edt(count == 0, return_indices=True)
    yield told
    close = np.nonzero(away * cell < THIN * spacing + 4 * cell)
    at = tuple(index[close] for index in nearest)
    exact = np.sqrt(sum(np.square(axis[at[k]] + off[k][at] / count[at] - axis[close[k]]) for k in range(3)))
    thin = np.full(cube, -np.inf, np.float32)
    thin[close] = THIN * spacing - exact
    values: Grid = gaussian_filter(np.maximum(thick, thin).clip(-CUT * cell, CUT * cell), SOFT)
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
