"""A rectangle in space with a picture on it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkFiltersSources import vtkPlaneSource
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer, vtkTexture

Place = Sequence[float] | NDArray[np.float64]  # (3,)


class PicturedPlane:
    """Drawn with what can be seen through; it cannot be clicked. ``actor`` is what VTK holds of it."""

    def __init__(self, renderer: vtkRenderer) -> None:
        self._source = vtkPlaneSource()
        mapper = vtkPolyDataMapper()
        mapper.SetInputConnection(self._source.GetOutputPort())
        self._texture = vtkTexture()
        self._texture.InterpolateOn()
        self._picture: NDArray[np.uint8] | None = None  # VTK reads it where it lies
        self.actor = vtkActor()
        self.actor.SetMapper(mapper)
        self.actor.SetTexture(self._texture)
        self.actor.PickableOff()
        self.actor.ForceTranslucentOn()
        renderer.AddActor(self.actor)

    def place(self, corner: Place, along: Place, up: Place) -> None:
        """Lay it between a corner of the picture and the ends of its first row and of its first column."""
        self._source.SetOrigin(*corner)
        self._source.SetPoint1(*along)
        self._source.SetPoint2(*up)

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Put (H, W, C) numbers on it, C = 1 for grey, 4 for sRGB and cover; rows go from the corner upwards."""
        height, width, channels = picture.shape
        self._picture = np.ascontiguousarray(picture)
        image = vtkImageData()
        image.SetDimensions(width, height, 1)
        image.GetPointData().SetScalars(numpy_to_vtk(self._picture.reshape(-1, channels)))
        self._texture.SetInputData(image)
        self._texture.SetColorModeToDirectScalars()
