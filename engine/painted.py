"""Surfaces that have colours of their own to files, see `engine.write`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.geometry.export import ExportOptions
from engine.geometry.export.paint import Paint
from engine.geometry.export.slowly import export_slowly
from engine.geometry.mesh import Geometry, Mesh
from engine.geometry.regions import whole_in_pieces
from engine.method import Part
from engine.protocol import Note, Progress, Stage
from engine.write import PARTS_KEPT, PLAIN, write_shape


@dataclass(frozen=True)
class Painted:
    """A surface in canonical space, and the colours that it has instead of those of its parts."""

    geometry: Geometry
    paint: Paint


@write_shape.register
def _(
    decoded: Painted,
    path: Path,
    parts: tuple[Part, ...],
    resolution: int,
    recipe: dict[str, Any],
    crumbs: float = 0.0,
    options: ExportOptions = PLAIN,
    known: Mapping[str, Mesh] | None = None,
) -> Stage[dict[str, Any]]:
    """The surface as it is, its vertices in their colours; formats that hold none say so and have those of the parts."""
    yield Progress(stage="export", done=0, total=1, message=path.name)
    if options.smooth:
        raise InputError(f"{path}: a surface of its own has no field to smooth; leave smooth out, or ask for smoothing")
    in_parts = options.pieces == "parts" or options.pieces == "auto" and path.suffix in PARTS_KEPT
    named = whole_in_pieces(decoded.geometry) if in_parts else {}
    whole = None if named else decoded.geometry.surface
    colours = {part.name: part.colour for part in parts}
    info = yield from export_slowly(path, whole, named, colours, recipe, options, decoded.paint)
    for note in info.notes:
        yield Note(text=f"{path.name}: {note}")
    size = [round(side, 6) for side in info.size]
    about = {"path": str(path), "parts": list(info.parts), "faces": info.faces, "watertight": info.watertight}
    return about | {"size": size, "unit": info.unit}
