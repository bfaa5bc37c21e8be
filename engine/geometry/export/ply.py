"""Binary little-endian PLY of one mesh."""

import numpy as np

from engine.geometry.export.scene import GENERATOR, Scene, split, to_srgb


def encode(scene: Scene, stem: str) -> dict[str, bytes]:
    """The only piece; normals as nx ny nz, UVs as s t and colours as sRGB bytes of vertices, which are doubled at seams."""
    mesh = split(scene.only)
    columns, names = [mesh.points], ["x", "y", "z"]
    if mesh.normals is not None:
        columns, names = [*columns, mesh.normals], [*names, "nx", "ny", "nz"]
    if mesh.uvs is not None:
        columns, names = [*columns, mesh.uvs], [*names, "s", "t"]
    rows = np.zeros(
        len(mesh.points), [("numbers", "<f4", len(names)), ("colour", "u1", 0 if mesh.shades is None else 3)]
    )
    rows["numbers"] = np.hstack(columns)
    properties = "".join(f"property float {name}\n" for name in names)
    if mesh.shades is not None:
        rows["colour"] = np.rint(255 * to_srgb(mesh.shades))
        properties += "property uchar red\nproperty uchar green\nproperty uchar blue\n"
    header = (
        f"ply\nformat binary_little_endian 1.0\ncomment {GENERATOR}\ncomment recipe {scene.recipe}\n"
        f"element vertex {len(mesh.points)}\n{properties}"
        f"element face {len(mesh.faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    faces = np.zeros(len(mesh.faces), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.faces
    return {".ply": header.encode() + rows.tobytes() + faces.tobytes()}
