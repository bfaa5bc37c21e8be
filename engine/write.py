"""Decoded shapes to files. What kind of thing a method decodes to is told by its type: each type registers its writer."""

from collections.abc import Mapping
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.basis.field import BasisField, SmoothUnion
from engine.errors import EmptyShapeError, InputError
from engine.fields.mlp import WeightField
from engine.geometry.crumbs import EXACT, without_crumbs
from engine.geometry.export import GREY, ExportInfo, ExportOptions
from engine.geometry.export.paint import Paint
from engine.geometry.export.slowly import export_slowly
from engine.geometry.mesh import Geometry, Mesh
from engine.geometry.regions import whole_in_pieces
from engine.geometry.surface import extract
from engine.holding import GRID, has_distances, held_together, part_meshes, tidied
from engine.method import Colour, Field, Part
from engine.parts.pose import PosedField
from engine.protocol import Note, Progress, Stage

Solid = WeightField | BasisField | PosedField  # fields that methods decode to; a new kind of field is added here
PLAIN = ExportOptions()
SPECK = 0.03 * EXACT  # share of the volume: the crumbs that every export leaves out unless told otherwise
BLANK = 240  # grey of the picture of an empty shape
PARTS_KEPT = (".glb", ".obj", ".usda", ".usdc")  # formats with named parts unless told otherwise; others get the union


@singledispatch
def write_shape(
    decoded: object,
    path: Path,
    parts: tuple[Part, ...],
    resolution: int,
    recipe: dict[str, Any],
    crumbs: float = 0.0,
    options: ExportOptions = PLAIN,
    known: Mapping[str, Mesh] | None = None,
) -> Stage[dict[str, Any]]:
    """Write one decoded shape to ``path`` -> {path, parts, faces, watertight, size, unit}. Raises EmptyShapeError.

    crumbs : loose shells under this share of the volume are left out, which a Note says; see geometry.crumbs
    known : the surfaces of its parts at this resolution ("" without parts), where they were decoded before
    """
    raise InputError(f"{type(decoded).__name__} cannot be written as {path.suffix}")


@write_shape.register
def _(
    decoded: Solid,
    path: Path,
    parts: tuple[Part, ...],
    resolution: int,
    recipe: dict[str, Any],
    crumbs: float = 0.0,
    options: ExportOptions = PLAIN,
    known: Mapping[str, Mesh] | None = None,
) -> Stage[dict[str, Any]]:
    name = recipe.get("shape", path.stem)
    in_parts = bool(decoded.parts) and _wants_parts(path, options)
    if options.smooth and in_parts:
        raise InputError(f"{path}: smooth joins parts into one surface; add pieces=union, or leave it out")
    field: Field = decoded
    if options.hold and decoded.parts and not options.smooth and has_distances(decoded):
        looked = known if known is not None and resolution == GRID else (yield from part_meshes(decoded, GRID))
        held = yield from held_together(decoded, looked)
        if told := held.note(name):
            yield told
        field = held.field
        if resolution == GRID:
            known = held.solids
        elif held.grown:  # what was known is of the field as it was
            known = None
    if in_parts:
        solids = dict(known) if known is not None else (yield from part_meshes(field, resolution))
    elif known is not None and not (decoded.parts or options.smooth):
        solids = dict(known)
    else:
        solids = {"": (yield from extract(SmoothUnion(field, options.smooth) if options.smooth else field, resolution))}
    if crumbs:
        solids = yield from tidied(name, field, solids, resolution, crumbs)
    if not any(len(solid.faces) for solid in solids.values()):
        raise EmptyShapeError(f"{name} is empty: its field has no inside anywhere in the cube")
    colours = part_colours(decoded, parts)
    whole, own = (None, solids) if in_parts else (solids[""], {})
    info = yield from export_slowly(path, whole, own, colours, recipe, options)
    return (yield from _told(info))


@write_shape.register
def _(
    decoded: Geometry,
    path: Path,
    parts: tuple[Part, ...],
    resolution: int,
    recipe: dict[str, Any],
    crumbs: float = 0.0,
    options: ExportOptions = PLAIN,
    known: Mapping[str, Mesh] | None = None,
) -> Stage[dict[str, Any]]:
    """An item as it was imported, in canonical space; nothing is decoded and nothing left out."""
    return (yield from write_surface(decoded, path, parts, recipe, options))


def write_surface(
    geometry: Geometry,
    path: Path,
    parts: tuple[Part, ...],
    recipe: dict[str, Any],
    options: ExportOptions,
    paint: Paint | None = None,
) -> Stage[dict[str, Any]]:
    """A surface in canonical space as it is, by its parts where format and options say so -> as `write_shape`.

    paint : its colours instead of those of its parts; formats that hold none say so
    """
    yield Progress(stage="export", done=0, total=1, message=path.name)
    if options.smooth:
        raise InputError(
            f"{path}: a surface of its own has no field to smooth; leave smooth out, or ask for smoothing, or fit it, and "
            "export the fitted shape"
        )
    named = whole_in_pieces(geometry) if _wants_parts(path, options) else {}
    whole, colours = None if named else geometry.surface, {part.name: part.colour for part in parts}
    return (yield from _told((yield from export_slowly(path, whole, named, colours, recipe, options, paint))))


def _wants_parts(path: Path, options: ExportOptions) -> bool:
    return options.pieces == "parts" or options.pieces == "auto" and path.suffix in PARTS_KEPT


def part_colours(decoded: Solid, parts: tuple[Part, ...]) -> dict[str, Colour]:
    """Colour of each part that stands somewhere; a copy has its part's."""
    own = {part.name: part.colour for part in parts}
    part_of = decoded.part_of if isinstance(decoded, PosedField) else {name: name for name in decoded.parts}
    return {name: own[part] for name, part in part_of.items() if part in own}


def _told(info: ExportInfo) -> Stage[dict[str, Any]]:
    """What was written, as the job's result has it; what differs from what one might expect is said."""
    for note in info.notes:
        yield Note(text=f"{info.path.name}: {note}")
    size = [round(side, 6) for side in info.size]
    about = {"path": str(info.path), "parts": list(info.parts), "faces": info.faces, "watertight": info.watertight}
    return about | {"size": size, "unit": info.unit}


@singledispatch
def picture(decoded: object, parts: tuple[Part, ...], resolution: int, size: int) -> Stage[NDArray[np.uint8]]:
    """(size, size, 3) picture of one decoded shape, in its part colours; an empty shape gives an empty one.

    Without the loose crumbs that no export keeps (``SPECK``).
    """
    raise InputError(f"there is no picture of a {type(decoded).__name__}")


@picture.register
def _(decoded: Solid, parts: tuple[Part, ...], resolution: int, size: int) -> Stage[NDArray[np.uint8]]:
    from engine.pictures.render import render  # it takes a second to load, and most shapes are written, not drawn

    colours = part_colours(decoded, parts)
    if decoded.parts:
        solids = yield from part_meshes(decoded, resolution)
    else:
        solids = {"": (yield from extract(decoded, resolution))}
    solids, _ = without_crumbs(solids, SPECK, 2 / resolution)
    shown = [(mesh, colours.get(name, GREY)) for name, mesh in solids.items() if len(mesh.faces)]
    return render(shown, size) if shown else np.full((size, size, 3), BLANK, np.uint8)
