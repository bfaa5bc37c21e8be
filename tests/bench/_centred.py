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

from engine.geometry.file import load_geometry, save_geometry
from engine.geometry.mesh import Geometry, transform
from engine.geometry.occupancy import surface_points
from engine.project import Project
from engine.rows import ItemRow
from tests.bench._real_parts import row_of

POINTS = 2_000
TRIES = 50  # evaluations of the search
FIRST = np.array([[0, 0, 0], [0.01, 0, 0], [0, 0.03, 0], [0, 0, 0.03]])  # shift and turns about y and z, rad


def centred(geometry: Geometry) -> tuple[Geometry, float, float]:
    """The shape moved, how far its plane was from x = 0 (cube units), and how much it leant (degrees)."""
    matrix = upright(geometry)
    regions = geometry.regions
    if regions is not None:
        moved = regions.points @ matrix[:3, :3].T + matrix[:3, 3]
        regions = replace(regions, points=moved.astype(np.float32))
    back = geometry.to_source @ np.linalg.inv(matrix)
    found = replace(geometry, surface=transform(geometry.surface, matrix), regions=regions, to_source=back)
    return found, abs(float(matrix[0, 3])), float(np.degrees(np.arccos(np.clip(matrix[0, 0], -1, 1))))


def upright(geometry: Geometry) -> NDArray[np.float64]:
    """(4, 4) motion that brings the plane of symmetry to x = 0: the one whose mirror image lies nearest, by points."""
    cloud, other = (surface_points(geometry.surface, POINTS, np.random.default_rng(seed)) for seed in (0, 1))
    tree = cKDTree(other)

    def apart(plane: NDArray[np.float64]) -> float:
        normal = Rotation.from_euler("yz", plane[1:]).apply([1.0, 0.0, 0.0])
        away = 2 * (cloud @ normal - plane[0])
        return float(np.square(tree.query(cloud - away[:, None] * normal)[0]).mean())

    options = {"initial_simplex": FIRST, "maxfev": TRIES}
    best = minimize(apart, np.zeros(3), method="Nelder-Mead", options=options).x
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("yz", best[1:]).inv().as_matrix()
    matrix[0, 3] = -best[0]
    return matrix


def bring_centred(project: Project, item: ItemRow) -> tuple[ItemRow, float, float]:
    """The item once more, `centred`; what the project has already stays."""
    ident = f"{item.id}-centred"
    found, off, leaning = centred(load_geometry(project.geometry_path(item.id)))
    if all(other.id != ident for other in project.catalogue.items()):
        path = project.geometry_path(ident)
        save_geometry(path, found)
        project.catalogue.add_items([row_of(ident, item.category, found, path)])
    return project.catalogue.item(ident), round(off, 4), round(leaning, 2)
