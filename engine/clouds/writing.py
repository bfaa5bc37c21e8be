"""Clouds to files and pictures: what decoded shapes are written and drawn by, see `engine.write`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.cloud_settings import DRAWN
from engine.clouds.cloud import PointCloud
from engine.clouds.dots import dots
from engine.errors import InputError
from engine.geometry.export import ExportOptions, export_cloud
from engine.geometry.export.cloud import FORMATS
from engine.geometry.export.paint import Paint
from engine.geometry.from_cloud import mesh_of_cloud
from engine.geometry.mesh import Geometry, Mesh
from engine.method import Part
from engine.protocol import Note, Progress, Stage
from engine.write import PLAIN, picture, write_shape, write_surface

FINEST = 512  # grid points per side that a surface through points is read from


@write_shape.register
def _(
    decoded: PointCloud,
    path: Path,
    parts: tuple[Part, ...],
    resolution: int,
    recipe: dict[str, Any],
    crumbs: float = 0.0,
    options: ExportOptions = PLAIN,
    known: Mapping[str, Mesh] | None = None,
) -> Stage[dict[str, Any]]:
    """PLY and XYZ hold the points as they are, unless ``pieces=union`` asks for a surface; all others get one."""
    if path.suffix not in FORMATS or options.pieces == "union":
        return (yield from _as_surface(decoded, path, resolution, recipe, options))
    yield Progress(stage="export", done=0, total=1, message=path.name)
    if options.points not in (0, len(decoded)):
        raise InputError(
            f"{path}: this cloud has {len(decoded):,} points; leave the number out, "
            f"or draw with sampler.points={options.points}"
        )
    colours = decoded.colours if path.suffix == ".ply" else None
    place = export_cloud(path, decoded.points, None, colours, recipe, options)
    for note in place.notes:
        yield Note(text=f"{path.name}: {note}")
    size = np.ptp(place(decoded.points.astype(np.float64)), axis=0)
    about = {"path": str(path), "parts": [], "faces": 0, "points": len(decoded), "watertight": False}
    return about | {"size": [round(float(side), 6) for side in size], "unit": place.unit}


def _as_surface(
    cloud: PointCloud, path: Path, resolution: int, recipe: dict[str, Any], options: ExportOptions
) -> Stage[dict[str, Any]]:
    """A watertight surface through the points, see `mesh_of_cloud`, in their colours; what it left out is told."""
    if options.smooth:
        raise InputError(f"{path}: a cloud has no field to smooth; leave smooth out, or ask for smoothing")
    name = recipe.get("shape", path.stem)
    settings = msgspec.structs.replace(DRAWN, resolution=min(resolution, FINEST))
    made = yield from mesh_of_cloud(cloud.points, None, settings)
    for note in made.notes:
        yield Note(text=f"{name}: {note}")
    surface = Geometry(made.mesh, closed=made.watertight)
    paint = None if cloud.colours is None else Paint(cloud.points[made.kept], cloud.colours[made.kept])
    return (yield from write_surface(surface, path, (), recipe, options, paint))


@picture.register
def _(decoded: PointCloud, parts: tuple[Part, ...], resolution: int, size: int) -> Stage[NDArray[np.uint8]]:
    """Shaded dots, which need no graphics system."""
    yield from ()
    return dots(decoded, size)
