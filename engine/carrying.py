"""The frames of a film as one mesh whose vertices move, or an honest refusal with what was measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError, MeshError
from engine.frames import Source, load_frame
from engine.geometry.export import GREY, WHOLE
from engine.geometry.export.morph_glb import Moving
from engine.geometry.mesh import Mesh
from engine.geometry.morph import Field, Misfit, carry, misfit, topology
from engine.protocol import Progress, Stage
from engine.storage import read_tensors, write_tensors
from engine.write import Solid

FARTHEST = 1.0  # voxels between a carried mesh and the frame's own
FOLDED = 0.01  # share of faces that may look inwards or have no area; marching cubes has such faces on thin edges too


def carried(
    sources: Sequence[Source], paths: Sequence[Path], folder: Path, resolution: int, instead: str
) -> Stage[tuple[dict[str, Moving], float]]:
    """The first frame's mesh carried through all frames -> its pieces by name, and the largest error in voxels.

    paths : the frames' own meshes, see frames.keep_frames; folder : where carried vertices are kept, frame by frame
    instead : what a person can do where the film cannot be one mesh
    Raises MeshError, with what was measured, where it cannot; InputError for items, which have no field to follow.
    """
    fields = [_field(source, instead) for source in sources]
    first = load_frame(paths[0])
    shells = {part: topology(mesh) for part, mesh in first.solids.items()}
    tracks: dict[str, list[NDArray[np.float64]]] = {part: [] for part in first.solids}
    worst, faces = 0.0, {part: mesh.faces for part, mesh in first.solids.items()}
    for number, (source, path) in enumerate(zip(sources, paths, strict=True)):
        yield Progress(stage="carry", done=number, total=len(sources), message=source.name)
        kept = folder / path.name
        if kept.exists():
            points, about = read_tensors(kept)
            error = float(about["error"])
        else:
            own = load_frame(path).solids
            place = f"frame {number} ({source.name})"
            _check_parts(place, shells, own, instead)
            before = {
                part: Mesh(track[-1] if track else own[part].vertices, faces[part]) for part, track in tracks.items()
            }
            points, error = yield from _step(place, before, own, fields[number], resolution, not number, instead)
            write_tensors(kept, points, {"error": repr(error)})
        worst = max(worst, error)
        for part, track in tracks.items():
            track.append(points[part])
    yield Progress(stage="carry", done=len(sources), total=len(sources))
    pieces = {
        part: Moving(faces[part], np.stack(track), first.colours.get(part, GREY)) for part, track in tracks.items()
    }
    return pieces, worst


def _step(
    place: str,
    before: Mapping[str, Mesh],
    own: Mapping[str, Mesh],
    field: Solid,
    resolution: int,
    at_first: bool,
    instead: str,
) -> Stage[tuple[dict[str, NDArray[np.float64]], float]]:
    """All parts carried to one frame -> their vertices and the largest error in voxels. Raises MeshError."""
    points, worst = {}, 0.0
    for part, mesh in before.items():
        follow: Field = field if part == WHOLE and not field.parts else field.part(part)
        moved = yield from carry(mesh, follow, own[part], resolution)
        fit = yield from misfit(moved, follow, own[part], resolution)
        if at_first and not _good(fit):  # evening its triangles out took too much off it: it stays as it came
            moved, fit = mesh, Misfit(0.0, 0, 0, len(mesh.faces))
        if not _good(fit):
            folded = f"{fit.flipped} of {fit.faces} triangles folded over, {fit.collapsed} collapsed"
            raise MeshError(
                f"{place}: {_part(part)}, carried from frame to frame, misses its surface by {fit.error:.2f} voxels "
                f"(at most {FARTHEST:g}; {folded}, at most {FOLDED:.0%}), so one mesh cannot follow this film; {instead}"
            )
        points[part], worst = moved.vertices, max(worst, fit.error)
    return points, worst


def _good(fit: Misfit) -> bool:
    return fit.error <= FARTHEST and fit.flipped + fit.collapsed <= FOLDED * fit.faces


def _check_parts(place: str, shells: Mapping[str, tuple[int, ...]], own: Mapping[str, Mesh], instead: str) -> None:
    """Raises MeshError when a part appears or vanishes, or comes to hang together in another way."""
    for part in [*own, *shells]:
        if (part in own) != (part in shells):
            verb = "appears" if part in own else "vanishes"
            raise MeshError(f"{place}: {_part(part)} {verb}, so one mesh cannot follow this film; {instead}")
    for part, mesh in own.items():
        found = topology(mesh)
        if found != shells[part]:
            raise MeshError(
                f"{place}: {_part(part)} has {_told(found)} where the first frame has {_told(shells[part])}, so one mesh "
                f"cannot follow this film; a finer --resolution helps where thin walls break up, or {instead}"
            )


def _told(shells: tuple[int, ...]) -> str:
    """Euler characteristics in words: pieces and handles."""
    handles = sum(1 - shell // 2 for shell in shells)
    pieces = f"{len(shells)} piece{'s' if len(shells) > 1 else ''}"
    return f"{pieces} with {handles} hole{'s' if handles > 1 else ''}" if handles else pieces


def _part(name: str) -> str:
    return "the shape" if name == WHOLE else f"part {name!r}"


def _field(source: Source, instead: str) -> Solid:
    if not isinstance(source.decoded, Solid):
        raise InputError(f"{source.name} is an item, and only fields can be followed; fit it first, or {instead}")
    return source.decoded
