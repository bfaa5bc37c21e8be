"""One shape in VTK: a renderer with an actor per part, a ground and a section. Only the thread that draws comes here."""

from vtkmodules.vtkCommonDataModel import vtkPlane
from vtkmodules.vtkRenderingCore import vtkCellPicker, vtkLight, vtkRenderer
from vtkmodules.vtkRenderingOpenGL2 import vtkOpenGLFXAAPass, vtkRenderStepsPass, vtkSSAOPass

from studio.views.view3d_camera import ANGLE
from studio.views.view3d_cut import CutPicture
from studio.views.view3d_floor import Ground
from studio.views.view3d_frame import Frame, Pane
from studio.views.view3d_surface import PartActor, Surfaces

OCCLUSION = 0.10  # canonical units, radius within which corners darken each other


class PaneActors:
    """What VTK holds of a shape; `show` brings it to what a frame says and touches only what differs."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces
        self.renderer = vtkRenderer()
        self.renderer.AutomaticLightCreationOff()
        lamp = vtkLight()  # the shaders have the lights; VTK gives them normals only where there is one
        lamp.SetLightTypeToHeadlight()
        self.renderer.AddLight(lamp)
        self.renderer.GradientBackgroundOn()
        self.parts: dict[str, PartActor] = {}
        self._ground = Ground(self.renderer)
        self._cut = CutPicture(self.renderer)
        self._plane = vtkPlane()
        self._picker: vtkCellPicker | None = None
        self._fine = _fine_pass()

    def show(self, pane: Pane, frame: Frame, coarse: bool, ratio: float) -> None:
        """Make the renderer ready for a frame; ``ratio`` pixels of the picture are one of the design."""
        self._picker = None
        self.renderer.SetBackground(*frame.colours.bottom)
        self.renderer.SetBackground2(*frame.colours.top)
        self._aim(pane)
        for name in set(self.parts) - set(pane.parts):
            self.parts.pop(name).remove()
        if frame.plane is not None:
            normal = frame.plane.normal
            length = sum(value * value for value in normal) ** 0.5
            unit = [value / length for value in normal]
            self._plane.SetOrigin(*(value * frame.plane.offset for value in unit))
            self._plane.SetNormal(*(-value for value in unit))  # VTK keeps the side that the normal points to
        for name, placed in pane.parts.items():
            actor = self.parts.get(name) or self.parts.setdefault(name, PartActor(self.renderer))
            actor.show(placed, self._surfaces, coarse)
            actor.wear(frame.style, frame.part_colours, frame.colours)
            actor.outline(frame.colours, frame.size, ratio, self._surfaces)
            actor.cut(self._plane if frame.plane is not None else None)
        shadow = frame.shadow and frame.style in ("shaded", "clay")
        self._ground.show(pane, frame.grid, shadow, frame.colours, stale=pane.forming and not frame.fine)
        self._cut.show(pane.cut, {name: placed.mesh.colour for name, placed in pane.parts.items()})
        self.renderer.SetUseOIT(frame.style == "x-ray")  # ground and section are in order, and need no costly sorting
        fine = frame.fine and frame.style in ("shaded", "clay")
        self.renderer.SetPass(self._fine if fine else None)  # type: ignore[arg-type]

    def under(self, x: float, y: float) -> str | None:
        """Name of the part at pixel (x, y) of the last picture, counted from its lower left corner."""
        if self._picker is None:
            self._picker = vtkCellPicker()
            self._picker.SetTolerance(0)
            self._picker.PickFromListOn()
            for part in self.parts.values():
                if part.actor.GetVisibility() and part.mesh is not None:
                    self._picker.AddPickList(part.actor)
                    self._picker.AddLocator(self._surfaces.places(part.mesh))
        self._picker.Pick(x, y, 0, self.renderer)
        actor = self._picker.GetActor()
        return next((name for name, part in self.parts.items() if part.actor is actor), None)

    def _aim(self, pane: Pane) -> None:
        camera, seen = self.renderer.GetActiveCamera(), pane.camera
        camera.SetPosition(*seen.eye)
        camera.SetFocalPoint(*seen.target)
        camera.SetViewUp(*seen.axes[1])
        camera.SetViewAngle(ANGLE)
        camera.SetParallelProjection(seen.flat)
        camera.SetParallelScale(seen.half)
        camera.SetClippingRange(max(seen.distance - 3.0, seen.distance * 0.02), seen.distance + 3.0)


def _fine_pass() -> vtkOpenGLFXAAPass:
    """Corners and gaps softly darkened, edges smoothed."""
    occlusion = vtkSSAOPass()
    occlusion.SetDelegatePass(vtkRenderStepsPass())
    occlusion.SetRadius(OCCLUSION)
    occlusion.SetBias(0.008)  # hides the steps of coarse meshes
    occlusion.SetKernelSize(16)
    occlusion.BlurOn()
    smooth = vtkOpenGLFXAAPass()
    smooth.SetDelegatePass(occlusion)
    return smooth
