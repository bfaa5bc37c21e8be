"""Point clouds out: binary PLY, and XYZ text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFileError, InputError
from engine.geometry.export.frames import Placement, placement
from engine.geometry.export.place import check_place, put
from engine.geometry.export.scene import GENERATOR, GREY, Colour, to_srgb
from engine.geometry.export.shaping import flat_normals
from engine.geometry.mesh import Mesh, join
from engine.geometry.occupancy import surface_samples
from engine.settings import ExportOptions
from engine.storage import seed_of

FORMATS = (".ply", ".xyz")


def export_cloud(
    path: Path,
    points: NDArray[np.floating],
    normals: NDArray[np.floating] | None = None,
    colours: NDArray[np.floating] | None = None,
    recipe: Mapping[str, Any] | None = None,
    options: ExportOptions | None = None,
    overwrite: bool = True,
) -> Placement:
    """Write points that are given in canonical space -> how they were placed: unit, notes in words.

    points : (P, 3); normals : (P, 3) unit vectors; colours : (P, 3) linear RGB, 0..1 (.ply only, as sRGB bytes)
    options : ``size_mm`` and ``axes``; those about surfaces are refused
    .ply : float32 x y z [nx ny nz] [red green blue]; .xyz : one point a line, "x y z [nx ny nz]"
    Raises InputError: unknown suffix, nothing to write, NaN, wrong shapes, options about surfaces, no such place.
    """
    options = options or ExportOptions()
    suffix = path.suffix.lower()
    _check(path, points, normals, colours, options)
    check_place([path], overwrite)
    at = np.asarray(points, np.float64)
    place = placement(suffix, options, np.stack([at.min(0), at.max(0)]))
    columns = [place(at)] + ([] if normals is None else [normals @ place.turn.T])
    table = np.hstack(columns).astype("<f4")
    text = msgspec.json.encode(dict(recipe or {})).decode()
    if suffix == ".ply":
        data, start = _ply(table, colours, text)
        fields = [("numbers", "<f4", table.shape[1])] + ([] if colours is None else [("colour", "u1", 3)])
        back = np.frombuffer(data[start:], fields)["numbers"]
    else:
        rows = map(" ".join(["%.9g"] * table.shape[1]).__mod__, map(tuple, table.tolist()))
        data = f"# {GENERATOR}\n# recipe {text}\n".encode() + "\n".join([*rows, ""]).encode()
        back = np.array([line.split() for line in data.decode().splitlines()[2:]], np.float32)
    if not np.array_equal(back, table):
        raise DamagedFileError(f"{path}: does not read back with the points that were written; write it again")
    put({path: data})
    return place


def sampled(
    meshes: Mapping[str, Mesh], count: int, colours: Mapping[str, Colour]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """``count`` points spread evenly over all the meshes -> points (count, 3), unit normals and linear RGB of each.

    The same for the same meshes. Raises MeshError where there is no area.
    """
    whole = join(list(meshes.values()))
    points, face = surface_samples(whole, count, np.random.default_rng(seed_of("cloud", count)))
    ends = np.cumsum([len(mesh.faces) for mesh in meshes.values()])
    shades = np.array([colours.get(name, GREY) for name in meshes])
    return points, flat_normals(whole).values[face], shades[np.searchsorted(ends, face, side="right")]


def check_options(path: Path, options: ExportOptions) -> None:
    """Raises InputError for options about surfaces, which points have none of."""
    if options != ExportOptions(size_mm=options.size_mm, axes=options.axes, points=options.points):
        raise InputError(f"{path}: points have no surface, so only size and axes can be chosen; leave the rest out")


def _check(
    path: Path,
    points: NDArray[np.floating],
    normals: NDArray[np.floating] | None,
    colours: NDArray[np.floating] | None,
    options: ExportOptions,
) -> None:
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: unknown format of points {path.suffix!r}; known formats: {', '.join(FORMATS)}")
    check_options(path, options)
    if colours is not None and path.suffix.lower() != ".ply":
        raise InputError(f"{path}: .xyz files hold no colours; leave them out or export .ply")
    if not len(points):
        raise InputError(f"{path}: the cloud is empty, so there is nothing to write")
    for name, array in {"points": points, "normals": normals, "colours": colours}.items():
        if array is None:
            continue
        if array.shape != (len(points), 3):
            raise InputError(f"{path}: {name} have shape {array.shape}, not ({len(points)}, 3)")
        with np.errstate(over="ignore"):
            bad = int((~np.isfinite(array.astype(np.float32)).all(1)).sum())
        if bad:
            raise InputError(f"{path}: {bad:,} {name} are not finite numbers; make the cloud again")


def _ply(table: NDArray[np.float32], colours: NDArray[np.floating] | None, recipe: str) -> tuple[bytes, int]:
    """The file, and where its records start."""
    fields = [("numbers", "<f4", table.shape[1])] + ([] if colours is None else [("colour", "u1", 3)])
    rows = np.zeros(len(table), fields)
    rows["numbers"] = table
    names = [f"float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")[: table.shape[1]]]
    if colours is not None:
        rows["colour"] = np.rint(255 * to_srgb(colours))
        names += ["uchar red", "uchar green", "uchar blue"]
    properties = "".join(f"property {name}\n" for name in names)
    header = (
        f"ply\nformat binary_little_endian 1.0\ncomment {GENERATOR}\ncomment recipe {recipe}\n"
        f"element vertex {len(rows)}\n{properties}end_header\n"
    ).encode()
    return header + rows.tobytes(), len(header)
