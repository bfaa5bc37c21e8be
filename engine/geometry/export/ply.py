"""Binary little-endian PLY of one mesh."""

import numpy as np

from engine.geometry.export.scene import GENERATOR, Scene, split


def encode(scene: Scene, stem: str) -> dict[str, bytes]:
    """The only piece; normals as nx ny nz and UVs as s t of vertices, which are doubled at seams."""
    mesh = split(scene.only)
    columns, names = [mesh.points], ["x", "y", "z"]
    if mesh.normals is not None:
        columns, names = [*columns, mesh.normals], [*names, "nx", "ny", "nz"]
    if mesh.uvs is not None:
        columns, names = [*columns, mesh.uvs], [*names, "s", "t"]
    properties = "".join(f"property float {name}\n" for name in names)
    header = (
        f"ply\nformat binary_little_endian 1.0\ncomment {GENERATOR}\ncomment recipe {scene.recipe}\n"
        f"element vertex {len(mesh.points)}\n{properties}"
        f"element face {len(mesh.faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    faces = np.zeros(len(mesh.faces), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.faces
    return {".ply": header.encode() + np.hstack(columns).astype("<f4").tobytes() + faces.tobytes()}
