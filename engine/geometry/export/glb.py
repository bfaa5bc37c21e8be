"""glTF 2.0 binary (GLB): a named node, mesh and material per piece; the recipe rides along (more: see carried.py)."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.geometry.export.carried import packed
from engine.geometry.export.scene import GENERATOR, Piece, Scene, split

FLOAT, UINT32 = 5126, 5125  # glTF 2.0, 3.6.2.2: accessor component types
VERTICES, ELEMENTS = 34962, 34963  # glTF 2.0, 5.11.5: buffer view targets
LOOK = {"metallicFactor": 0.0, "roughnessFactor": 0.6}


def encode(scene: Scene, stem: str) -> dict[str, bytes]:
    """Each node stands at the centre of its piece's box, which is its pivot; the recipe is in the scene's extras."""
    buffer = Buffer()
    nodes, meshes = [], []
    for number, (name, piece) in enumerate(scene.pieces.items()):
        pivot = piece.mesh.bounds.mean(0)
        meshes.append({"name": name, "primitives": [primitive(buffer, piece, pivot, number)]})
        nodes.append({"name": name, "mesh": number, "translation": pivot.tolist()})
    extras: dict[str, Any] = {"recipe": msgspec.Raw(scene.recipe.encode())}
    tree = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(nodes))), "extras": extras}],
        "nodes": nodes,
        "meshes": meshes,
        "materials": [
            {"name": name, "pbrMetallicRoughness": {"baseColorFactor": [*piece.colour, 1.0], **LOOK}}
            for name, piece in scene.pieces.items()
        ],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    return {".glb": packed(tree, bytes(buffer.data))}


class Buffer:
    """The binary chunk as it grows. All numbers have four bytes, so everything is aligned."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, array: NDArray, **more: int) -> int:
        """Number of a new buffer view of the array's bytes."""
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": array.nbytes, **more})
        self.data.extend(array.tobytes())
        return len(self.views) - 1

    def table(self, array: NDArray, kind: str, **bounds: list[float]) -> int:
        """Number of a new accessor of float32 vectors."""
        return self._accessor(self.view(array.astype("<f4"), target=VERTICES), FLOAT, len(array), kind, bounds)

    def corners(self, faces: NDArray) -> int:
        """Number of a new accessor of triangle corners."""
        view = self.view(faces.astype("<u4").ravel(), target=ELEMENTS)
        return self._accessor(view, UINT32, faces.size, "SCALAR", {})

    def _accessor(self, view: int, component: int, count: int, kind: str, bounds: dict[str, list[float]]) -> int:
        self.accessors.append({"bufferView": view, "componentType": component, "count": count, "type": kind, **bounds})
        return len(self.accessors) - 1


def primitive(buffer: Buffer, piece: Piece, pivot: NDArray[np.float64], material: int) -> dict[str, Any]:
    """A piece as a glTF primitive around its ``pivot`` (3,); its arrays go into ``buffer``."""
    mesh = split(piece)
    points = (mesh.points - pivot).astype("<f4")
    at = buffer.table(points, "VEC3", min=points.min(0).tolist(), max=points.max(0).tolist())
    attributes = {"POSITION": at}
    if mesh.normals is not None:
        attributes["NORMAL"] = buffer.table(mesh.normals, "VEC3")
    if mesh.uvs is not None:
        attributes["TEXCOORD_0"] = buffer.table(mesh.uvs * [1, -1] + [0, 1], "VEC2")  # glTF counts from the upper left
    if mesh.shades is not None:
        attributes["COLOR_0"] = buffer.table(mesh.shades, "VEC3")  # linear light
    return {"attributes": attributes, "indices": buffer.corners(mesh.faces), "material": material}
