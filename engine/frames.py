"""Frames of a film: shapes and items of a project, each decoded once and kept in the run's folder as named meshes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.datasets.parts import colour
from engine.errors import EmptyShapeError, InputError
from engine.geometry.crumbs import least_share
from engine.geometry.export import GREY, WHOLE
from engine.geometry.file import load_geometry
from engine.geometry.mesh import Geometry, Mesh, drop_unused
from engine.geometry.regions import whole_in_pieces
from engine.geometry.surface import extract
from engine.holding import part_meshes, tidied
from engine.loose import made
from engine.method import Colour, Decoded, Part, Workspace
from engine.opened import open_shapes
from engine.project import Project
from engine.protocol import Progress, Stage
from engine.storage import read_tensors, write_tensors
from engine.write import Solid, part_colours


@dataclass(frozen=True)
class Source:
    """What a frame shows.

    decoded : a field, or the geometry of an item; parts : what it may have, with colours
    made : by a model, see engine.loose; recipe : how it came to be, for files
    """

    name: str
    decoded: Decoded
    parts: tuple[Part, ...]
    made: bool
    recipe: dict[str, Any]


@dataclass(frozen=True)
class Frame:
    """One shape as closed meshes by part, "shape" without parts, in canonical space, with linear RGB colours."""

    solids: dict[str, Mesh]
    colours: dict[str, Colour]

    @property
    def shown(self) -> list[tuple[Mesh, Colour]]:
        """As pictures take it."""
        return [(mesh, self.colours.get(name, GREY)) for name, mesh in self.solids.items()]


def named(names: Sequence[str], project: Project) -> list[str]:
    """Shapes and items by name, in order; the name of a run stands for all its shapes. Raises InputError."""
    found: list[str] = []
    shapes = {row.id for row in project.catalogue.shapes()}
    items = {row.id for row in project.catalogue.items()}
    for name in names:
        if name in shapes or name in items:
            found.append(name)
            continue
        run = project.catalogue.run(name) if any(row.id == name for row in project.catalogue.runs()) else None
        if run is None:
            raise InputError(
                f"there is no shape, item or run {name!r} in this project; `list shapes` shows what there is"
            )
        rows = sorted(project.catalogue.shapes(run.id), key=lambda row: row.row)
        if not rows:
            raise InputError(f"run {name} has no shapes; `list shapes` shows what there is")
        found.extend(row.id for row in rows)
    return found


def open_sources(names: Sequence[str], project: Project, work: Workspace) -> Stage[list[Source]]:
    """What is to be shown, by `named`. Raises InputError for what cannot be decoded (yet)."""
    shapes = {row.id for row in project.catalogue.shapes()}
    wanted = list(dict.fromkeys(name for name in names if name in shapes))
    opened = yield from open_shapes(wanted, project, work)
    found = {
        one.row.id: Source(
            one.row.id,
            one.decoded(),
            one.representation.parts,
            made(one, project),
            msgspec.to_builtins(one.card),
        )
        for one in opened
    }
    for name in names:
        if name not in found:
            found[name] = _item(name, project)
    return [found[name] for name in names]


def _item(name: str, project: Project) -> Source:
    row = project.catalogue.item(name)
    path = project.geometry_path(name)
    if not path.exists():
        raise InputError(f"item {name} has no surface to show ({row.verdict}: {row.reason})")
    recipe = {"item": row.id, "origin": row.origin, "licence": row.licence, "hash": row.hash}
    return Source(name, load_geometry(path), tuple(Part(part, colour(part), ()) for part in row.parts), False, recipe)


def keep_frames(sources: Sequence[Source], folder: Path, resolution: int, crumbs: float) -> Stage[list[Path]]:
    """Each source as meshes in a file of ``folder``, written once -> the files, in order.

    crumbs : loose shells under this share of the volume are left out, see geometry.crumbs.least_share
    Raises EmptyShapeError for a shape without an inside.
    """
    paths = [folder / f"{number:04d}.safetensors" for number in range(len(sources))]
    for number, (source, path) in enumerate(zip(sources, paths, strict=True)):
        if not path.exists():
            yield Progress(stage="decode", done=number, total=len(sources), message=source.name)
            frame = yield from decoded_frame(source, resolution, least_share(crumbs, source.made))
            tensors: dict[str, NDArray] = {}
            for part, mesh in frame.solids.items():
                tensors |= {f"vertices/{part}": mesh.vertices, f"faces/{part}": mesh.faces}
            about = {part: " ".join(map(repr, frame.colours.get(part, GREY))) for part in frame.solids}
            write_tensors(path, tensors, about)
    yield Progress(stage="decode", done=len(sources), total=len(sources))
    return paths


def decoded_frame(source: Source, resolution: int, crumbs: float) -> Stage[Frame]:
    """One source as meshes. Raises EmptyShapeError when there is nothing."""
    shape = source.decoded
    own = {part.name: part.colour for part in source.parts}
    if isinstance(shape, Geometry):
        solids = whole_in_pieces(shape) or {"": shape.surface}
    elif isinstance(shape, Solid):
        own = part_colours(shape, source.parts)
        if shape.parts:
            solids = yield from part_meshes(shape, resolution)
        else:
            solids = {"": (yield from extract(shape, resolution))}
        solids = yield from tidied(source.name, shape, solids, resolution, crumbs)
    else:
        raise InputError(f"{source.name} is a {type(shape).__name__}, of which no film can be made")
    kept = {name or WHOLE: drop_unused(mesh) for name, mesh in solids.items() if len(mesh.faces)}
    if not kept:
        raise EmptyShapeError(f"{source.name} is empty: its field has no inside anywhere in the cube; leave it out")
    return Frame(kept, own)


def load_frame(path: Path) -> Frame:
    """A frame that was kept. Raises DamagedFileError."""
    tensors, about = read_tensors(path)
    solids = {part: Mesh(tensors[f"vertices/{part}"], tensors[f"faces/{part}"]) for part in about}
    return Frame(solids, {part: _colour(text) for part, text in about.items()})


def load_frames(paths: Sequence[Path]) -> Iterator[Frame]:
    """Frames one after the other, so that only one is in memory."""
    return (load_frame(path) for path in paths)


def _colour(text: str) -> Colour:
    red, green, blue = (float(value) for value in text.split())
    return red, green, blue


def outline(frame: Frame) -> Mesh:
    """The corners of the convex hull of a frame, without faces: all that framing needs to know of it."""
    from scipy.spatial import ConvexHull

    points = np.concatenate([mesh.vertices for mesh in frame.solids.values()])
    corners = points[ConvexHull(points, qhull_options="QJ").vertices]
    return Mesh(corners, np.zeros((0, 3), np.int32))
