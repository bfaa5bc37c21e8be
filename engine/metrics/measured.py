"""What an evaluation measures of shapes and of real items, whatever they decode to: points on a surface, or of a cloud."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine import device
from engine.clouds.cloud import PointCloud
from engine.datasets.stored import Stored
from engine.errors import InputError
from engine.geometry.file import load_geometry
from engine.geometry.mesh import Mesh
from engine.jobs import EvaluateJob
from engine.method import Workspace
from engine.metrics.decoding import solids_of
from engine.metrics.dense import chamfer_measure
from engine.metrics.measures import Means
from engine.metrics.protocol import chosen, isovalue
from engine.metrics.rebuilt import rebuilt
from engine.metrics.result import Reconstruction
from engine.metrics.subjects import Subjects
from engine.metrics.surfaces import Surface, cloud_surface, item_surface, shape_surface
from engine.opened import Opened
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.rows import ItemRow
from engine.settings import ProtocolSettings
from engine.storage import map_tensor


@dataclass(frozen=True)
class Asked:
    """A job, what it means, and where it is done.

    protocol : that of the job; where the shapes are clouds, of no more points than they have
    clouds : whether they are
    """

    job: EvaluateJob
    subjects: Subjects
    project: Project
    work: Workspace
    protocol: ProtocolSettings
    clouds: bool = False

    @property
    def level(self) -> float:
        """The logit of surfaces."""
        return isovalue(self.protocol)

    @property
    def means(self) -> Means:
        """Distances are kept in the project, so that no evaluation measures a pair again."""
        return Means(self.project.folder / "cache" / "distances", device.CORES, chamfer_measure(self.work.device))

    def solids(self, shape: Opened) -> Stage[dict[str, Mesh]]:
        """A decoded shape, from the cache or new."""
        return solids_of(shape, self.protocol.grid, self.level, self.project)

    def measured(self, shape: Opened) -> Stage[tuple[Surface | None, Reconstruction | None]]:
        """What is measured of a shape, nothing where it is empty; and of a fitted one how well it has its item."""
        if self.clouds:
            return cloud_surface(shape.row.id, shape.decoded().points, self.protocol), None
        solids = yield from self.solids(shape)
        if not solids:
            return None, None
        if not self.subjects.fitted:
            return self.surface(shape, solids), None
        geometry = load_geometry(self.project.geometry_path(shape.row.item))
        found = rebuilt(shape.row.item, solids, shape.decoded(), self.level, geometry, self.protocol)
        return self.surface(shape, solids), found

    def real(self, item: ItemRow) -> Surface:
        """Points of an item: of its mesh, or of those that it came as."""
        path = self.project.geometry_path(item.id)
        if path.is_file():
            return item_surface(item.id, load_geometry(path), self.protocol)
        return cloud_surface(item.id, Stored.load(self.project.points_path(item.id)).points, self.protocol)

    def surface(self, shape: Opened, solids: Mapping[str, Mesh]) -> Surface:
        """Points on a decoded shape that is not empty."""
        return shape_surface(shape.row.id, solids, shape.decoded(), self.level, self.protocol)


@dataclass(frozen=True)
class Decoded:
    """Shapes of an evaluation (N), in order: the surface of each, None where it is empty."""

    opened: list[Opened]
    surfaces: list[Surface | None]
    reconstructions: tuple[Reconstruction, ...]

    @property
    def there(self) -> list[int]:
        """Places of those that have a surface."""
        return [place for place, surface in enumerate(self.surfaces) if surface is not None]

    def surfaces_of(self, places: Sequence[int]) -> list[Surface]:
        """Surfaces of some that have one."""
        return [surface for place in places if (surface := self.surfaces[place]) is not None]


@dataclass(frozen=True)
class Real:
    """Items and their surfaces, in order."""

    items: tuple[ItemRow, ...]
    surfaces: list[Surface]

    def of(self, categories: Collection[str]) -> list[Surface]:
        """Surfaces of some categories, "" for all."""
        pairs = zip(self.items, self.surfaces, strict=True)
        return [surface for item, surface in pairs if "" in categories or item.category in categories]


def suited(asked: Asked, opened: Sequence[Opened]) -> Asked:
    """The same for what the shapes are. Raises InputError for what cannot be measured together, or so."""
    if other := next((one for one in opened if one.layout.size != opened[0].layout.size), None):
        raise InputError(
            f"{other.row.id} is built differently from {opened[0].row.id}; evaluate shapes of one model and size at a time"
        )
    first, subjects = opened[0].decoded(), asked.subjects
    if not isinstance(first, PointCloud):
        return replace(asked, subjects=subjects.without(subjects.bare)) if subjects.bare else asked
    if asked.subjects.fitted:
        raise InputError(
            f"{opened[0].row.id} is points of its item and nothing else; evaluate clouds that a model has drawn"
        )
    if asked.protocol.spread_filter:
        raise InputError("the points of clouds are in no order, so none is apart from others; set spread_filter=false")
    on_surface = {name: count for name in subjects.bare if (count := _points_on_surface(asked.project, name))}
    if filled := subjects.bare.difference(on_surface):
        subjects = subjects.without(filled)
    points = min(asked.protocol.points, len(first), *on_surface.values())
    few = msgspec.structs.replace(
        asked.protocol, points=points, emd_points=min(asked.protocol.emd_points, points), part_novelty=False
    )
    return replace(asked, subjects=subjects, protocol=few, clouds=True)


def _points_on_surface(project: Project, item: str) -> int:
    """How many points an item without a mesh is; 0 where they tell inside from outside, and do not lie on its surface."""
    path = project.points_path(item)
    return 0 if len(map_tensor(path, "inside")[0]) else len(map_tensor(path, "points")[0])


def decode(asked: Asked, opened: list[Opened]) -> Stage[Decoded]:
    """Surfaces of the shapes, and how well fitted ones rebuild their items."""
    subjects = asked.subjects
    if not subjects.fitted:
        picked = chosen(asked.protocol, latents(opened), len(subjects.references))
        opened = [opened[row] for row in picked]
    surfaces: list[Surface | None] = []
    found = []
    for done, shape in enumerate(opened):
        yield Progress(stage="decode", done=done, total=len(opened), message=shape.row.id)
        surface, reconstruction = yield from asked.measured(shape)
        surfaces.append(surface)
        if reconstruction:
            found.append(reconstruction)
    empty = [shape.row.id for shape, surface in zip(opened, surfaces, strict=True) if surface is None]
    if len(empty) == len(opened):
        raise InputError("every shape is empty, so there is nothing to measure; train longer, or look at some samples")
    if empty:
        yield Note(text=f"{len(empty)} shapes are empty and in none of the scores: {', '.join(empty)}", warning=True)
    return Decoded(opened, surfaces, tuple(found))


def real_of(items: tuple[ItemRow, ...], asked: Asked, what: str) -> Stage[Real]:
    """Surfaces of items, with as many points as those of the shapes."""
    surfaces = []
    for done, item in enumerate(items):
        if done % 8 == 0:
            yield Progress(stage=what, done=done, total=len(items))
        surfaces.append(asked.real(item))
    return Real(items, surfaces)


def latents(opened: Sequence[Opened]) -> NDArray[np.float32]:
    """(N, D) of shapes."""
    return np.stack([one.shape.latent[0].cpu().numpy() for one in opened])
