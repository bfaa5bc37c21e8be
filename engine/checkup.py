"""Health of shapes, items and files: how fit they are for printing and for other programs, in plain words."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from engine.child import Child
from engine.errors import InputError
from engine.geometry.export import read_pieces
from engine.geometry.file import load_geometry
from engine.geometry.health import Health, health, together
from engine.geometry.mesh import Mesh
from engine.jobs import HealthJob
from engine.project import Project
from engine.protocol import Progress, Stage
from engine.settings import ExportOptions

if TYPE_CHECKING:
    from engine.method import Workspace

LEAST_WALL = 0.8  # mm: two lines of the usual 0.4 mm nozzle; thinner walls come out weak, or not at all
MEMORY, SECONDS = 8 * 2**30, 600.0  # that looking at one file may take
WHOLE = ExportOptions(pieces="union")


class Order(msgspec.Struct, frozen=True):
    """Look at the objects of a file.

    size_mm : longest side of the whole, to which it is scaled; 0 = as it is
    least_wall : walls below this are told of, in the file's unit, or in millimetres where a size is given
    """

    path: str
    size_mm: float = 0.0
    least_wall: float = 0.0


def answer(request: bytes) -> bytes:
    """Order in, Health out, as msgpack; the work of a child process, since foreign files and large meshes take long."""
    order = msgspec.msgpack.decode(request, type=Order)
    path = Path(order.path)
    pieces = {"": load_geometry(path).surface} if path.suffix == ".safetensors" else read_pieces(path)
    return msgspec.msgpack.encode(_all(pieces, order.least_wall, order.size_mm))


def _all(pieces: Mapping[str, Mesh], least_wall: float, size_mm: float = 0.0) -> Health:
    if size_mm:
        corners = np.stack([piece.bounds for piece in pieces.values() if len(piece.faces)])  # (pieces, 2, 3)
        scale = size_mm / max(float((corners[:, 1].max(0) - corners[:, 0].min(0)).max()), 1e-300)
        pieces = {name: Mesh(piece.vertices * scale, piece.faces) for name, piece in pieces.items()}
    return together({name: health(piece, least_wall) for name, piece in pieces.items()})


def quick(path: Path, least_wall: float) -> Health:
    """Health of a mesh file that was just written, without its self-intersections: 0.2 s for 100,000 faces.

    least_wall : in the file's unit; 0 where it is not known how large it will be printed, then walls are not measured
    """
    pieces = read_pieces(path)
    return together({name: health(piece, least_wall, False, least_wall > 0) for name, piece in pieces.items()})


def thorough(order: Order) -> Stage[Health]:
    """The same with self-intersections, in a child process. Raises MeshError for a file that cannot be read."""
    with Child("engine.checkup:answer", MEMORY, SECONDS, task="looking at the surface") as child:
        return (yield from _answered(child, order))


def checkup(job: HealthJob, project: Project, work: "Workspace") -> Stage[dict[str, Any]]:
    """Health of files, items and shapes of a project, one after the other; see ``HealthJob``."""
    kinds = [_kind(name, project) for name in job.names]
    found = []
    with Child("engine.checkup:answer", MEMORY, SECONDS, task="looking at the surface") as child:
        for name, kind in zip(job.names, kinds, strict=True):
            path = Path(name)
            if kind == "canonical":
                path = project.geometry_path(name)
                if not path.exists():
                    path = yield from _decoded(name, job, project, work)
            found.append((yield from _one(child, name, path, job.size_mm, kind)))
    return {"checked": found}


def check_surfaces(job: HealthJob) -> Stage[dict[str, Any]]:
    """The same of files alone, which need no project."""
    with Child("engine.checkup:answer", MEMORY, SECONDS, task="looking at the surface") as child:
        found = []
        for name in job.names:
            found.append((yield from _one(child, name, Path(name), job.size_mm, "of the file")))
    return {"checked": found}


def _decoded(name: str, job: HealthJob, project: Project, work: "Workspace") -> Stage[Path]:
    """The union of a shape's parts, as a printer would get it, in a file."""
    from engine.opened import open_shape  # with torch, which the child that looks at files needs not load
    from engine.write import write_shape

    path = work.folder / "staged" / "shape.stl"
    opened = yield from open_shape(name, project, work)
    parts = opened.representation.parts
    yield from write_shape(opened.decoded(), path, parts, job.resolution, {"shape": name}, options=WHOLE)
    return path


def _one(child: Child, name: str, path: Path, size_mm: float, unit: str) -> Stage[dict[str, Any]]:
    order = Order(str(path), size_mm, LEAST_WALL if size_mm else 0.0)
    seen = yield from _answered(child, order, Path(name).name)
    return {"name": name, "sound": seen.sound, **msgspec.to_builtins(seen), "unit": "mm" if size_mm else unit}


def _kind(name: str, project: Project) -> str:
    """In which unit its numbers are. Raises InputError for a name that is neither file nor item nor shape."""
    if Path(name).is_file():
        return "of the file"
    if all(item.id != name for item in project.catalogue.items()):
        project.catalogue.shape(name)
    elif not project.geometry_path(name).exists():
        raise InputError(f"item {name} has no surface to look at; `list items` says why")
    return "canonical"


def _answered(child: Child, order: Order, message: str = "") -> Stage[Health]:
    sign = Progress(stage="look", done=0, total=1, message=message or Path(order.path).name)
    answer = yield from child.awaited(msgspec.msgpack.encode(order), sign)
    return msgspec.msgpack.decode(answer, type=Health)
