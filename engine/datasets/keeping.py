"""The surface of an item on disk, with two clouds of it that comparisons of items need."""

from pathlib import Path

import numpy as np

from engine.datasets.marks import forget_painting
from engine.datasets.splits import POINTS, write_cloud
from engine.geometry.file import save_geometry
from engine.geometry.mesh import Geometry
from engine.geometry.occupancy import surface_points
from engine.storage import digest, seed_of


def keep_geometry(folder: Path, geometry: Geometry) -> str:
    """Write the geometry of the item that ``folder`` is of, and two clouds; gives the hash of all that samples depend on."""
    path = folder / "geometry.safetensors"
    save_geometry(path, geometry)
    forget_painting(folder)
    generator = np.random.default_rng(seed_of("cloud", folder.name))
    clouds = surface_points(geometry.surface, 2 * POINTS, generator).reshape(2, POINTS, 3)
    write_cloud(folder / "cloud.safetensors", clouds.astype(np.float32))
    return digest(path.read_bytes())
