"""Wavefront OBJ with a material library beside it. Colours of vertices stand behind their coordinates, as most programs
read them."""

from collections.abc import Iterable

import numpy as np

from engine.geometry.export.scene import GENERATOR, Piece, Scene, encoded, to_srgb


def encode(scene: Scene, stem: str) -> dict[str, bytes]:
    """Text with one ``o`` and ``g`` per piece; materials go to a file of the same name with suffix .mtl.

    Vertices stay shared: normals and UVs have indices of their own.
    """
    lines = [f"# {GENERATOR}\n# recipe {scene.recipe}\nmtllib {stem}.mtl\n"]
    paints = [f"# {GENERATOR}\n"]
    start = (1, 1, 1)  # number of the next vertex, UV and normal
    for number, (name, piece) in enumerate(scene.pieces.items()):
        lines.append(f"o {name}\ng {name}\nusemtl part{number}\n")
        lines.extend(_lines(piece, start))
        counts = len(piece.mesh.vertices), *(len(extra.values) if extra else 0 for extra in (piece.uvs, piece.normals))
        start = start[0] + counts[0], start[1] + counts[1], start[2] + counts[2]
        r, g, b = (encoded(value) for value in piece.colour)
        paints.append(f"newmtl part{number}\n# {name}\nKd {r:.4f} {g:.4f} {b:.4f}\nNs 40\nillum 2\n")
    return {".mtl": "".join(paints).encode(), ".obj": "".join(lines).encode()}


def _lines(piece: Piece, start: tuple[int, int, int]) -> Iterable[str]:
    mesh, uvs, normals = piece.mesh, piece.uvs, piece.normals
    if piece.shades is None:
        yield from map("v %.8f %.8f %.8f\n".__mod__, map(tuple, mesh.vertices.tolist()))
    else:
        rows = np.hstack([mesh.vertices, to_srgb(piece.shades)]).tolist()
        yield from map("v %.8f %.8f %.8f %.4f %.4f %.4f\n".__mod__, map(tuple, rows))
    columns, corner = [mesh.faces + start[0]], "%d"
    if uvs:
        yield from map("vt %.6f %.6f\n".__mod__, map(tuple, uvs.values.tolist()))
        columns, corner = [*columns, uvs.index + start[1]], "%d/%d"
    if normals:
        yield from map("vn %.6f %.6f %.6f\n".__mod__, map(tuple, normals.values.tolist()))
        yield "s off\n" if len(normals.values) == len(mesh.faces) else "s 1\n"
        columns, corner = [*columns, normals.index + start[2]], f"{corner}/%d" if uvs else "%d//%d"
    places = zip(*(column[:, k].tolist() for k in range(3) for column in columns), strict=True)
    yield from map(f"f {corner} {corner} {corner}\n".__mod__, places)
