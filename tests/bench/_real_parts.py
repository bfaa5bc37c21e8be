"""Real meshes with parts named as procedural shapes name theirs: Princeton aircraft and ShapeNet chairs.

The names are ours. Segments of the Princeton benchmark are numbers that mean nothing in other files, and its axes differ
from mesh to mesh, so both are told here for each mesh. The chairs have no labels: planes cut them into parts.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.datasets.axes import turn
from engine.datasets.points import read_labels
from engine.errors import InputError
from engine.geometry.carry import of_polygons
from engine.geometry.examine import examine
from engine.geometry.file import save_geometry
from engine.geometry.mesh import Geometry, transform
from engine.geometry.occupancy import surface_points
from engine.geometry.readers import read_raw
from engine.geometry.regions import LABELS, from_cloud, from_faces, part_names
from engine.project import Project
from engine.rows import ItemRow
from engine.storage import digest

UPRIGHT = ((1, 0, 0), (0, 1, 0), (0, 0, 1))  # canonical = R @ own
LYING = ((0, -1, 0), (0, 0, 1), (-1, 0, 0))  # nose towards -x, up towards +z
AIRCRAFT = {  # mesh -> its turn, and the part that each of its segments belongs to
    61: (LYING, ("wing", "body", "tail", "tail", "tail", "body")),
    62: (UPRIGHT, ("body", "wing", "wing", "body", "tail", "tail", "tail", "body")),
    63: (UPRIGHT, ("body", "wing", "wing", "tail", "tail", "tail", "body", "body")),
    65: (LYING, ("body", "wing", "wing", "tail", "tail", "tail", "body")),
    68: (LYING, ("body", "wing", "wing", "body", "tail", "tail", "tail", "body")),
    70: (LYING, ("body", "tail", "tail", "tail", "wing", "wing", "engine")),
    71: (LYING, ("body", "wing", "wing", "tail", "tail", "tail")),
    72: (LYING, ("body", "wing", "wing", "tail", "tail", "tail")),
}


@dataclass(frozen=True)
class Cuts:
    """Planes of a chair in canonical space: legs below ``seat``, the seat up to ``top``, above it the back behind ``back``
    and arms before it; arms are also what stands farther out than ``wide``."""

    seat: float
    top: float
    back: float = 1.0
    wide: float = 1.0

    def names(self, points: np.ndarray) -> np.ndarray:
        """(P, 3) -> (P,) index into ``CHAIR``."""
        x, y, z = points.T
        above = np.where(z < self.back, 0, 3)
        found = np.where(y < self.seat, 2, np.where(y < self.top, 1, above))
        return np.where((np.abs(x) > self.wide) & (y >= self.seat), 3, found)


CHAIR = ("back", "seat", "leg", "arm")
CHAIRS = {
    "1a6f615e8b1b5ae4dbbc9440457e303e": Cuts(-0.055, 0.055, -0.2, 0.27),
    "1a8bbf2994788e2743e99e0cae970928": Cuts(-0.195, -0.055, -0.16),
    "5b43111740009e719159f4cd32e8e02d": Cuts(-0.065, -0.02),
    "88382b877be91b2a572f8e1c1caad99e": Cuts(-0.025, 0.05),
    "96af52c34e42b546cd2c9316e943c316": Cuts(-0.02, 0.03),
}


def aircraft(number: int, data: Path) -> Geometry:
    """One Princeton aircraft, nose along +z."""
    axes, names = AIRCRAFT[number]
    raw = read_raw(data / f"psb_segbench/off/{number}.off")
    geometry, _ = examine(raw, np.array(axes, np.float64), 0.0)
    labels = read_labels(str(data / f"psb_segbench/seg/Benchmark/{number}/{number}_0.seg"))
    found = of_polygons(labels, raw.polygon, {str(segment): name for segment, name in enumerate(names)})
    own = transform(raw.mesh, np.linalg.inv(geometry.to_source).astype(np.float64))
    return replace(geometry, parts={}, complete=True, regions=from_faces(own, found))


def chair(name: str, data: Path) -> Geometry:
    """One ShapeNet chair, cut into parts by its planes."""
    raw = read_raw(data / f"shapenet_v2/03001627/{name}/models/model_normalized.obj")
    geometry, _ = examine(raw, turn("shapenet-v2"), 0.0)
    points = surface_points(geometry.surface, LABELS, np.random.default_rng(0))
    return replace(geometry, parts={}, complete=True, regions=from_cloud(points, CHAIRS[name].names(points), CHAIR))


def bring(project: Project, data: Path, category: str, count: int = 99) -> Sequence[ItemRow]:
    """The real items of a category, entered into a project; those that it has already stay. InputError without data."""
    found: list[ItemRow] = []
    known = {item.id for item in project.catalogue.items()}
    names: list[int | str] = list(AIRCRAFT) if category == "airplane" else list(CHAIRS)
    for name in names[:count]:
        ident = f"princeton-{name}" if isinstance(name, int) else f"shapenet-{name[:8]}"
        path = project.geometry_path(ident)
        if ident not in known:
            try:
                geometry = aircraft(name, data) if isinstance(name, int) else chair(name, data)
            except OSError as error:
                raise InputError(
                    f"real meshes are absent ({error}); set SHAPESTUDIO_TEST_DATA to their folder"
                ) from error
            save_geometry(path, geometry)
            project.catalogue.add_items([row_of(ident, category, geometry, path)])
        found.append(project.catalogue.item(ident))
    return found


def row_of(ident: str, category: str, geometry: Geometry, path: Path) -> ItemRow:
    """The catalogue's row of an item that is kept in ``path``."""
    return ItemRow(
        id=ident,
        kind="mesh",
        category=category,
        path=str(path),
        hash=digest(path.read_bytes()),
        verdict="accepted",
        reason="",
        split="test",
        parts=part_names(geometry),
        origin="research data, not to be shared",
        added=time.time(),
    )
