"""Items turned upright: which axes of their files are up and front, said after they were read."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.child import Child
from engine.datasets.auto_parts import MEMORY, SECONDS
from engine.datasets.axes import Stated, rotation_in, state
from engine.datasets.marks import forget_painting
from engine.datasets.pictures import Gallery
from engine.datasets.reading import items
from engine.datasets.splits import POINTS, write_cloud
from engine.datasets.stored import Stored
from engine.errors import InputError
from engine.geometry.file import load_geometry, save_geometry
from engine.geometry.mesh import Geometry, Mesh
from engine.geometry.occupancy import surface_points
from engine.jobs import TurnJob
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.rows import ItemRow
from engine.storage import digest, once, seed_of

TURNED = "turned"  # in an item's report: the run that turned it


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Let these axes of its file be up and front in the item of a folder -> the hash of what is kept of it."""

    folder: str
    axes: Stated


def turn_items(job: TurnJob, project: Project) -> Stage[dict[str, Any]]:
    """Turn the items of the job; see ``TurnJob``. An item is turned wholly or not at all by its row, and a stopped run goes
    on with the others.
    """
    axes = Stated(job.up, job.front)
    _ = axes.turn
    path = project.run_folder(job.run) / "items.json"
    names: list[str] = once(path, [] if path.exists() else _asked(job, project))
    with Child("engine.datasets.turning:answer", MEMORY, SECONDS, task="turning") as child, Gallery() as gallery:
        for i, name in enumerate(names):
            item = project.catalogue.item(name)
            yield (waiting := Progress(stage="turn", done=i, total=len(names), message=name))
            if item.report.get(TURNED) != job.run:
                order = Turn(folder=str(items(project.folder) / name), axes=axes)
                told = yield from child.awaited(msgspec.msgpack.encode(order), waiting)
                item = _turned(item, msgspec.msgpack.decode(told, type=str), job.run)
                gallery.take(project, item)
                project.catalogue.add_items([item])
        if gallery.trouble:
            yield Note(text=f"no pictures were taken: {gallery.trouble}", warning=True)
    if fits := [row.id for row in project.catalogue.runs("fit")]:
        yield Note(text=f"what was fitted before stands as it did: {', '.join(fits)}; fit again for the new way")
    return {"run": job.run, "turned": len(names), "items": names}


def _turned(item: ItemRow, hash: str, run: str) -> ItemRow:
    return msgspec.structs.replace(item, hash=hash, report={**item.report, TURNED: run})


def _asked(job: TurnJob, project: Project) -> list[str]:
    """The items, and the clouds whose labels they have. Raises InputError for items of which nothing is kept."""
    rows = [project.catalogue.item(name) for name in dict.fromkeys(job.items)]
    if empty := [row.id for row in rows if not _kept(project, row.id)]:
        raise InputError(f"{', '.join(empty)}: nothing of it could be read, so there is nothing to turn; leave it out")
    return list(dict.fromkeys([*(row.id for row in rows), *_clouds(rows, project)]))


def _clouds(rows: Sequence[ItemRow], project: Project) -> list[str]:
    found = [str(row.report["labels_from"]) for row in rows if row.report.get("labels_from")]
    return [name for name in found if _kept(project, name)]


def _kept(project: Project, name: str) -> bool:
    return project.geometry_path(name).is_file() or project.points_path(name).is_file()


def answer(request: bytes) -> bytes:
    """Turn in, hash out, as msgpack. Raises DamagedFileError, InputError. Doing it twice does no harm."""
    order = msgspec.msgpack.decode(request, type=Turn)
    folder, rotation = Path(order.folder), order.axes.turn
    geometry, points = folder / "geometry.safetensors", folder / "points.safetensors"
    state(folder, order.axes)
    if points.is_file():
        _turn_points(points, rotation)
    if geometry.is_file():
        forget_painting(folder)
        _turn_geometry(geometry, rotation)
    return msgspec.msgpack.encode(digest((geometry if geometry.is_file() else points).read_bytes()))


def _turn_geometry(path: Path, rotation: NDArray[np.float64]) -> None:
    before = load_geometry(path)
    found = turned(before, rotation)
    save_geometry(path, found)
    generator = np.random.default_rng(seed_of("cloud", path.parent.name))
    clouds = surface_points(found.surface, 2 * POINTS, generator).reshape(2, POINTS, 3)
    write_cloud(path.with_name("cloud.safetensors"), clouds.astype(np.float32))


def _turn_points(path: Path, rotation: NDArray[np.float64]) -> None:
    stored = Stored.load(path)
    by = rotation @ rotation_in(stored.to_source).T
    points = (stored.points @ by.T).astype(np.float32)
    replace(stored, points=points, to_source=_back(stored.to_source, by)).save(path)


def turned(geometry: Geometry, rotation: NDArray[np.float64]) -> Geometry:
    """The item as if it had been read with this ``rotation`` (3, 3) of its file to canonical axes.

    Canonical space has the middle of the box at the origin, so that turning by right angles leaves it canonical.
    """
    by = rotation @ rotation_in(geometry.to_source).T
    parts = {name: _turn(mesh, by) for name, mesh in geometry.parts.items()}
    regions = geometry.regions
    if regions is not None:
        regions = replace(regions, points=(regions.points @ by.T).astype(np.float32))
    return replace(
        geometry,
        surface=_turn(geometry.surface, by),
        parts=parts,
        regions=regions,
        to_source=_back(geometry.to_source, by),
    )


def _turn(mesh: Mesh, by: NDArray[np.float64]) -> Mesh:
    return Mesh(mesh.vertices @ by.T, mesh.faces)


def _back(to_source: NDArray[np.float64], by: NDArray[np.float64]) -> NDArray[np.float64]:
    whole = np.eye(4)
    whole[:3, :3] = by.T
    return to_source @ whole
