"""Sheets of what a model makes: its first shapes, and mixes of them. Nothing is picked."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import InputError
from engine.geometry.crumbs import without_crumbs
from engine.geometry.export import GREY
from engine.geometry.mesh import Mesh
from engine.holding import has_distances, held_together, part_meshes
from engine.method import Colour, Workspace
from engine.opened import Opened, open_shapes
from engine.pictures.camera import closer
from engine.pictures.render import Studio
from engine.pictures.sheet import sheet
from engine.project import Project
from engine.protocol import Progress, Saved, Stage
from engine.storage import write_atomic
from engine.write import BLANK, SPECK, part_colours

COLUMNS, SIZE, GRID = 6, 256, 128  # of a sheet; pixels of a picture; grid points per side
LARGEST = 150_000  # bytes of a file
QUALITIES = (90, 85, 80, 70, 60)


def draw_sheet(names: Sequence[str], path: Path, project: Project, work: Workspace) -> Stage[None]:
    """Pictures of the named shapes, which have named parts, in their part colours, in order and in one framing, as a WebP
    file of at most LARGEST bytes."""
    if path.exists():
        return
    opened = yield from open_shapes(names, project, work)
    shown: list[list[tuple[Mesh, Colour]]] = []
    for done, one in enumerate(opened):
        yield Progress(stage="decode", done=done, total=len(opened), message=path.name)
        shown.append((yield from _solids(one)))
    view = closer([[mesh for mesh, _ in solids] for solids in shown])
    images: list[NDArray[np.uint8]] = []
    with Studio() as studio:
        for done, solids in enumerate(shown):
            yield Progress(stage="pictures", done=done, total=len(shown), message=path.name)
            images.append(studio.picture(solids, SIZE, view) if solids else np.full((SIZE, SIZE, 3), BLANK, np.uint8))
    write_atomic(path, webp(sheet(images, COLUMNS)))
    yield Saved(kind="picture", path=str(path))


def _solids(one: Opened) -> Stage[list[tuple[Mesh, Colour]]]:
    """The parts of a shape as every export has them, held together and with their colours; [] of an empty one."""
    decoded = one.decoded()
    colours = part_colours(decoded, one.representation.parts)
    found: Mapping[str, Mesh] = yield from part_meshes(decoded, GRID)
    if has_distances(decoded):
        found = (yield from held_together(decoded, found, GRID)).solids
    solids, _ = without_crumbs(found, SPECK, 2 / GRID)
    return [(mesh, colours.get(name, GREY)) for name, mesh in solids.items() if len(mesh.faces)]


def webp(image: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) sRGB as a WebP file, as good as its size allows. Raises InputError where no quality is small enough."""
    for quality in QUALITIES:
        file = BytesIO()
        Image.fromarray(image).save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= LARGEST:
            return file.getvalue()
    raise InputError(f"a picture of {image.shape[1]} x {image.shape[0]} pixels needs more than {LARGEST:,} bytes")
