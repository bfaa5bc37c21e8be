"""A film as glTF morph targets: the first frame's mesh, how far each later one is from it, and an animation of weights.

Blender reads the targets as shape keys and the animation as their curves; three.js and model viewers play it. Every
keyframe has one target at weight 1 (the first frame: none), and between two keyframes vertices go straight from one to
the other, which is what linear weights mean (glTF 2.0, 3.7.2.2 and 3.11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.geometry.export.carried import packed
from engine.geometry.export.glb import FLOAT, LOOK, Buffer, primitive
from engine.geometry.export.scene import GENERATOR, Colour, Piece
from engine.geometry.export.shaping import smooth_normals
from engine.geometry.mesh import Mesh


@dataclass(frozen=True)
class Moving:
    """One named object of a film.

    faces : (F, 3), the same in all frames; frames : (N, V, 3) vertices, every one of which is used; colour : linear RGB
    """

    faces: NDArray[np.int32]
    frames: NDArray[np.float64]
    colour: Colour


def encode(pieces: Mapping[str, Moving], keys: Sequence[tuple[float, int]], recipe: Mapping[str, Any]) -> bytes:
    """A GLB in canonical space, in metres: a node, mesh and material per piece, N - 1 targets each, one animation.

    keys : (seconds, frame) of each keyframe, times rising from 0; two or more frames. recipe : plain data, kept in extras
    """
    buffer = Buffer()
    nodes, meshes = [], []
    count = len(next(iter(pieces.values())).frames)
    for number, (name, piece) in enumerate(pieces.items()):
        pivot = Mesh(piece.frames[0], piece.faces).bounds.mean(0)
        meshes.append(_mesh(buffer, name, piece, pivot, number))
        nodes.append({"name": name, "mesh": number, "translation": pivot.tolist()})
    times = np.array([time for time, _ in keys], "<f4")
    weights = np.eye(count, dtype="<f4")[[frame for _, frame in keys], 1:]  # (K, N - 1)
    sampler = {
        "input": _series(buffer, times, bounds=True),
        "output": _series(buffer, weights),
        "interpolation": "LINEAR",
    }
    channels = [{"sampler": 0, "target": {"node": node, "path": "weights"}} for node in range(len(nodes))]
    tree = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(nodes))), "extras": {"recipe": dict(recipe)}}],
        "nodes": nodes,
        "meshes": meshes,
        "animations": [{"name": "film", "samplers": [sampler], "channels": channels}],
        "materials": [
            {"name": name, "pbrMetallicRoughness": {"baseColorFactor": [*piece.colour, 1.0], **LOOK}}
            for name, piece in pieces.items()
        ],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    return packed(tree, bytes(buffer.data))


def _mesh(buffer: Buffer, name: str, piece: Moving, pivot: NDArray[np.float64], number: int) -> dict[str, Any]:
    """First frame and targets of one piece. Normals move too, or light would stay as it fell on the first frame."""
    first = Mesh(piece.frames[0], piece.faces)
    normals = smooth_normals(first)
    found = primitive(buffer, Piece(first, piece.colour, normals), pivot, number)
    written = (first.vertices - pivot).astype("<f4").astype(np.float64)  # so that rounding does not add up
    targets = []
    for points in piece.frames[1:]:
        moves = (points - pivot - written).astype("<f4")
        turns = smooth_normals(Mesh(points, piece.faces)).values - normals.values.astype("<f4")
        at = buffer.table(moves, "VEC3", min=moves.min(0).tolist(), max=moves.max(0).tolist())
        targets.append({"POSITION": at, "NORMAL": buffer.table(turns, "VEC3")})
    names = [f"frame {frame:04d}" for frame in range(1, len(piece.frames))]
    return {
        "name": name,
        "primitives": [{**found, "targets": targets}],
        "weights": [0.0] * len(targets),
        "extras": {"targetNames": names},  # where Blender and three.js look for the names of shape keys
    }


def _series(buffer: Buffer, values: NDArray[np.float32], bounds: bool = False) -> int:
    """Number of a new accessor of numbers of an animation."""
    ends = {"min": [float(values.min())], "max": [float(values.max())]} if bounds else {}
    view = buffer.view(np.ascontiguousarray(values))
    buffer.accessors.append(
        {"bufferView": view, "componentType": FLOAT, "count": values.size, "type": "SCALAR", **ends}
    )
    return len(buffer.accessors) - 1
