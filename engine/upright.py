"""A shape stood with its own plane of symmetry at x = 0, where experts fold the parts that are their own mirror images.

Canonical space has the middle of the bounding box at the origin, and one wing tip that reaches farther moves it: a fin that
is thinner than that then has no half left.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from engine.geometry.mesh import Geometry, transform
from engine.geometry.occupancy import surface_points

POINTS = 2_000
TRIES = 50  # evaluations of the search
FIRST = np.array([[0, 0, 0], [0.01, 0, 0], [0, 0.03, 0], [0, 0, 0.03]])  # shift and turns about y and z, rad
ALIKE = 1.3  # times as far from its mirror image as from other points of its own: still its own mirror image
MOST_OFF, MOST_LEAN = 0.05, 10.0  # cube units, degrees: what stands farther off was meant to


def centred(geometry: Geometry) -> tuple[Geometry, float, float]:
    """The shape moved, how far its plane was from x = 0 (cube units), and how much it leant (degrees)."""
    matrix, _ = upright(geometry)
    return moved(geometry, matrix), *_off(matrix)


def centred_if_symmetric(geometry: Geometry) -> tuple[Geometry, float, float]:
    """The same of a shape that is its own mirror image; of others, and of those that stand well, the shape and zeros."""
    matrix, alike = upright(geometry)
    off, lean = _off(matrix)
    if alike > ALIKE or off > MOST_OFF or lean > MOST_LEAN:
        return geometry, 0.0, 0.0
    return moved(geometry, matrix), off, lean


def moved(geometry: Geometry, matrix: NDArray[np.float64]) -> Geometry:
    """The shape under a rigid motion (4, 4), which its way back to the source undoes."""
    regions = geometry.regions
    if regions is not None:
        points = regions.points @ matrix[:3, :3].T + matrix[:3, 3]
        regions = replace(regions, points=points.astype(np.float32))
    parts = {name: transform(mesh, matrix) for name, mesh in geometry.parts.items()}
    back = geometry.to_source @ np.linalg.inv(matrix)
    return replace(geometry, surface=transform(geometry.surface, matrix), parts=parts, regions=regions, to_source=back)


def upright(geometry: Geometry) -> tuple[NDArray[np.float64], float]:
    """(4, 4) motion that brings the plane of symmetry to x = 0: the one whose mirror image lies nearest, by points; and how
    far that lies (root mean square), times the distance between points of the shape itself: about 1 where it is symmetric.
    """
    cloud, other = (surface_points(geometry.surface, POINTS, np.random.default_rng(seed)) for seed in (0, 1))
    tree = cKDTree(other)
    least = float(np.square(tree.query(cloud)[0]).mean())

    def apart(plane: NDArray[np.float64]) -> float:
        normal = Rotation.from_euler("yz", plane[1:]).apply([1.0, 0.0, 0.0])
        away = 2 * (cloud @ normal - plane[0])
        return float(np.square(tree.query(cloud - away[:, None] * normal)[0]).mean())

    options = {"initial_simplex": FIRST, "maxfev": TRIES}
    found = minimize(apart, np.zeros(3), method="Nelder-Mead", options=options)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("yz", found.x[1:]).inv().as_matrix()
    matrix[0, 3] = -found.x[0]
    return matrix, float(np.sqrt(found.fun / max(least, 1e-30)))


def _off(matrix: NDArray[np.float64]) -> tuple[float, float]:
    return abs(float(matrix[0, 3])), float(np.degrees(np.arccos(np.clip(matrix[0, 0], -1, 1))))
