"""One source read, judged and kept: the work on foreign files, done in a child process that can be killed."""

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace as changed
from numpy.typing import NDArray

from engine.datasets.axes import state, stated, stated_in, turn
from engine.datasets.keeping import keep_geometry
from engine.datasets.labels import note_names
from engine.datasets.paint import keep_paint
from engine.datasets.parts import SOLID
from engine.datasets.points import Box, Cloud, finite, read_cloud, read_labels, read_occupancy
from engine.datasets.source import Source
from engine.datasets.stored import Stored, frame, place
from engine.errors import InputError, MeshError
from engine.geometry.canonical import LONGEST_SIDE
from engine.geometry.carry import carry, named, of_polygons
from engine.geometry.clean import merge_positions
from engine.geometry.examine import SCHEMES, examine
from engine.geometry.file import load_geometry
from engine.geometry.label_report import label_report
from engine.geometry.mesh import Geometry, Mesh, join, transform
from engine.geometry.pieces import by_pieces, keeps_all
from engine.geometry.raw import FaceLabels, OnlyPointsError, Raw
from engine.geometry.readers import read_raw
from engine.geometry.readers.coloured import LEFT_OUT, OnlyColouredPointsError
from engine.geometry.regions import Regions, from_cloud, from_faces, part_names
from engine.geometry.rename import rename
from engine.storage import digest, seed_of

WHOLE = 0.5  # share of the faces that labels must name to be taken as parts
USES = "clouds can be learned from them (tiny3d); all else needs the mesh of the same name"
MOST_NAMES = 100  # names on one shape; more are the pieces of a drawing, not parts that shapes share


class Order(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Read ``source``.

    project : folder of the project, "" to keep nothing
    thickness : given to sheets, share of the longest side; solids : take connected solids as parts where nothing names any
    up, front : axes of the file, as "+z"; twice "" = as was said of the item before, else as the source has it
    """

    source: Source
    project: str = ""
    category: str = ""
    thickness: float = 0.0
    solids: bool = False
    up: str = ""
    front: str = ""

    def turn(self, folder: Path | None) -> NDArray[np.float64]:
        """Rotation (3, 3) of the file to canonical axes; ``folder``: of its item. Raises InputError."""
        said = stated(self.up, self.front) or (stated_in(folder) if folder else None)
        return said.turn if said else turn(self.source.axes)


class Carry(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Carry the labels of a kept cloud to a kept mesh; both are item ids of ``project``."""

    project: str
    category: str
    cloud: str
    mesh: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a source or of labels; ``parts`` as the project names them."""

    id: str
    hash: str
    verdict: str = "refused"
    reason: str = ""
    usable: bool = False
    parts: tuple[str, ...] = ()
    report: dict[str, Any] = {}


def answer(request: bytes) -> bytes:
    """Order or Carry in, Finding out, as msgpack. What is wrong with the files is a verdict, not an error."""
    order = msgspec.msgpack.decode(request, type=Order | Carry)
    return msgspec.msgpack.encode(_carry(order) if isinstance(order, Carry) else read_source(order))


def items(project: Path) -> Path:
    """Folder of a project's items."""
    return project / "items"


def read_source(order: Order) -> Finding:
    """Read, judge and keep one source. Files that cannot be used give the verdict "refused" and the reason."""
    source = order.source
    row = Finding(id=_ident(source, digest(os.fsencode(source.files[0]))), hash="", reason=source.refused)
    if source.refused:
        return row
    try:
        sums = [_sum(file) for file in (*source.files, *filter(None, [source.labels]))]
    except OSError as error:
        return changed(row, reason=f"cannot be read ({error.strerror})")
    hash = digest(" ".join([source.kind, *sums]).encode())
    row = changed(row, id=_ident(source, hash), hash=hash)
    folder = items(Path(order.project)) / row.id if order.project else None
    if not np.array_equal(order.turn(folder), turn(source.axes)):  # what is kept is not what it would be by itself
        row = changed(row, hash=digest(f"{hash} {order.turn(folder).tolist()}".encode()))
    if folder and (said := stated(order.up, order.front)):
        state(folder, said)
    read = {"mesh": _mesh, "parts": _mesh, "cloud": _cloud, "occupancy": _occupancy}[source.kind]
    try:
        return read(order, row, folder)
    except (MeshError, InputError) as error:
        return changed(row, reason=str(error).removeprefix(f"{source.files[0]}: "))


def _mesh(order: Order, row: Finding, folder: Path | None) -> Finding:
    source = order.source
    try:
        raw = _pieces(source) if source.kind == "parts" else read_raw(Path(source.files[0]))
    except OnlyPointsError as found:
        own = found.colours if isinstance(found, OnlyColouredPointsError) else None
        return _surface_points(order, row, folder, Cloud(finite(source.files[0], found.points), colours=own))
    counted = order.solids and not source.labels and len(raw.mesh.faces) > 0 and not _named_by_file(raw)
    if counted:
        raw = replace(raw, labels={"node": by_pieces(raw.mesh)})  # before solids that overlap are united
    rotation = order.turn(folder)
    geometry, judgement = examine(raw, rotation, order.thickness)
    if counted and geometry.parts and not keeps_all({"": _canonical(raw, geometry)}, [geometry.surface]):
        geometry, judgement = examine(replace(raw, labels={}), rotation, order.thickness)
    said = judgement.reason
    if judgement.verdict != "refused" and not geometry.parts:
        regions, words = _regions(order, raw, geometry)
        geometry = replace(geometry, regions=regions)
        said = f"{said} {words}".strip()
    geometry = _renamed(order.project, order.category, geometry)
    report: dict[str, Any] = dict(judgement.numbers)
    if part_names(geometry):
        report |= label_report(geometry)
    if folder and judgement.verdict != "refused":
        row = changed(row, hash=keep_geometry(folder, geometry))
        keep_paint(folder, raw)
    return changed(
        row,
        verdict=judgement.verdict,
        reason=said,
        usable=judgement.usable,
        parts=part_names(geometry),
        report=report,
    )


def _pieces(source: Source) -> Raw:
    """Several mesh files as one, each a named node; files that cannot be read are left out with a note."""
    meshes, index, notes = [], [], []
    for k, file in enumerate(source.files):
        try:
            piece = read_raw(Path(file))
        except MeshError as error:
            notes.append(f"part {source.part_names[k]!r} was left out: {error}")
            continue
        meshes.append(piece.mesh)
        index.append(np.full(len(piece.mesh.faces), k, np.int32))
        notes += [f"{source.part_names[k]}: {note}" for note in piece.notes]
    if not meshes:
        raise MeshError(f"none of the {len(source.files)} part files can be read; the first: {notes[0]}")
    whole = join(meshes)
    labels = {"node": FaceLabels(source.part_names, np.concatenate(index))}
    return Raw(whole, np.arange(len(whole.faces), dtype=np.int32), labels, tuple(notes))


def _regions(order: Order, raw: Raw, geometry: Geometry) -> tuple[Regions | None, str]:
    """Parts that labels on the faces name: a label file's, else the file's own names (or its solids, where asked for)."""
    mesh = _canonical(raw, geometry)
    found: FaceLabels | None = None
    if order.source.labels:
        try:
            found = of_polygons(read_labels(order.source.labels), raw.polygon, order.source.label_names)
        except (MeshError, InputError) as error:
            return None, f"Its labels could not be used: {error}."
    if found is None:
        found = _named_by_file(raw)
    if found is None:
        return None, ""
    if len(found.names) < 2 or float((found.index >= 0).mean()) < WHOLE:
        return None, ""
    if len(found.names) > MOST_NAMES:
        return None, f"It names {len(found.names)} pieces, too many to be parts."
    mesh, found = _first_of_copies(mesh, found)
    return from_faces(mesh, found, seed=seed_of("labels", order.source.name) % 2**32), ""


def _canonical(raw: Raw, geometry: Geometry) -> Mesh:
    """The mesh as it came, in canonical space."""
    return transform(raw.mesh, np.linalg.inv(geometry.to_source).astype(np.float64))


def _named_by_file(raw: Raw) -> FaceLabels | None:
    """The file's own names of its faces, where they tell some apart."""
    schemes = (raw.labels[scheme] for scheme in SCHEMES if scheme in raw.labels)
    return next((labels for labels in schemes if len(np.unique(labels.index)) > 1), None)


def _first_of_copies(mesh: Mesh, labels: FaceLabels) -> tuple[Mesh, FaceLabels]:
    """Of faces at the same place only the first: two-sided models often name their two sides differently."""
    _, at = merge_positions(mesh.vertices)
    corners = np.sort(at[mesh.faces], axis=1)
    first = np.sort(np.unique(corners, axis=0, return_index=True)[1])
    return Mesh(mesh.vertices, mesh.faces[first]), FaceLabels(labels.names, labels.index[first])


def _cloud(order: Order, row: Finding, folder: Path | None) -> Finding:
    return _surface_points(order, row, folder, read_cloud(order.source))


def _surface_points(order: Order, row: Finding, folder: Path | None, cloud: Cloud) -> Finding:
    """Points on a surface: kept for what needs no inside, and their labels for meshes of the same name."""
    names: tuple[str, ...] = ()
    label = np.zeros(0, np.int16)
    if cloud.labels is not None:
        names, index = named(cloud.labels, order.source.label_names)
        if len(names) <= MOST_NAMES:
            label = index.astype(np.int16)
    many = f"{len(cloud.points):,} points on a surface"
    if len(names) > MOST_NAMES:
        many, names = f"{many}, with {len(names):,} different labels, too many to be parts", ()
    colours = np.zeros((0, 3)) if cloud.colours is None else cloud.colours
    _keep_points(folder, order, cloud.points, np.zeros(0, bool), label, names, 0, cloud.box, colours)
    said = f"{many} in {len(names)} parts" if names else many
    said = f"{said}, with colours" if len(colours) else said
    said = f"{said}; {LEFT_OUT}" if cloud.colours is not None and not len(colours) else said
    reason = f"{said}. They do not tell inside from outside: {USES}."
    return changed(row, verdict="points", reason=reason, parts=names, report={"points": len(cloud.points)})


def _occupancy(order: Order, row: Finding, folder: Path | None) -> Finding:
    """Points with inside flags: fields can be fitted to them as they are."""
    found = read_occupancy(order.source)
    inside = int(found.inside.sum())
    if not 0 < inside < len(found.inside):
        raise MeshError(
            f"all {len(found.inside):,} points are {'inside' if inside else 'outside'}; nothing to learn from"
        )
    near = found.sections.get("near", (0, 0))
    near_count = near[1] - near[0]
    none = np.zeros((0, 3))
    _keep_points(folder, order, found.points, found.inside, np.zeros(0, np.int16), (), near_count, found.box, none)
    reason = f"{len(found.inside):,} points with inside flags, {inside:,} of them inside. Used as they are."
    report = {"points": len(found.inside), "inside": inside}
    return changed(row, verdict="samples", reason=reason, usable=True, report=report)


def _keep_points(
    folder: Path | None,
    order: Order,
    points: np.ndarray,
    inside: np.ndarray,
    label: np.ndarray,
    names: tuple[str, ...],
    near: int,
    box: Box | None,
    colours: NDArray[np.floating],
) -> None:
    """Keep points in canonical space: by the shape's box where the file states it, else by that of the points (inside).

    colours : (P, 3) sRGB 0..1, or (0, 3)
    """
    rotation = order.turn(folder)
    turned = points @ rotation.T
    to_source = frame(turned[inside] if len(inside) else turned)
    if box is not None:
        to_source[:3, :3] = np.eye(3) * box[1] / LONGEST_SIDE
        to_source[:3, 3] = box[0] @ rotation.T
    if folder:
        whole = np.eye(4)
        whole[:3, :3] = rotation.T
        shades = np.rint(255 * colours).astype(np.uint8)
        kept = Stored(place(turned, to_source), inside, label, names, near, whole @ to_source, shades)
        kept.save(folder / "points.safetensors")


def _carry(order: Carry) -> Finding:
    """Give the mesh the parts of the cloud. Both lie in canonical space by their own boxes, so they coincide."""
    folder = items(Path(order.project))
    cloud = Stored.load(folder / order.cloud / "points.safetensors")
    path = folder / order.mesh / "geometry.safetensors"
    geometry = load_geometry(path)
    regions = from_cloud(cloud.points, cloud.label.astype(np.int64), cloud.names)
    carried = carry(geometry, regions)
    geometry = _renamed(order.project, order.category, carried.geometry)
    hash = keep_geometry(path.parent, geometry)
    report = label_report(geometry) | {"labels_from": order.cloud, "labels_agree": round(carried.agreement, 4)}
    return Finding(id=order.mesh, hash=hash, usable=True, parts=part_names(geometry), report=report)


def _renamed(project: str, category: str, geometry: Geometry) -> Geometry:
    """The geometry with the part names that the project uses; names met for the first time are noted there."""
    names = part_names(geometry)
    if not project or all(SOLID.fullmatch(name) for name in names):  # what is only counted has no name to note
        return geometry
    return rename(geometry, note_names(Path(project), category, names))


def _sum(file: str) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _ident(source: Source, hash: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", source.name.lower()).strip("-")[:60] or source.kind
    return f"{name}-{hash[:10]}"
