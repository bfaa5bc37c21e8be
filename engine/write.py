"""Decoded shapes to files. What kind of thing a method decodes to is told by its type: each type registers its writer."""

from collections.abc import Mapping
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.basis.field import BasisField, SmoothUnion
from engine.errors import EmptyShapeError, InputError
from engine.fields.mlp import WeightField
from engine.geometry.blocks import CHUNK
from engine.geometry.crumbs import EXACT, without_crumbs
from engine.geometry.export import GREY, ExportInfo, ExportOptions
from engine.geometry.export.slowly import export_slowly
from engine.geometry.mesh import Geometry, Mesh
from engine.geometry.regions import whole_in_pieces
from engine.geometry.surface import extract
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
    if in_parts:
        solids = dict(known) if known is not None else (yield from part_meshes(decoded, resolution))
    elif known is not None and not (decoded.parts or options.smooth):
        solids = dict(known)
    else:
        joined = SmoothUnion(decoded, options.smooth) if options.smooth else decoded
        solids = {"": (yield from extract(joined, resolution))}
    if crumbs:
        solids = yield from tidied(name, decoded, solids, resolution, crumbs)
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
    yield Progress(stage="export", done=0, total=1, message=path.name)
    if options.smooth:
        raise InputError(f"{path}: an item as it came in has no field to smooth; fit it, and export the fitted shape")
    named = whole_in_pieces(decoded) if _wants_parts(path, options) else {}
    colours = {part.name: part.colour for part in parts}
    info = yield from export_slowly(path, None if named else decoded.surface, named, colours, recipe, options)
    return (yield from _told(info))


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


def part_meshes(field: Field, resolution: int) -> Stage[dict[str, Mesh]]:
    """Watertight mesh of each part that has an inside, by name."""
    found = {}
    for name in field.parts:
        mesh = yield from extract(field.part(name), resolution)
        if len(mesh.faces):
            found[name] = mesh
    return found


def tidied(name: str, field: Field, solids: dict[str, Mesh], resolution: int, crumbs: float) -> Stage[dict[str, Mesh]]:
    """The meshes of a field, by part or as one, without loose crumbs under that share; a Note says of which parts."""
    reach = 2 / resolution
    kept, left_out = without_crumbs(solids, crumbs, reach)
    if left_out and field.parts and not any(solids):  # one surface: a part that stands alone is no crumb of the others
        owners = yield from _owners(field, solids[""])
        kept, left_out = without_crumbs(solids, crumbs, reach, owners)
    if left_out:
        told = " and ".join(f"{count} of {part}" if part else f"{count}" for part, count in left_out.items())
        yield Note(text=f"{name}: left out loose crumbs ({told}), each under {crumbs:.1%} of the volume")
    return kept


def _owners(field: Field, mesh: Mesh) -> Stage[NDArray[np.str_]]:
    """(V,) the part on whose surface each vertex of a union lies: the one that is largest there."""
    points = torch.from_numpy(mesh.vertices.astype(np.float32))
    number = []
    for start in range(0, len(points), CHUNK):
        logits = []
        for part in field.parts:
            yield Progress(stage="crumbs", done=start, total=len(points))
            logits.append(field.part(part)(points[start : start + CHUNK]).cpu())
        number.append(torch.stack(logits).argmax(0))
    return np.array(field.parts)[torch.cat(number).numpy()]


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
