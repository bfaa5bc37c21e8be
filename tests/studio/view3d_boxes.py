"""Plain shapes for tests of the 3D view: boxes, whose place in a picture is known."""

import numpy as np
from numpy.typing import NDArray

from studio.models.scene import Colour, PartMesh, Shape

CORNERS = np.stack(np.meshgrid([-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0], indexing="ij"), -1).reshape(-1, 3)
FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]], np.int32,
)  # fmt: skip
RED, BLUE = (0.7, 0.05, 0.05), (0.05, 0.1, 0.7)


def box(name: str, centre: tuple[float, float, float], half: float = 0.15, colour: Colour = RED) -> PartMesh:
    """A cube with sides of 2 * half."""
    return PartMesh(name, (CORNERS * half + centre).astype(np.float32), FACES, colour)


def pair(key: str, half: float = 0.15) -> Shape:
    """A red cube on the left and a blue one on the right, as seen from the front."""
    return Shape(key, f"shape {key}", (box("left", (-0.25, 0, 0), half), box("right", (0.25, 0, 0), half, BLUE)))


def ball(name: str, faces: int, colour: Colour = RED) -> PartMesh:
    """A ball of about that many faces."""
    rings = max(4, round((faces / 4) ** 0.5))
    theta, phi = np.meshgrid(np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, 2 * rings + 1), indexing="ij")
    vertices = 0.4 * np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], -1)
    first = (np.arange(rings)[:, None] * (2 * rings + 1) + np.arange(2 * rings)[None]).ravel()
    below = first + 2 * rings + 1
    triangles: NDArray[np.int64] = np.concatenate(
        [np.stack([first, below, below + 1], 1), np.stack([first, below + 1, first + 1], 1)]
    )
    return PartMesh(name, vertices.reshape(-1, 3).astype(np.float32), triangles.astype(np.int32), colour)
