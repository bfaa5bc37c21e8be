"""Parts named by rule, by marks or anew, in files of the project: the work on one item, done in a child process that can be
killed."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from engine.datasets.grouping import Piece
from engine.datasets.marks import PAINTING, UNPAINTED, Painting, forget_painting
from engine.datasets.parts import WHOLE
from engine.datasets.reading import Finding, items
from engine.datasets.spreading import canvas, spread
from engine.geometry.file import load_geometry, save_geometry
from engine.geometry.label_report import label_report
from engine.geometry.mesh import Geometry, face_areas
from engine.geometry.pieces import by_labels, in_pieces, keeps_all
from engine.geometry.regions import from_faces, part_names
from engine.geometry.rename import rename
from engine.storage import digest, seed_of, write_atomic, write_json


class Look(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Which pieces ``item`` comes apart into -> Looked."""

    project: str
    item: str


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """The pieces of an item, and the hash of the geometry that has them."""

    item: str
    hash: str = ""
    pieces: tuple[Piece, ...] = ()


class Name(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Give parts of ``item``, or with ``pieces`` its pieces, other names; those of one name become one -> Finding.

    hash : of the geometry that ``names`` are about, "" for any; one with another hash has got its names before
    """

    project: str
    item: str
    names: dict[str, str]
    pieces: bool = False
    hash: str = ""


class Paint(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Give an item the parts that marks on its surface say, or, without marks, those that it had before -> Finding."""

    project: str
    painting: Painting


def answer(request: bytes) -> bytes:
    """Look, Name or Paint in, Looked or Finding out, as msgpack. Raises MeshError, DamagedFileError, InputError."""
    order = msgspec.msgpack.decode(request, type=Look | Name | Paint)
    if isinstance(order, Paint):
        return msgspec.msgpack.encode(_paint(Path(order.project), order.painting))
    path = items(Path(order.project)) / order.item / "geometry.safetensors"
    geometry = load_geometry(path)
    hash = digest(path.read_bytes())
    if isinstance(order, Look):
        return msgspec.msgpack.encode(Looked(item=order.item, hash=hash, pieces=pieces(geometry)))
    named = geometry
    if order.hash in ("", hash):
        named = name_pieces(geometry, order.names) if order.pieces else rename(geometry, order.names)
        if not order.pieces:
            _rename_painting(path.parent, geometry, order.names)
        save_geometry(path, named)
    if order.pieces:
        forget_painting(path.parent)
    return msgspec.msgpack.encode(_found(order.item, path, named))


def _found(item: str, path: Path, geometry: Geometry) -> Finding:
    return Finding(
        id=item,
        hash=digest(path.read_bytes()),
        usable=True,
        parts=part_names(geometry),
        report=label_report(geometry),
    )


def _paint(project: Path, painting: Painting) -> Finding:
    """What the item was like before it was painted for the first time is kept beside it."""
    folder = items(project) / painting.item
    path, before = folder / "geometry.safetensors", folder / UNPAINTED
    if not before.exists():
        write_atomic(before, path.read_bytes())
    geometry = load_geometry(before)
    if painting.marks:
        on = canvas(geometry.surface)
        regions = from_faces(on.mesh, spread(on, painting).labels, seed=seed_of("painted", painting.item) % 2**32)
        geometry = replace(geometry, parts={}, regions=regions, complete=True)
    save_geometry(path, geometry)
    write_json(folder / PAINTING, painting)
    return _found(painting.item, path, geometry)


def _rename_painting(folder: Path, geometry: Geometry, names: dict[str, str]) -> None:
    """The same names in the marks on an item, and in what it was before them, where no two parts of that become one unless
    those of ``geometry``, which it has now, do."""
    if (path := folder / PAINTING).is_file():
        painting = msgspec.json.decode(path.read_bytes(), type=Painting)
        marks = (msgspec.structs.replace(mark, part=names.get(mark.part, mark.part)) for mark in painting.marks)
        write_json(path, msgspec.structs.replace(painting, marks=tuple(marks)))
    if (path := folder / UNPAINTED).is_file():
        before = load_geometry(path)
        taken = set(part_names(before)) - set(part_names(geometry))
        save_geometry(path, rename(before, {old: new for old, new in names.items() if new not in taken}))


def pieces(geometry: Geometry) -> tuple[Piece, ...]:
    """The pieces of an item; areas in cube units squared, or in labelled points, of which there are so many per area."""
    apart = in_pieces(geometry)
    if apart.parts:
        found = [(name, solid.bounds, float(face_areas(solid).sum())) for name, solid in apart.parts.items()]
    else:
        assert apart.regions is not None
        points = [(name, apart.regions.points_of(name)) for name in apart.regions.names]
        found = [(name, np.stack([own.min(0), own.max(0)]), float(len(own))) for name, own in points]
    return tuple(Piece(name, tuple(ends[0].tolist()), tuple(ends[1].tolist()), area) for name, ends, area in found)


def name_pieces(geometry: Geometry, names: dict[str, str]) -> Geometry:
    """The item with the names of its pieces (as ``pieces`` tells them) instead of any that it had."""
    if set(names.values()) == {WHOLE} and geometry.closed:
        return replace(geometry, parts={WHOLE: geometry.surface}, regions=None, complete=True)
    apart = in_pieces(geometry)
    named = rename(apart, names)
    if apart.parts and not keeps_all(apart.parts, list(named.parts.values())):
        return by_labels(apart, names)
    return named
