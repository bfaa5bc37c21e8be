"""Decoded shapes, kept in the project by everything that they depend on, so that none is decoded twice."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.geometry.mesh import Mesh
from engine.geometry.surface import extract
from engine.opened import Opened
from engine.project import Project
from engine.protocol import Stage
from engine.storage import digest, read_tensors, write_tensors

VERSION = 1


def solids_of(shape: Opened, grid: int, level: float, project: Project) -> Stage[dict[str, Mesh]]:
    """Closed mesh of each part of a shape that has an inside, "" without parts; {} when it is empty.

    grid : grid points per side; level : logit of the surface. Vertices are float32. Raises InputError for what does not
    decode to a field.
    """
    path = project.folder / "cache" / "meshes" / f"{_key(shape, grid, level)}.safetensors"
    if path.exists():
        return _read(path)
    field = shape.decoded()
    if not hasattr(field, "part"):
        raise InputError(f"{shape.row.id} decodes to a {type(field).__name__}, which has no surface to measure")
    solids = {}
    for name in field.parts or ("",):
        mesh = yield from extract(field.part(name) if name else field, grid, level)
        if len(mesh.faces):
            solids[name] = Mesh(mesh.vertices.astype(np.float32).astype(np.float64), mesh.faces)
    _write(path, solids)
    return solids


def _key(shape: Opened, grid: int, level: float) -> str:
    """Hash of the numbers that a mesh follows from."""
    numbers = [shape.shape.latent, shape.shape.present, shape.shape.pose]
    data = b"|".join(b"" if one is None else one.cpu().numpy().tobytes() for one in numbers)
    words = f"{VERSION}|{shape.shape.model_id}|{shape.about.settings}|{shape.shape.copies}|{grid}|{level}"
    return digest(data + words.encode())


def _write(path: Path, solids: Mapping[str, Mesh]) -> None:
    arrays: dict[str, NDArray] = {}
    for name, mesh in solids.items():
        arrays |= {f"{name}/vertices": mesh.vertices.astype(np.float32), f"{name}/faces": mesh.faces}
    write_tensors(path, arrays or {"empty": np.zeros(0, np.float32)})


def _read(path: Path) -> dict[str, Mesh]:
    arrays, _ = read_tensors(path)
    names = [name.removesuffix("/faces") for name in arrays if name.endswith("/faces")]
    return {name: Mesh(arrays[f"{name}/vertices"].astype(np.float64), arrays[f"{name}/faces"]) for name in names}
