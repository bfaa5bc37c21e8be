"""Binary STL of one mesh."""

import numpy as np

from engine.geometry.export.scene import GENERATOR, Scene


def encode(scene: Scene, stem: str) -> dict[str, bytes]:
    """The only piece, with the normal of each face."""
    mesh = scene.only.mesh
    a, b, c = mesh.triangles.swapaxes(0, 1)
    normal = np.cross(b - a, c - a)
    faces = np.zeros(len(mesh.faces), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    faces["normal"] = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    faces["corners"] = mesh.triangles
    count = np.array([len(faces)], "<u4").tobytes()
    return {".stl": GENERATOR.encode().ljust(80) + count + faces.tobytes()}
