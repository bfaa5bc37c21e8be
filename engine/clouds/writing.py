"""Clouds to files and pictures: what decoded shapes are written and drawn by, see `engine.write`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.clouds.cloud import PointCloud
from engine.clouds.dots import dots
from engine.errors import InputError
from engine.geometry.export import ExportOptions, export_cloud
from engine.geometry.export.cloud import FORMATS
from engine.geometry.mesh import Mesh
from engine.method import Part
from engine.protocol import Note, Progress, Stage
from engine.write import PLAIN, picture, write_shape


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
    """The points as they are, in formats that hold points; they have no faces, and no parts."""
    yield Progress(stage="export", done=0, total=1, message=path.name)
    if path.suffix not in FORMATS:
        raise InputError(
            f"{recipe.get('shape', path.stem)} is a cloud of points, which {path.suffix[1:]} files do not hold; "
            f"choose {' or '.join(suffix[1:] for suffix in FORMATS)}"
        )
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


@picture.register
def _(decoded: PointCloud, parts: tuple[Part, ...], resolution: int, size: int) -> Stage[NDArray[np.uint8]]:
    """Shaded dots, which need no graphics system."""
    yield from ()
    return dots(decoded, size)
