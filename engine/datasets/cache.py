"""Labelled points of items, made when first asked for and kept."""

import msgspec

from engine.datasets.stored import Stored, samples_of
from engine.geometry.file import load_geometry
from engine.geometry.occupancy import sample
from engine.geometry.samples import Samples
from engine.project import Project
from engine.rows import ItemRow
from engine.settings import SampleSettings
from engine.storage import digest


def samples(
    project: Project, item: ItemRow, settings: SampleSettings, vocabulary: tuple[str, ...], seed: int, held_out: bool
) -> Samples:
    """Points of an item for fitting, or the held-out ones (another random stream), from the cache if they are there.

    The cache key holds everything that the points depend on, so an entry never has to be invalidated: the file's own time
    too, since an import that was killed may have left a newer one under the old row.
    """
    of_points = item.kind == "occupancy"
    about = (project.points_path(item.id) if of_points else project.geometry_path(item.id)).stat()
    key = digest(
        msgspec.json.encode([settings, vocabulary, seed, held_out, item.hash, about.st_size, about.st_mtime_ns])
    )
    path = project.samples_path(item.id, key)
    if not path.exists():
        if of_points:
            made = samples_of(Stored.load(project.points_path(item.id)), settings, seed, held_out)
        else:
            made = sample(load_geometry(project.geometry_path(item.id)), settings, vocabulary, seed, held_out)
        made.save(path)
    return Samples.load(path)
