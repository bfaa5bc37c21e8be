"""The file of an item's geometry."""

from pathlib import Path

import msgspec
from numpy.typing import NDArray

from engine.geometry.mesh import Geometry, Mesh
from engine.storage import read_tensors, write_tensors


def save_geometry(path: Path, geometry: Geometry) -> None:
    """Write as one safetensors file, atomically."""
    arrays: dict[str, NDArray] = {"to_source": geometry.to_source}
    for number, mesh in enumerate((geometry.surface, *geometry.parts.values())):
        arrays |= {f"{number}.vertices": mesh.vertices, f"{number}.faces": mesh.faces}
    header = {
        "version": "1",
        "closed": str(int(geometry.closed)),
        "parts": msgspec.json.encode(list(geometry.parts)).decode(),
        "notes": msgspec.json.encode(geometry.notes).decode(),
    }
    write_tensors(path, arrays, header)


def load_geometry(path: Path) -> Geometry:
    """Read back what ``save_geometry`` wrote. Raises DamagedFileError."""
    arrays, header = read_tensors(path)
    names = msgspec.json.decode(header["parts"], type=list[str])
    surface, *solids = (Mesh(arrays[f"{i}.vertices"], arrays[f"{i}.faces"]) for i in range(len(names) + 1))
    notes = msgspec.json.decode(header["notes"], type=tuple[str, ...])
    parts = dict(zip(names, solids, strict=True))
    return Geometry(surface, parts, arrays["to_source"], header["closed"] == "1", notes)
