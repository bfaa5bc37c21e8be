"""Studio pictures of meshes by offscreen VTK; no display is needed. VTK wants the main thread of its process."""

from collections.abc import Sequence
from ctypes import CDLL
from sys import platform

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkFloatArray, vtkPoints, vtkUnsignedCharArray
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkPolyDataNormals
from vtkmodules.vtkRenderingCore import vtkActor, vtkLight, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow
from vtkmodules.vtkRenderingOpenGL2 import vtkEGLRenderWindow, vtkRenderStepsPass, vtkSSAOPass

from engine.errors import InputError, StudioError
from engine.geometry.mesh import Mesh
from engine.pictures.camera import ANGLE, DISTANCE, View, axes
from engine.pictures.floor import REACH, backdrop, shadow, sky_shade

Colour = tuple[float, float, float]

SPLIT = 40.0  # degrees; an edge sharper than this is shown sharp
LARGEST = 2048  # pixels
MAP = 160  # pixels of the views from below and above, from which the shadow on the floor is made
DEEP = 1.2  # cube units between the planes of these views

NO_OPENGL = "pictures need OpenGL without a display; on Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri"

# Direction towards a light (right, up, towards the viewer, turned with the azimuth only), power, linear colour.
LIGHTS = (
    ((-0.55, 0.75, 0.60), 2.4, (1.00, 0.97, 0.93)),  # key: warm, from the left and above
    ((0.90, 0.25, 0.55), 0.7, (0.92, 0.96, 1.00)),  # fill: cool, from the right
    ((0.35, 0.60, -0.95), 1.5, (1.00, 1.00, 1.00)),  # rim: from behind, draws the upper edges
    ((0.00, 1.00, 0.00), 0.9, (0.97, 0.98, 1.00)),  # sky
    ((-0.10, -0.10, 1.00), 0.55, (1.00, 1.00, 1.00)),  # from the viewer, so that nothing is black
    ((0.00, -1.00, 0.10), 0.6, (1.00, 0.98, 0.96)),  # what the floor throws back
)


def render(parts: Sequence[tuple[Mesh, Colour]], size: int = 512, view: View | None = None) -> NDArray[np.uint8]:
    """One picture, as `Studio.picture`. For several, hold one Studio open: opening it costs more than a picture."""
    with Studio() as studio:
        return studio.picture(parts, size, view)


class Studio:
    """A window without a display that takes pictures; close it, or use it in a ``with`` statement.

    Pictures do not depend on what was taken before. StudioError when the system has no OpenGL.
    """

    def __init__(self) -> None:
        self.window = window_without_display()

    def __enter__(self) -> "Studio":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the graphics memory back."""
        self.window.Finalize()

    def picture(
        self, parts: Sequence[tuple[Mesh, Colour]], size: int = 512, view: View | None = None
    ) -> NDArray[np.uint8]:
        """(size, size, 3) sRGB picture of meshes in canonical space, each with a linear RGB colour 0..1.

        The framing depends on ``view`` alone, so pictures can be laid side by side. Equal input gives equal bytes on
        one machine. InputError when there is nothing to see, or when a number is out of bounds.
        """
        view = view or View()
        shown = visible(parts)
        if not 16 <= size <= LARGEST:
            raise InputError(f"a picture is 16 to {LARGEST} pixels wide, not {size}")
        finer = 3 if size <= 512 else 2  # each pixel is the mean of this many by this many
        behind = backdrop(size, view)
        renderer = vtkRenderer()
        renderer.AutomaticLightCreationOff()
        for mesh, colour in shown:
            renderer.AddActor(actor(mesh, colour))
        self.window.AddRenderer(renderer)
        try:
            if view.shadow and view.elevation > 0:
                lowest = min(float(mesh.bounds[0, 1]) for mesh, _ in shown)
                floor = lowest if view.floor is None else view.floor
                behind *= shadow(size, view, sky_shade(*heights(self.window, renderer, floor)), floor)
            light(renderer, view)
            aim(renderer, view)
            occlude(renderer)
            pixels, depth = shoot(self.window, size * finer)
        finally:
            self.window.RemoveRenderer(renderer)
            renderer.ReleaseGraphicsResources(self.window)
        solid = (depth < 1)[..., None]  # (size * finer, size * finer, 1)
        picture = shrink(pixels * solid, finer) + (1 - shrink(solid, finer)) * behind
        return (np.clip(picture, 0, 255) + 0.5).astype(np.uint8)


def window_without_display() -> vtkRenderWindow:
    """A started offscreen window; StudioError where that needs system libraries that are absent (VTK would crash)."""
    if platform == "linux":
        try:
            CDLL("libEGL.so.1")
        except OSError as error:
            raise StudioError(NO_OPENGL) from error
        window: vtkRenderWindow = (
            vtkEGLRenderWindow()
        )  # VTK's own choice tries an X server first and complains when there is none
    else:
        window = vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)  # pixels are averaged here instead, which smooths the occlusion's grain too
    window.Initialize()
    if not window.GetInitialized():
        raise StudioError(NO_OPENGL)
    return window


def visible(parts: Sequence[tuple[Mesh, Colour]]) -> list[tuple[Mesh, Colour]]:
    """The parts that have faces; InputError when there are none or their numbers cannot be shown."""
    shown = [(mesh, colour) for mesh, colour in parts if len(mesh.faces)]
    if not shown:
        raise InputError("there is no surface to make a picture of")
    if not all(0 <= value <= 1 for _, colour in shown for value in colour):
        raise InputError("the colours of a picture are linear RGB from 0 to 1")
    if not all(np.isfinite(mesh.vertices).all() for mesh, _ in shown):
        raise InputError("a mesh with vertices that are not finite cannot be shown")
    return shown


def actor(mesh: Mesh, colour: Colour) -> vtkActor:
    """The mesh as something matt that VTK draws in linear light, smooth but for its sharp edges."""
    points = vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(mesh.vertices, np.float32), deep=True))
    offsets = np.arange(0, 3 * len(mesh.faces) + 1, 3, dtype=np.int32)
    cells = vtkCellArray()
    cells.SetData(*(numpy_to_vtk(a.astype(np.int32).ravel(), deep=True) for a in (offsets, mesh.faces)))
    surface = vtkPolyData()
    surface.SetPoints(points)
    surface.SetPolys(cells)
    normals = vtkPolyDataNormals()
    normals.SetInputData(surface)
    normals.SetFeatureAngle(SPLIT)
    normals.ConsistencyOff()  # the mesh's own winding stands
    mapper = vtkPolyDataMapper()
    mapper.SetInputConnection(normals.GetOutputPort())
    result = vtkActor()
    result.SetMapper(mapper)
    look = result.GetProperty()
    look.SetInterpolationToPBR()
    look.SetColor(*colour)
    look.SetRoughness(0.5)
    return result


def light(renderer: vtkRenderer, view: View) -> None:
    """Put the studio's lights up, turned with the camera about the vertical."""
    turned = axes(View(azimuth=view.azimuth, elevation=0))
    for direction, power, colour in LIGHTS:
        lamp = vtkLight()
        lamp.SetLightTypeToSceneLight()
        lamp.SetPosition(*(np.array(direction) @ turned))
        lamp.SetFocalPoint(0, 0, 0)
        lamp.SetIntensity(power)
        lamp.SetColor(*colour)
        renderer.AddLight(lamp)


def aim(renderer: vtkRenderer, view: View) -> None:
    """Put the camera where ``view`` says."""
    camera = renderer.GetActiveCamera()
    camera.ParallelProjectionOff()
    _, up, back = axes(view)
    camera.SetPosition(*(DISTANCE * back))
    camera.SetFocalPoint(0, 0, 0)
    camera.SetViewUp(*up)
    camera.SetViewAngle(np.degrees(2 * np.arctan(np.tan(np.radians(ANGLE / 2)) / view.zoom)))
    camera.SetClippingRange(DISTANCE - 1, DISTANCE + 1)  # fixed, so that occlusion does not depend on the shape


def occlude(renderer: vtkRenderer) -> None:
    """Darken corners and gaps by screen-space ambient occlusion."""
    occlusion = vtkSSAOPass()
    occlusion.SetDelegatePass(vtkRenderStepsPass())
    occlusion.SetRadius(0.12)  # cube units
    occlusion.SetBias(0.004)  # cube units; hides the steps of coarse meshes
    occlusion.SetKernelSize(16)
    occlusion.BlurOn()
    renderer.SetPass(occlusion)


def heights(window: vtkRenderWindow, renderer: vtkRenderer, floor: float) -> list[NDArray[np.float32]]:
    """Two (MAP, MAP) maps, laid out as `sky_shade` wants them: height of the shape's underside and top over ``floor``."""
    camera = renderer.GetActiveCamera()
    camera.ParallelProjectionOn()
    camera.SetParallelScale(REACH)
    camera.SetFocalPoint(0, floor + DEEP / 2, 0)
    camera.SetViewUp(0, 0, 1)
    camera.SetClippingRange(1, 1 + DEEP)
    maps = []
    for side in (-1, 1):  # seen from straight below, then from straight above
        camera.SetPosition(0, floor + DEEP / 2 + side * (1 + DEEP / 2), 0)
        _, depth = shoot(window, MAP)
        distance = depth if side < 0 else 1 - depth[:, ::-1]  # +X is on the left when one looks down
        maps.append(np.where((depth < 1) if side < 0 else (depth[:, ::-1] < 1), distance * DEEP, np.float32(np.inf)))
    return maps


def shoot(window: vtkRenderWindow, size: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """(size, size, 3) colours 0..255 and (size, size) depth 0..1, where 1 is nothing; the first row is the top."""
    window.SetSize(size, size)
    window.Render()
    pixels, depth = vtkUnsignedCharArray(), vtkFloatArray()
    window.GetPixelData(0, 0, size - 1, size - 1, 0, pixels, 0)
    window.GetZbufferData(0, 0, size - 1, size - 1, depth)
    return (
        vtk_to_numpy(pixels).reshape(size, size, 3)[::-1].copy(),
        vtk_to_numpy(depth).reshape(size, size)[::-1].copy(),
    )


def shrink(image: NDArray[np.uint8 | np.bool_], finer: int) -> NDArray[np.float32]:
    """(H, W, C) means of blocks of ``finer`` by ``finer`` pixels."""
    height, width, channels = image.shape[0] // finer, image.shape[1] // finer, image.shape[2]
    columns = image.reshape(height, finer, -1).sum(1, dtype=np.uint16)  # (H, W * finer * C), whole rows added: quick
    blocks = columns.reshape(height, width, finer, channels).sum(2, dtype=np.uint16)
    return blocks.astype(np.float32) / finer**2
