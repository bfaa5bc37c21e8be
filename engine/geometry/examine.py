"""From the faces of a file to a shape in canonical space and the verdict on it."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError, MeshError
from engine.geometry.canonical import LONGEST_SIDE, placement
from engine.geometry.clean import cleaned, components, welded
from engine.geometry.judge import Judgement, judge, longest_side, sheet
from engine.geometry.mend import Record, mend
from engine.geometry.mesh import Geometry, Mesh, drop_unused, face_areas, is_closed, join, transform, volume
from engine.geometry.orient import orient
from engine.geometry.raw import Raw
from engine.geometry.regions import REST
from engine.geometry.separate import separate
from engine.geometry.solids import FLAT, union
from engine.geometry.thicken import THICKEST, THINNEST, thicken

SCHEMES = ("node", "object", "group", "material")  # finest first
NOTHING = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
STANDS = 0.75  # share of the area that must be left when sheets are taken off, or the whole counts as a sheet
ROUNDING = 1e-5  # of the longest side: vertices closer than this may be one
SPECK = 1e-3  # share of the area up to which faces may be specks that lie apart
SHRINKS = 0.7  # specks are left out when the shape's longest side falls below this share without them


def examine(raw: Raw, turn: NDArray | None = None, thickness: float = 0.0) -> tuple[Geometry, Judgement]:
    """The shape of a mesh file in canonical space, mended as far as that is safe, and the verdict on it.

    turn : (3, 3) rotation from the file's axes to canonical ones (+Y up, front +Z)
    thickness : share of the longest side (0.004 to 0.5) that loose sheets are given; 0 leaves them without
    Inside is what ``occupied(geometry, points)`` says afterwards; nothing else is needed to ask it. A mesh that is not
    usable comes with whatever surface there is. Raises InputError when ``turn`` is no rotation or ``thickness`` is out
    of bounds.
    """
    rotation = _rotation(turn)
    if thickness and not THINNEST <= thickness <= THICKEST:
        raise InputError(f"thickness {thickness}: choose 0, or a share of the longest side, {THINNEST} to {THICKEST}")
    record = Record(list(raw.notes), numbers={"faces_in_file": len(raw.mesh.faces)})
    turned = transform(raw.mesh, rotation)
    start = cleaned(turned)
    record.numbers["twin_share"] = round(start.twins / max(len(turned.faces), 1), 4)
    refusal = _refusal(raw, start.mesh)
    if refusal:
        return Geometry(start.mesh, to_source=rotation.T, closed=False), Judgement(
            "refused", refusal, record.numbers, False
        )
    mesh = _without_specks(_welded(start.mesh, record), record)
    frame = placement(mesh)
    to_canonical = np.linalg.inv(frame).astype(np.float64)
    parts = _named_solids(raw, to_canonical @ rotation, record)
    if parts:
        surface = _joined(parts, record)
        judgement = judge(surface, record.said, record.changed, 0.0, record.numbers)
    else:
        if start.twins:
            winding = ", so their winding meant nothing" if start.opposed else ""
            record.change(f"{start.twins:,} of {len(turned.faces):,} faces were copies of others{winding}; left out")
        mesh = transform(mesh, to_canonical)
        surface, judgement = _judged(mesh, *mend(mesh, not start.opposed, record), thickness, record)
    if longest_side(surface) > LONGEST_SIDE * 1.001:  # thickness was added
        grown = placement(surface)
        frame, back = frame @ grown, np.linalg.inv(grown).astype(np.float64)
        surface, parts = transform(surface, back), {name: transform(part, back) for name, part in parts.items()}
    return Geometry(surface, parts, rotation.T @ frame, is_closed(surface), tuple(record.said)), judgement


def _judged(mesh: Mesh, solids: Mesh, sheets: Mesh, thickness: float, record: Record) -> tuple[Mesh, Judgement]:
    """The surface to keep of a mended mesh and the verdict on it; sheets are thickened when ``thickness`` says so."""
    area = float(face_areas(solids).sum())
    lost = 1 - area / (area + float(face_areas(sheets).sum())) if area > 0 else 1.0
    stands = lost <= 1 - STANDS
    if stands:
        judgement = judge(solids, record.said, record.changed, lost, record.numbers)
        if judgement.usable and (not thickness or not len(sheets.faces)):
            return solids, judgement
        if not judgement.usable:
            stands, lost, solids, sheets = False, 1.0, NOTHING, mesh
    if not thickness:
        return mesh, sheet(mesh, record.said, record.numbers, lost)
    surface = _with_sheets(solids, sheets, thickness, longest_side(mesh), record)
    judgement = judge(surface, record.said, record.changed, 0.0, record.numbers)
    if not judgement.usable:  # the solids were none
        stands, surface = False, thicken(mesh, thickness)
        judgement = judge(surface, record.said, True, 0.0, record.numbers)
    if stands:
        return surface, judgement
    reason = f"A sheet that became solid by the thickness it was given. {judgement.reason}"
    return surface, msgspec.structs.replace(judgement, verdict="sheet", reason=reason)


def _rotation(turn: NDArray | None) -> NDArray[np.float64]:
    rotation = np.eye(4)
    if turn is not None:
        if np.shape(turn) != (3, 3) or not np.allclose(turn @ np.transpose(turn), np.eye(3)) or np.linalg.det(turn) < 0:
            raise InputError("turn: not a rotation; give a 3 x 3 orthonormal matrix with determinant 1")
        rotation[:3, :3] = turn
    return rotation


def _refusal(raw: Raw, mesh: Mesh) -> str:
    """Why there is nothing to work with, in words, or ""."""
    if not np.isfinite(raw.mesh.vertices[np.unique(raw.mesh.faces)]).all():
        return "Coordinates are not finite numbers (NaN or infinity). Export the mesh again."
    if not len(raw.mesh.faces):
        return "There are no faces. A cloud of points is no surface: export faces too."
    if not face_areas(mesh).sum() > 0:
        return f"No face has an area (of {len(raw.mesh.faces):,}), so there is no surface. Export the mesh again."
    return ""


def _welded(mesh: Mesh, record: Record) -> Mesh:
    whole = welded(mesh, ROUNDING * longest_side(mesh))
    if whole is not mesh:
        record.change("corners that nearly met were joined")
    return whole


def _without_specks(mesh: Mesh, record: Record) -> Mesh:
    """Tiny pieces that lie so far off that the shape itself would come out small are left out."""
    component, areas = components(mesh), face_areas(mesh)
    shares = np.bincount(component, areas) / areas.sum()
    order = np.argsort(-shares, kind="stable")
    main = np.zeros(len(shares), bool)
    main[order[np.cumsum(shares[order]) - shares[order] < 1 - SPECK]] = True
    if main.all():
        return mesh
    low, high = Mesh(mesh.vertices, mesh.faces[main[component]]).bounds
    reach = (high - low).max() * (1 / SHRINKS - 1)
    out = ((mesh.triangles < low - reach) | (mesh.triangles > high + reach)).any((1, 2)) & ~main[component]
    far = np.bincount(component, out, len(shares)) > 0
    if not far.any():
        return mesh
    record.change(f"{far.sum():,} specks far from the shape, {shares[far].sum():.2%} of the area, were left out")
    return drop_unused(Mesh(mesh.vertices, mesh.faces[~far[component]]))


def _named_solids(raw: Raw, matrix: NDArray[np.float64], record: Record) -> dict[str, Mesh]:
    """Pieces by name, in the frame that ``matrix`` leads to, if each is a closed solid under some scheme of names."""
    for scheme in SCHEMES:
        labels = raw.labels.get(scheme)
        if labels is None or len(np.unique(labels.index)) < 2:
            continue
        solids: dict[str, Mesh] = {}
        copies, turned = 0, []
        for k, name in (*enumerate(labels.names), (-1, REST)):
            faces = raw.mesh.faces[labels.index == k]
            if len(faces):
                solid, twins, back = _solid(transform(drop_unused(Mesh(raw.mesh.vertices, faces)), matrix))
                if not len(solid.faces):
                    break
                solids[name] = solid
                copies += twins
                turned.append(back)
        else:
            record.said.append(f"{len(solids):,} named parts, each a closed solid")
            if copies:
                record.change(f"{copies:,} faces were copies of others; left out")
            if 0 < sum(turned) < len(turned):
                record.change("parts that were inside out were turned")
            return solids
    return {}


def _solid(piece: Mesh) -> tuple[Mesh, int, float]:
    """The piece clean and turned outwards (no faces if it bounds no volume), twins left out, share of faces turned."""
    found = cleaned(piece)
    if not len(found.mesh.faces):
        return NOTHING, 0, 0
    oriented = orient(found.mesh, not found.opposed)
    if not oriented.closed.all() or volume(oriented.mesh) <= FLAT * longest_side(oriented.mesh) ** 3:
        return NOTHING, 0, 0
    return oriented.mesh, found.twins, 0 if found.twins else oriented.turned


def _joined(parts: dict[str, Mesh], record: Record) -> Mesh:
    record.numbers["components"] = len(parts)
    try:
        return union(list(parts.values()))
    except MeshError as error:
        record.change(f"the parts could not be united ({error}), so walls between them count as surface")
        return join(list(parts.values()))


def _with_sheets(solids: Mesh, sheets: Mesh, thickness: float, size: float, record: Record) -> Mesh:
    """Solids and the thickened sheets as one surface; ``thickness`` is a share of ``size``."""
    thick = thicken(sheets, min(thickness * size / longest_side(sheets), THICKEST))
    record.change(f"sheets were given a thickness of {thickness:g} of the longest side")
    if not len(solids.faces):
        return thick
    if is_closed(solids):
        try:
            return union([separate(solids), thick])
        except MeshError:  # solids that go through themselves; the winding number tells inside all the same
            return join([solids, thick])
    return join([solids, thick])
