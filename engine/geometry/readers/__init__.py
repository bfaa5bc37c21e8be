"""Mesh files as they are stored: one module per format, all of bytes -> Raw, none of which trusts what a header claims."""

from pathlib import Path

from engine.errors import MeshError, out_of_memory
from engine.geometry.raw import OnlyPointsError, Raw
from engine.geometry.readers import dae, gltf, obj, off, ply, stl, threemf
from engine.geometry.readers.coloured import OnlyColouredPointsError
from engine.geometry.readers.limits import LIMITS, Limits, check_bytes

READERS = {
    ".obj": obj.read,
    ".off": off.read,
    ".stl": stl.read,
    ".ply": ply.read,
    ".3mf": threemf.read,
    ".dae": dae.read,
}
FORMATS = (".obj", ".off", ".stl", ".ply", ".glb", ".gltf", ".3mf", ".dae")


def read_raw(path: Path, data: bytes | None = None, limits: Limits = LIMITS) -> Raw:
    """Mesh of a file as it is stored, in its own coordinates.

    data : contents that are already at hand, for example out of an archive; ``path`` then only names them
    Raises MeshError, one line that starts with the path: no such file, unknown format, too large, damaged, no faces.
    """
    kind = path.suffix.lower()
    try:
        if kind not in FORMATS:
            raise MeshError(f"unknown mesh format {path.suffix!r}; known formats: {', '.join(FORMATS)}")
        folder = None if data is not None else path.parent
        contents = _contents(path, limits) if data is None else data
        check_bytes(len(contents), limits)
        if kind in (".glb", ".gltf"):
            return gltf.read(contents, limits, folder)
        return READERS[kind](contents, limits)
    except OnlyColouredPointsError as error:
        raise OnlyColouredPointsError(f"{path}: {error}", error.points, error.colours) from error
    except OnlyPointsError as error:
        raise OnlyPointsError(f"{path}: {error}", error.points) from error
    except MeshError as error:
        raise MeshError(f"{path}: {error}") from error
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise MeshError(
            f"{path}: there is not enough memory to read it; close other programs or simplify it"
        ) from error


def _contents(path: Path, limits: Limits) -> bytes:
    try:
        if not path.is_file():
            raise MeshError("there is no such file")
        check_bytes(path.stat().st_size, limits)
        return path.read_bytes()
    except OSError as error:
        raise MeshError(f"the file cannot be read ({error.strerror or error}); check its rights") from error
