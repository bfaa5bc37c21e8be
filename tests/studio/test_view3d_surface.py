"""Surfaces as the 3D view has them: what stands in for one while things move looks like it."""

import numpy as np
import pytest
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401, what renderers are made of
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkRenderingCore import vtkRenderer

from studio.models.scene import PartMesh
from studio.palette import DARK
from studio.views.view3d_frame import Placed, colours_of
from studio.views.view3d_surface import PartActor, Surfaces

SIDE = 100  # vertices


def sheet() -> PartMesh:
    """Red to the left, blue to the right."""
    across, up = np.meshgrid(np.linspace(-0.5, 0.5, SIDE), np.linspace(-0.5, 0.5, SIDE))
    vertices = np.stack([across, up, 0 * up], -1).reshape(-1, 3).astype(np.float32)
    corner = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    a, b, c, d = (rows.ravel() for rows in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    colours = np.where(vertices[:, :1] < 0, (1, 0, 0), (0, 0, 1)).astype(np.float32)
    return PartMesh("shape", vertices, faces, colours=colours)


def test_the_stand_in_of_a_coloured_surface_has_its_colours() -> None:
    mesh = sheet()
    fewer = Surfaces().coarse(mesh)
    assert 100 < fewer.GetNumberOfCells() < len(mesh.faces) / 2
    points, colours = (
        vtk_to_numpy(found) for found in (fewer.GetPoints().GetData(), fewer.GetPointData().GetScalars())
    )
    assert np.array_equal(colours, np.where(points[:, :1] < 0, (255, 0, 0), (0, 0, 255)))


@pytest.mark.parametrize("coarse", [False, True])
def test_colours_can_be_left_out(coarse: bool) -> None:
    """Of the surface and of its stand-in alike."""
    actor, mesh = PartActor(vtkRenderer()), sheet()
    for shown in (True, False):
        actor.show(Placed(mesh, np.eye(4), True), Surfaces(), coarse)
        actor.wear("shaded", shown, colours_of(DARK))
        assert bool(actor.actor.GetMapper().GetScalarVisibility()) == shown
