"""Shapes to mesh files: options applied, encoded, read back and checked before a file takes its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFileError, InputError, MeshError
from engine.geometry.clean import clean
from engine.geometry.export import cloud, glb, obj, ply, shaping, stl, threemf, usd
from engine.geometry.export.frames import placement
from engine.geometry.export.paint import Paint
from engine.geometry.export.place import check_place, put
from engine.geometry.export.scene import GREY, WHOLE, Colour, Piece, Scene
from engine.geometry.mesh import Mesh, drop_unused, is_watertight
from engine.geometry.read import SCHEMES, load_pieces
from engine.geometry.readers import read_raw
from engine.geometry.solids import union
from engine.settings import ExportOptions


@dataclass(frozen=True)
class Format:
    """A kind of file: how it is encoded (files by suffix, the main one last) and what it can hold."""

    encode: Callable[[Scene, str], dict[str, bytes]]
    parts: bool = False
    parts_unasked: bool = False
    normals: tuple[str, ...] = ("auto",)
    shading: str = "auto"  # what normals=auto means
    uvs: bool = False
    shades: bool = False
    beside: tuple[str, ...] = ()  # suffixes of files that come with it


POINTS = 2048  # of a cloud when no number was asked for
ANY = ("auto", "smooth", "flat")
WHITE: Colour = (1.0, 1.0, 1.0)
USD = {"parts": True, "parts_unasked": True, "normals": ANY, "shading": "smooth", "uvs": True}
WRITERS: dict[str, Format] = {
    ".glb": Format(glb.encode, True, True, ANY, "smooth", uvs=True, shades=True),
    ".obj": Format(obj.encode, True, True, ANY, uvs=True, shades=True, beside=(".mtl",)),
    ".ply": Format(ply.encode, normals=ANY, uvs=True, shades=True),
    ".stl": Format(stl.encode, normals=("auto", "flat")),
    ".3mf": Format(threemf.encode, parts=True),
    ".usda": Format(partial(usd.encode, suffix=".usda"), True, True, ANY, "smooth", uvs=True),
    ".usdc": Format(partial(usd.encode, suffix=".usdc"), True, True, ANY, "smooth", uvs=True),
}


@dataclass(frozen=True)
class ExportInfo:
    """A written file. ``watertight`` holds for every object in it, as read back; points have no faces and are not.

    size : sides of the bounding box in the file's unit; unit : "m", "cm" or "mm"
    notes : what differs from what one might expect, in words
    """

    path: Path
    parts: tuple[str, ...]
    faces: int
    watertight: bool
    size: tuple[float, float, float]
    unit: str
    notes: tuple[str, ...] = ()


def export_mesh(
    path: Path,
    surface: Mesh | None,
    parts: Mapping[str, Mesh],
    colours: Mapping[str, Colour],
    recipe: Mapping[str, Any] | None = None,
    options: ExportOptions | None = None,
    overwrite: bool = True,
    paint: Paint | None = None,
) -> ExportInfo:
    """Write a shape that is given in canonical space; the suffix of ``path`` chooses the format (``WRITERS``).

    surface, parts : one named, coloured object per part where options and format say so and there are parts;
        otherwise ``surface``, or the union of the parts where it is None. .obj comes with an .mtl
    colours : linear RGB by part name ("shape" without parts); recipe : plain data, kept in the file (not in .stl)
    paint : what colour the vertices have instead, in .glb, .obj and .ply

    Nothing is left behind and no file is changed unless all went well. Raises InputError (unknown suffix, nothing to
    write, an option that the format cannot hold, no such place, disk full), MeshError (NaN, a budget that cannot be met,
    a part that is not closed where it must be), DamagedFileError when the file does not read back as written.
    """
    options = options or ExportOptions()
    suffix = path.suffix.lower()
    if options.points or suffix == ".xyz":
        return _points(path, surface, parts, colours, recipe, options, overwrite, paint)
    kind = _format(path, options)
    check_place([path, *(path.with_suffix(more) for more in kind.beside)], overwrite)
    objects, named = _objects(path, surface, parts, kind.parts_unasked, options)
    notes: tuple[str, ...] = ()
    if options.smoothing:
        objects, notes = shaping.all_smoothed(objects, options.smoothing)
    if options.faces:
        objects, more = shaping.within_budget(objects, options.faces)
        notes += more
    shades = {name: paint.at(mesh.vertices) for name, mesh in objects.items()} if paint and kind.shades else {}
    if paint and not kind.shades:
        notes += (f"{suffix} files hold no colours of vertices; export glb, obj or ply to keep them",)
    boxes = np.stack([mesh.bounds for mesh in objects.values()])
    place = placement(suffix, options, np.stack([boxes[:, 0].min(0), boxes[:, 1].max(0)]))
    objects = {name: Mesh(place(mesh.vertices), mesh.faces) for name, mesh in objects.items()}
    shading = kind.shading if options.normals == "auto" else options.normals
    if shades:
        colours = dict.fromkeys(objects, WHITE)
    pieces = {
        name: _piece(mesh, colours.get(name, GREY), shading, options.uvs and kind.uvs, shades.get(name))
        for name, mesh in objects.items()
    }
    text = msgspec.json.encode(dict(recipe or {})).decode()
    files = kind.encode(Scene(pieces, named, text), path.stem)
    found = _read_back(path, files[suffix], objects, named)
    put({path if end == suffix else path.with_suffix(end): data for end, data in files.items()})
    corners = np.stack([mesh.bounds for mesh in found])
    x, y, z = (corners[:, 1].max(0) - corners[:, 0].min(0)).tolist()
    return ExportInfo(
        path,
        tuple(objects) if named else (),
        sum(len(mesh.faces) for mesh in found),
        all(is_watertight(clean(mesh)) for mesh in found),
        (x, y, z),
        place.unit,
        notes + place.notes,
    )


def _points(
    path: Path,
    surface: Mesh | None,
    parts: Mapping[str, Mesh],
    colours: Mapping[str, Colour],
    recipe: Mapping[str, Any] | None,
    options: ExportOptions,
    overwrite: bool,
    paint: Paint | None,
) -> ExportInfo:
    """Points on the surface instead: of the whole, or with pieces=parts of each part in its colour (.ply only)."""
    check_options(path, options)
    objects, named = _objects(path, surface, parts, False, options)
    points, normals, shades = cloud.sampled(objects, options.points or POINTS, colours)
    coloured = named or (paint is not None and path.suffix.lower() == ".ply")
    shades = paint.at(points).astype(np.float64) if paint else shades
    plain = msgspec.structs.replace(options, pieces="auto")
    place = cloud.export_cloud(path, points, normals, shades if coloured else None, recipe, plain, overwrite)
    x, y, z = np.ptp(place(points), axis=0).tolist()
    return ExportInfo(path, tuple(objects) if named else (), 0, False, (x, y, z), place.unit, place.notes)


def check_options(path: Path, options: ExportOptions) -> None:
    """Raises InputError where the format of ``path`` cannot hold what is asked for; can be asked before any work."""
    suffix = path.suffix.lower()
    if not options.points and suffix != ".xyz":
        _format(path, options)
        return
    if suffix not in cloud.FORMATS:
        raise InputError(f"{path}: {suffix} files cannot hold points; leave them out, or export ply or xyz")
    if options.pieces == "parts" and suffix != ".ply":
        raise InputError(f"{path}: {suffix} files cannot tell parts apart; leave pieces=parts out or export ply")
    cloud.check_options(path, msgspec.structs.replace(options, pieces="auto"))


def _format(path: Path, options: ExportOptions) -> Format:
    """The format of a path. Raises InputError where it cannot hold what is asked for."""
    suffix = path.suffix.lower()
    kind = WRITERS.get(suffix)
    if kind is None:
        raise InputError(f"{path}: unknown mesh format {path.suffix!r}; known formats: {', '.join(WRITERS)}, .xyz")
    if suffix.startswith(".usd"):
        usd.require()
    fits = {
        "pieces=parts": options.pieces != "parts" or kind.parts,
        f"normals={options.normals}": options.normals in kind.normals,
        "uvs": not options.uvs or kind.uvs,
    }
    for option, fit in fits.items():
        if not fit:
            raise InputError(f"{path}: {suffix} files cannot hold {option}; leave that out or export .glb")
    return kind


def _objects(
    path: Path, surface: Mesh | None, parts: Mapping[str, Mesh], parts_unasked: bool, options: ExportOptions
) -> tuple[dict[str, Mesh], bool]:
    """The meshes to write by name, in canonical space, and whether they are parts. Raises InputError, MeshError."""
    solids = {name: mesh for name, mesh in parts.items() if len(mesh.faces)}
    for name, mesh in [*solids.items(), *([(WHOLE, surface)] if surface is not None else [])]:
        with np.errstate(over="ignore"):
            bad = int((~np.isfinite(mesh.vertices.astype(np.float32)).all(1)).sum())
        if bad:
            raise MeshError(f"{path}: {bad:,} vertices of {name!r} are not finite numbers; make the shape again")
        if name != name.strip() or not name.isprintable() or not name:
            raise InputError(f"{path}: a part cannot be called {name!r} in a file; give it a plain name")
    if solids and (options.pieces == "parts" or (options.pieces == "auto" and parts_unasked)):
        return solids, True
    if options.pieces == "parts":
        raise InputError(f"{path}: the shape has no parts to keep apart; export the union")
    if surface is None or not len(surface.faces):
        if not solids:
            raise InputError(f"{path}: the shape is empty, so there is nothing to write")
        surface = union(list(solids.values()))
    return {WHOLE: surface}, False


def _piece(mesh: Mesh, colour: Colour, shading: str, uvs: bool, shades: NDArray[np.floating] | None) -> Piece:
    shade = {"smooth": shaping.smooth_normals, "flat": shaping.flat_normals}.get(shading)
    return Piece(mesh, colour, shade(mesh) if shade else None, shaping.unwrapped(mesh) if uvs else None, shades)


def read_pieces(path: Path) -> dict[str, Mesh]:
    """Meshes of a file by name, exactly as stored, of every format that is written or read here. Raises MeshError."""
    if path.suffix.lower() not in (".usda", ".usdc"):
        return load_pieces(path)
    usd.require()
    return usd.decode(path, path.read_bytes())


def _read_back(path: Path, data: bytes, objects: Mapping[str, Mesh], named: bool) -> list[Mesh]:
    """The meshes as they are in the encoded file. Raises DamagedFileError where they are not those asked for."""
    found = usd.decode(path, data) if path.suffix.lower().startswith(".usd") else _pieces(path, data)
    if named and set(found) != set(objects):
        raise DamagedFileError(
            f"{path}: written with the parts {list(objects)} but reads as {list(found)}; write it again"
        )
    pairs = [(found[name], objects[name]) for name in objects] if named else [(*found.values(), *objects.values())]
    for mesh, wanted in pairs:
        size = max(float(np.abs(wanted.bounds).max()), 1e-30)
        same = len(mesh.faces) == len(wanted.faces) and np.allclose(mesh.bounds, wanted.bounds, 0, 1e-6 * size + 1e-8)
        if not same:
            raise DamagedFileError(f"{path}: does not read back with the faces that were written; write it again")
    return list(found.values())


def _pieces(path: Path, data: bytes) -> dict[str, Mesh]:
    raw = read_raw(path, data)
    labels = next((raw.labels[scheme] for scheme in SCHEMES if scheme in raw.labels), None)
    if labels is None:
        return {"": raw.mesh}
    pieces = {name: Mesh(raw.mesh.vertices, raw.mesh.faces[labels.index == k]) for k, name in enumerate(labels.names)}
    return {name: drop_unused(piece) for name, piece in pieces.items()}
