"""Decoded shapes, kept in the project by everything that they depend on, so that none is decoded twice."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.abreast import abreast
from engine.errors import InputError
from engine.geometry.mesh import Mesh
from engine.geometry.surface import extract
from engine.method import Field, Shapes
from engine.methods import MethodSettings
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
    solids = known_solids(shape, grid, level, project)
    if solids is not None:
        return solids
    field = shape.decoded()
    if not hasattr(field, "part"):
        raise InputError(f"{shape.row.id} decodes to a {type(field).__name__}, which has no surface to measure")
    solids = yield from decoded_solids(field, grid, level)
    keep_solids(solids, shape.shape, shape.about.settings, grid, level, project)
    return solids


def decoded_solids(field: Field, grid: int, level: float = 0.0, at_once: int = 1) -> Stage[dict[str, Mesh]]:
    """The same of a field, decoded now, with so many parts at once."""
    names, solids = field.parts or ("",), {}
    with abreast((extract(field.part(name) if name else field, grid, level) for name in names), at_once) as meshes:
        for name in names:
            mesh = yield from meshes.next()
            if len(mesh.faces):
                solids[name] = Mesh(mesh.vertices.astype(np.float32).astype(np.float64), mesh.faces)
    return solids


def known_solids(shape: Opened, grid: int, level: float, project: Project) -> dict[str, Mesh] | None:
    """What `solids_of` gives, where it was kept; None where it was not."""
    path = _path(shape.shape, shape.about.settings, grid, level, project)
    return _read(path) if path.exists() else None


def keep_solids(
    solids: Mapping[str, Mesh], shape: Shapes, settings: MethodSettings, grid: int, level: float, project: Project
) -> None:
    """Keep the solids of a single shape, which `open_shape` would give so, with settings of its run."""
    arrays: dict[str, NDArray] = {}
    for name, mesh in solids.items():
        arrays |= {f"{name}/vertices": mesh.vertices.astype(np.float32), f"{name}/faces": mesh.faces}
    path = _path(shape, settings, grid, level, project)
    write_tensors(path, arrays or {"empty": np.zeros(0, np.float32)}, {"names": "\n".join(solids)})


def key_of(shape: Shapes, settings: MethodSettings, grid: int, level: float) -> str:
    """Digest of all that a mesh follows from."""
    numbers = [shape.latent, shape.present, shape.pose]
    data = b"|".join(b"" if one is None else one.cpu().numpy().tobytes() for one in numbers)
    words = f"{VERSION}|{shape.model_id}|{settings}|{shape.copies}|{grid}|{level}"
    return digest(data + words.encode())


def _path(shape: Shapes, settings: MethodSettings, grid: int, level: float, project: Project) -> Path:
    return project.folder / "cache" / "meshes" / f"{key_of(shape, settings, grid, level)}.safetensors"


def _read(path: Path) -> dict[str, Mesh]:
    arrays, header = read_tensors(path)
    names = [name.removesuffix("/faces") for name in arrays if name.endswith("/faces")]
    order = header.get("names", "").split("\n")  # that in which they were decoded; older files do not say
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    return {name: Mesh(arrays[f"{name}/vertices"].astype(np.float64), arrays[f"{name}/faces"]) for name in names}
