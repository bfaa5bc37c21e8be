"""Meshes out: GLB and OBJ with named, coloured parts, PLY and STL of the whole; each file is read back before it counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFileError, InputError
from engine.geometry.clean import clean
from engine.geometry.mesh import Mesh, is_watertight
from engine.geometry.read import load_pieces
from engine.geometry.solids import union
from engine.storage import write_atomic

Colour = tuple[float, float, float]  # linear RGB, 0..1
GREY: Colour = (0.42, 0.47, 0.55)
WHOLE = "shape"  # name of the only object of a shape without parts
GENERATOR = "Shape Studio"
FLOAT, UINT32 = 5126, 5125  # glTF 2.0, 3.6.2.2: accessor component types
VERTICES, ELEMENTS = 34962, 34963  # glTF 2.0, 5.11.5: buffer view targets


@dataclass(frozen=True)
class ExportInfo:
    """A written file. ``watertight`` holds for every object in it, as read back."""

    path: Path
    parts: tuple[str, ...]
    faces: int
    watertight: bool


def export_mesh(
    path: Path,
    surface: Mesh | None,
    parts: Mapping[str, Mesh],
    colours: Mapping[str, Colour],
    recipe: Mapping[str, Any] | None = None,
) -> ExportInfo:
    """Write a shape; the suffix of ``path`` chooses the format. Axes stay: glTF too is +Y up, +Z front.

    .glb, .obj : one named, coloured object per part, or ``surface`` where there are no parts; .obj comes with an .mtl
    .ply, .stl : ``surface``, or the union of the parts where it is None
    colours : linear RGB by part name ("shape" without parts); recipe : plain data, kept in the file (not in .stl)
    Raises InputError (unknown suffix, nothing to write), DamagedFileError when the file does not read back as written.
    """
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise InputError(f"{path}: unknown mesh format {path.suffix!r}; known formats: {', '.join(WRITERS)}")
    solids = {name: mesh for name, mesh in parts.items() if len(mesh.faces)}
    if path.suffix.lower() in (".ply", ".stl") or not solids:
        if surface is None or not len(surface.faces):
            if not solids:
                raise InputError(f"{path}: the shape is empty, so there is nothing to write")
            surface = union(list(solids.values()))
        objects = {WHOLE: surface}
    else:
        objects = solids
    paints = {name: colours.get(name, GREY) for name in objects}
    write(path, objects, paints, msgspec.json.encode(dict(recipe or {})).decode())
    named = objects is solids
    found = _read_back(path, objects, named)
    watertight = all(is_watertight(clean(mesh)) for mesh in found)
    return ExportInfo(path, tuple(solids) if named else (), sum(len(mesh.faces) for mesh in found), watertight)


def _read_back(path: Path, objects: Mapping[str, Mesh], named: bool) -> list[Mesh]:
    found = load_pieces(path)
    if named and set(found) != set(objects):
        raise DamagedFileError(
            f"{path}: written with the parts {list(objects)} but reads as {list(found)}; write it again"
        )
    if sorted(len(mesh.faces) for mesh in found.values()) != sorted(len(mesh.faces) for mesh in objects.values()):
        raise DamagedFileError(f"{path}: does not read back with the faces that were written; write it again")
    return list(found.values())


def _write_glb(path: Path, objects: Mapping[str, Mesh], colours: Mapping[str, Colour], recipe: str) -> None:
    """glTF 2.0 binary: one node, mesh and material per object; the recipe lies in the scene's extras."""
    data = bytearray()
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []

    def add(array: NDArray, kind: str, **bounds: list[float]) -> int:
        target = ELEMENTS if kind == "SCALAR" else VERTICES
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": array.nbytes, "target": target})
        component = UINT32 if kind == "SCALAR" else FLOAT
        count = {"bufferView": len(views) - 1, "componentType": component, "count": len(array), "type": kind}
        accessors.append(count | bounds)
        data.extend(array.tobytes())
        return len(accessors) - 1

    meshes = []
    for number, (name, mesh) in enumerate(objects.items()):
        points = mesh.vertices.astype("<f4")
        at = add(points, "VEC3", min=points.min(0).tolist(), max=points.max(0).tolist())
        normals = add(vertex_normals(mesh).astype("<f4"), "VEC3")
        corners = add(mesh.faces.astype("<u4").ravel(), "SCALAR")
        shape = {"attributes": {"POSITION": at, "NORMAL": normals}, "indices": corners, "material": number}
        meshes.append({"name": name, "primitives": [shape]})
    look = {"metallicFactor": 0.0, "roughnessFactor": 0.6}
    tree = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(meshes))), "extras": {"recipe": msgspec.Raw(recipe.encode())}}],
        "nodes": [{"name": name, "mesh": number} for number, name in enumerate(objects)],
        "meshes": meshes,
        "materials": [
            {"name": name, "pbrMetallicRoughness": {"baseColorFactor": [*colours[name], 1.0], **look}}
            for name in objects
        ],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(data)}],
    }
    text = msgspec.json.encode(tree)
    text += b" " * (-len(text) % 4)
    header = np.array([0x46546C67, 2, 28 + len(text) + len(data), len(text), 0x4E4F534A], "<u4").tobytes()
    chunk = np.array([len(data), 0x004E4942], "<u4").tobytes()
    write_atomic(path, header + text + chunk + bytes(data))


def _write_obj(path: Path, objects: Mapping[str, Mesh], colours: Mapping[str, Colour], recipe: str) -> None:
    """Text with one ``o`` and ``g`` per object; materials go to a file of the same name with suffix .mtl."""
    library = path.with_suffix(".mtl")
    lines = [f"# {GENERATOR}\n# recipe {recipe}\nmtllib {library.name}\n"]
    paints = [f"# {GENERATOR}\n"]
    start = 1
    for number, (name, mesh) in enumerate(objects.items()):
        lines.append(f"o {name}\ng {name}\nusemtl part{number}\n")
        lines.extend(map("v %.8f %.8f %.8f\n".__mod__, map(tuple, mesh.vertices.tolist())))
        lines.extend(map("f %d %d %d\n".__mod__, map(tuple, (mesh.faces + start).tolist())))
        start += len(mesh.vertices)
        seen = [encoded(value) for value in colours[name]]
        paints.append(f"newmtl part{number}\n# {name}\nKd {seen[0]:.4f} {seen[1]:.4f} {seen[2]:.4f}\nNs 40\nillum 2\n")
    write_atomic(library, "".join(paints).encode())
    write_atomic(path, "".join(lines).encode())


def _write_ply(path: Path, objects: Mapping[str, Mesh], colours: Mapping[str, Colour], recipe: str) -> None:
    """Binary little-endian PLY of the only object."""
    (mesh,) = objects.values()
    header = (
        f"ply\nformat binary_little_endian 1.0\ncomment {GENERATOR}\ncomment recipe {recipe}\n"
        f"element vertex {len(mesh.vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(mesh.faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    faces = np.zeros(len(mesh.faces), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.faces
    write_atomic(path, header.encode() + mesh.vertices.astype("<f4").tobytes() + faces.tobytes())


def _write_stl(path: Path, objects: Mapping[str, Mesh], colours: Mapping[str, Colour], recipe: str) -> None:
    """Binary STL of the only object."""
    (mesh,) = objects.values()
    a, b, c = mesh.triangles.swapaxes(0, 1)
    normal = np.cross(b - a, c - a)
    faces = np.zeros(len(mesh.faces), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    faces["normal"] = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    faces["corners"] = mesh.triangles
    count = np.array([len(faces)], "<u4").tobytes()
    write_atomic(path, GENERATOR.encode().ljust(80) + count + faces.tobytes())


Writer = Callable[[Path, Mapping[str, Mesh], Mapping[str, Colour], str], None]
WRITERS: dict[str, Writer] = {".glb": _write_glb, ".obj": _write_obj, ".ply": _write_ply, ".stl": _write_stl}


def vertex_normals(mesh: Mesh) -> NDArray[np.float64]:
    """(V, 3) unit normals, faces weighted by area."""
    a, b, c = mesh.triangles.swapaxes(0, 1)
    normal = np.cross(b - a, c - a)
    total = np.stack(
        [np.bincount(mesh.faces.ravel(), normal[:, axis].repeat(3), len(mesh.vertices)) for axis in range(3)], 1
    )
    size = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(size > 0, total / np.maximum(size, 1e-300), [0.0, 1.0, 0.0])


def encoded(linear: float) -> float:
    """Linear intensity 0..1 to sRGB (IEC 61966-2-1), which programs expect in an .mtl."""
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
