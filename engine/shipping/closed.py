"""How many unions of shapes, and of real ones, are closed surfaces in one piece."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from engine.geometry.file import load_geometry
from engine.geometry.mesh import Mesh
from engine.holding import shells_of, union_of
from engine.method import Workspace
from engine.opened import open_shapes
from engine.project import Project
from engine.protocol import Progress, Stage
from engine.shipped import Closed
from engine.storage import write_json

SAVE_EVERY = 20


def closed_shapes(names: Sequence[str], grid: int, path: Path, project: Project, work: Workspace) -> Stage[Closed]:
    """Unions of shapes as an export writes them. What was looked at is kept in ``path``, so a stopped count goes on."""
    opened = yield from open_shapes(names, project, work)

    def union(place: int) -> Stage[Mesh]:
        return union_of(names[place], opened[place].decoded(), grid)

    return (yield from _count(len(names), union, path))


def closed_items(names: Sequence[str], path: Path, project: Project) -> Stage[Closed]:
    """The same of real shapes as they are."""

    def surface(place: int) -> Stage[Mesh]:
        yield from ()
        return load_geometry(project.geometry_path(names[place])).surface

    return (yield from _count(len(names), surface, path))


def _count(total: int, mesh_of: Callable[[int], Stage[Mesh]], path: Path) -> Stage[Closed]:
    found: list[tuple[bool, int]] = msgspec.json.decode(path.read_bytes()) if path.exists() else []
    for place in range(len(found), total):
        yield Progress(stage="closed", done=place, total=total, message=path.stem)
        found.append(shells_of((yield from mesh_of(place))))
        if len(found) % SAVE_EVERY == 0 or len(found) == total:
            write_json(path, found)
    tight = [shells for closed, shells in found if closed]
    return Closed(shapes=total, watertight=len(tight), one_shell=tight.count(1))
