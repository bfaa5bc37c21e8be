"""Mesh files in, in their own coordinates: the whole shape mended, or the named pieces just as they are stored."""

from pathlib import Path

from engine.errors import MeshError
from engine.geometry.examine import SCHEMES, examine
from engine.geometry.mesh import Geometry, Mesh, drop_unused, transform
from engine.geometry.readers import read_raw


def read(path: Path) -> Geometry:
    """The mended shape of a mesh file in the file's own coordinates (``to_source`` is the identity); see ``examine``,
    which also gives the verdict and goes to canonical space.

    Raises MeshError: no such file, unknown format, unreadable, or refused.
    """
    found, judgement = examine(read_raw(path))
    if judgement.verdict == "refused":
        raise MeshError(f"{path}: {judgement.reason}")
    parts = {name: transform(part, found.to_source) for name, part in found.parts.items()}
    return Geometry(transform(found.surface, found.to_source), parts, closed=found.closed, notes=found.notes)


def load_pieces(path: Path) -> dict[str, Mesh]:
    """Meshes of a file by name of node or object, exactly as stored; one named "" where there are no names.

    Raises MeshError when the file cannot be read.
    """
    raw = read_raw(path)
    labels = next((raw.labels[scheme] for scheme in SCHEMES if scheme in raw.labels), None)
    if labels is None:
        return {"": raw.mesh}
    names = [*enumerate(labels.names), (-1, "")]
    pieces = {name: Mesh(raw.mesh.vertices, raw.mesh.faces[labels.index == k]) for k, name in names}
    return {name: drop_unused(piece) for name, piece in pieces.items() if len(piece.faces)}
