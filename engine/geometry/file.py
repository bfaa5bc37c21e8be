"""The file of an item's geometry."""

from pathlib import Path

import msgspec
from numpy.typing import NDArray

from engine.errors import InputError
from engine.geometry.mesh import Geometry, Mesh
from engine.geometry.regions import Regions
from engine.storage import read_tensors, write_tensors

VERSION = 2  # 1 had neither regions nor incomplete parts


def save_geometry(path: Path, geometry: Geometry) -> None:
    """Write as one safetensors file, atomically."""
    arrays: dict[str, NDArray] = {"to_source": geometry.to_source}
    for number, mesh in enumerate((geometry.surface, *geometry.parts.values())):
        arrays |= {f"{number}.vertices": mesh.vertices, f"{number}.faces": mesh.faces}
    header = {
        "version": str(VERSION),
        "closed": str(int(geometry.closed)),
        "complete": str(int(geometry.complete)),
        "parts": msgspec.json.encode(list(geometry.parts)).decode(),
        "notes": msgspec.json.encode(geometry.notes).decode(),
    }
    if regions := geometry.regions:
        arrays |= {"regions.points": regions.points, "regions.label": regions.label}
        header["regions"] = msgspec.json.encode(regions.names).decode()
        header["unlabelled"] = repr(regions.unlabelled)
    write_tensors(path, arrays, header)


def load_geometry(path: Path) -> Geometry:
    """Read back what ``save_geometry`` wrote. Raises DamagedFileError, InputError for a newer version."""
    arrays, header = read_tensors(path)
    if int(header["version"]) > VERSION:
        raise InputError(f"{path} was made by a newer version; update Shape Studio to open it")
    names = msgspec.json.decode(header["parts"], type=list[str])
    surface, *solids = (Mesh(arrays[f"{i}.vertices"], arrays[f"{i}.faces"]) for i in range(len(names) + 1))
    notes = msgspec.json.decode(header["notes"], type=tuple[str, ...])
    regions = None
    if "regions" in header:
        labels = msgspec.json.decode(header["regions"], type=tuple[str, ...])
        regions = Regions(arrays["regions.points"], arrays["regions.label"], labels, float(header["unlabelled"]))
    return Geometry(
        surface,
        dict(zip(names, solids, strict=True)),
        arrays["to_source"],
        header["closed"] == "1",
        notes,
        regions,
        header.get("complete", "1") == "1",
    )
