"""Shapes whose left half is red and whose right half is blue, as files that programs write."""

import numpy as np
from numpy.typing import NDArray

from engine.datasets.reading import Order, read_source
from engine.datasets.source import Source
from engine.geometry.mesh import Mesh
from engine.project import Project
from engine.rows import ItemRow

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
SEAM = 0.06  # cube units from the middle, beyond which a colour is sure

Halves = tuple[Mesh, NDArray[np.float64]]


def halves(mesh: Mesh) -> Halves:
    """A mesh none of whose faces crosses x = 0, with vertices of their own for each half; and their colours (V, 3) sRGB."""
    left = mesh.triangles.mean(1)[:, 0] < 0
    sides = [Mesh(mesh.vertices, mesh.faces[chosen]) for chosen in (left, ~left)]
    count = len(mesh.vertices)
    whole = Mesh(
        np.concatenate([side.vertices for side in sides]), np.concatenate([sides[0].faces, sides[1].faces + count])
    )
    return whole, np.repeat([RED, BLUE], count, 0)


def box() -> Halves:
    """Two units wide, one high and deep."""
    x, y, z = np.meshgrid([-1.0, 0, 1], [-0.5, 0.5], [-0.5, 0.5], indexing="ij")
    at = np.stack([x, y, z], -1).reshape(-1, 3)  # number 4 x + 2 y + z
    sides = [(0, 1, 3, 2), (8, 10, 11, 9)]
    for start in (0, 4):
        around = ((0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
        sides += [(start + a, start + b, start + c, start + d) for a, b, c, d in around]
    faces = [corners for a, b, c, d in sides for corners in ((a, b, c), (a, c, d))]
    return halves(Mesh(at, np.array(faces, np.int32)))


def ball(rings: int = 12) -> Halves:
    """Of radius one, its poles in front and behind, with an edge all the way along x = 0."""
    down, around = np.linspace(0, np.pi, rings + 1), np.arange(2 * rings) * np.pi / rings
    v, u = np.meshgrid(down, around, indexing="ij")
    at = np.stack([np.sin(v) * np.sin(u), np.sin(v) * np.cos(u), np.cos(v)], -1).reshape(-1, 3)
    row, k = np.divmod(np.arange(rings * 2 * rings), 2 * rings)
    a, b = row * 2 * rings + k, row * 2 * rings + (k + 1) % (2 * rings)
    c, d = a + 2 * rings, b + 2 * rings
    upper, lower = np.stack([a, b, d], 1)[row > 0], np.stack([a, d, c], 1)[row < rings - 1]
    return halves(Mesh(at, np.concatenate([upper, lower]).astype(np.int32)))


def ply(shape: Halves) -> bytes:
    """A PLY file with the colours of its vertices as bytes."""
    mesh, colours = shape
    rows = [f"{x:.9g} {y:.9g} {z:.9g} {r} {g} {b}" for (x, y, z), (r, g, b) in _rows(shape)]
    head = ["ply", "format ascii 1.0", f"element vertex {len(mesh.vertices)}"]
    head += [f"property double {axis}" for axis in "xyz"] + [
        f"property uchar {name}" for name in ("red", "green", "blue")
    ]
    head += [f"element face {len(mesh.faces)}", "property list uchar int vertex_indices", "end_header"]
    return "\n".join([*head, *rows, *(f"3 {a} {b} {c}" for a, b, c in mesh.faces.tolist()), ""]).encode()


def obj(shape: Halves) -> bytes:
    """An OBJ file with colours behind the coordinates, 0..1."""
    rows = [f"v {x:.9g} {y:.9g} {z:.9g} {r / 255} {g / 255} {b / 255}" for (x, y, z), (r, g, b) in _rows(shape)]
    return "\n".join([*rows, *(f"f {a} {b} {c}" for a, b, c in (shape[0].faces + 1).tolist()), ""]).encode()


def bring(project: Project, name: str, data: bytes) -> ItemRow:
    """A file as an item, as an import makes it."""
    path = project.folder / f"{name}.ply"
    path.write_bytes(data)
    found = read_source(
        Order(source=Source(kind="mesh", name=name, files=(str(path),)), project=str(project.folder), category=name)
    )
    row = ItemRow(
        id=found.id, kind="mesh", category=name, path=str(path), hash=found.hash, verdict=found.verdict, reason="",
        split="train", name=name, usable=found.usable,
    )  # fmt: skip
    project.catalogue.add_items([row])
    return row


def _rows(shape: Halves) -> list[tuple[list[float], list[int]]]:
    mesh, colours = shape
    return list(zip(mesh.vertices.tolist(), np.rint(255 * colours).astype(int).tolist(), strict=True))
