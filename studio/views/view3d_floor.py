"""The ground under a shape: a grid, and the soft shadow of what stands on it."""

import numpy as np
from numpy.typing import NDArray
from vtkmodules.vtkRenderingCore import vtkRenderer

from studio.views.view3d_frame import Colours, Pane
from studio.views.view3d_plane import PicturedPlane
from studio.views.view3d_shaders import GROUND, TEXTURE

EXTENT = 3.2  # canonical units, side of the ground
CELLS = 96  # of the shadow's picture, along a side
SAMPLES = 6000  # points on the surfaces
DARKEST = 0.5
REACH = 0.35  # height above the ground at which a surface throws no shadow any more


class Ground:
    """The ground of one pane."""

    def __init__(self, renderer: vtkRenderer) -> None:
        self._plane = PicturedPlane(renderer)
        shaders = self._plane.actor.GetShaderProperty()
        shaders.AddFragmentShaderReplacement(TEXTURE, True, GROUND, False)
        self._uniforms = shaders.GetFragmentCustomUniforms()
        self._uniforms.SetUniformf("extent", EXTENT)
        self._plane.show(np.zeros((CELLS, CELLS, 1), np.uint8))  # the shader reads one, also while none is thrown
        self._shown: tuple[object, ...] | None = None

    def show(self, pane: Pane, grid: bool, shadow: bool, colours: Colours, stale: bool = False) -> None:
        """Lay it under a pane's parts; the shadow is made anew where a part has changed or moved, unless an
        older one will do (``stale``)."""
        self._plane.actor.SetVisibility(grid or shadow)
        if not (grid or shadow):
            return
        half, y = EXTENT / 2, pane.floor
        self._plane.place((-half, y, half), (half, y, half), (-half, y, -half))
        self._uniforms.SetUniformf("gridShown", float(grid))
        self._uniforms.SetUniformf("shadowShown", float(shadow))
        self._uniforms.SetUniform3f("lineColour", colours.ink)
        standing = [(placed.mesh, placed.matrix) for placed in pane.parts.values() if placed.visible]
        state = tuple((id(mesh), matrix.tobytes()) for mesh, matrix in standing)
        if shadow and state != self._shown and not stale:
            self._shown = state
            meshes = [(mesh.vertices, mesh.faces, matrix) for mesh, matrix in standing if len(mesh.faces)]
            self._plane.show((255 * contact_shadow(meshes, y)).astype(np.uint8)[..., None])


def contact_shadow(
    meshes: list[tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float64]]], floor: float
) -> NDArray[np.float32]:
    """(CELLS, CELLS) darkness 0..DARKEST of the ground; rows from +Z to -Z, columns from -X to +X.

    meshes : (vertices, faces, matrix) each. What is near the ground darkens it most and most sharply: points on the
    surfaces are counted in layers by height, each spread out as far as it is high.
    """
    if not meshes:
        return np.zeros((CELLS, CELLS), np.float32)
    points = np.concatenate([_scattered(*mesh, SAMPLES // len(meshes)) for mesh in meshes])
    high = np.clip((points[:, 1] - floor) / REACH, 0, 1)
    column = ((points[:, 0] / EXTENT + 0.5) * CELLS).astype(int)
    row = ((0.5 - points[:, 2] / EXTENT) * CELLS).astype(int)
    inside = (column >= 0) & (column < CELLS) & (row >= 0) & (row < CELLS)
    clear = np.ones((CELLS, CELLS), np.float32)
    edges = np.array([0.0, 0.12, 0.35, 1.0])
    for low, top, radius, weight in zip(edges[:-1], edges[1:], (1, 2, 4), (0.55, 0.42, 0.34), strict=True):
        chosen = inside & (high >= low) & (high < top)
        counts = np.bincount(row[chosen] * CELLS + column[chosen], minlength=CELLS * CELLS).reshape(CELLS, CELLS)
        covered = np.minimum(counts.astype(np.float32), 1.0)
        clear *= 1 - weight * _blurred(covered, radius)
    return np.minimum(1 - clear, DARKEST)


def _scattered(
    vertices: NDArray[np.float32], faces: NDArray[np.int32], matrix: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """(P, 3) points spread over a surface, about ``count``, always the same ones."""
    if len(faces) > count:  # a dense mesh: its faces are as good as points
        middles = vertices[faces[:: len(faces) // count]].mean(1)
        return np.asarray(middles @ matrix[:3, :3].T + matrix[:3, 3])
    a, b, c = (vertices[faces[:, corner]].astype(np.float64) for corner in range(3))
    area = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
    if not area[-1] > 0:
        return np.zeros((0, 3))
    rng = np.random.default_rng(0)
    face = np.minimum(np.searchsorted(area, rng.random(count) * area[-1]), len(faces) - 1)
    u, v = rng.random((2, count, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    points = a[face] + u * (b - a)[face] + v * (c - a)[face]
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def _blurred(image: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Mean over squares three times over, which is nearly a Gaussian."""
    width = 2 * radius + 1
    for _ in range(3):
        for axis in (0, 1):
            padded = np.pad(image, [(radius + 1, radius) if i == axis else (0, 0) for i in (0, 1)])
            sums, size = np.cumsum(padded, axis=axis), image.shape[axis]
            image = (sums.take(range(width, width + size), axis) - sums.take(range(size), axis)) / np.float32(width)
    return image
