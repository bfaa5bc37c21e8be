"""A part's surface as VTK draws it: points, smooth normals with sharp edges kept, a coarser stand-in, and its actors."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPlane, vtkPolyData, vtkStaticCellLocator
from vtkmodules.vtkCommonMath import vtkMatrix4x4
from vtkmodules.vtkFiltersCore import vtkBinnedDecimation, vtkPolyDataNormals, vtkReverseSense
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer

from studio.models.scene import Matrix, PartMesh, Style
from studio.views.view3d_frame import Colours, Placed
from studio.views.view3d_shaders import HULL_LIGHT, HULL_POSITION, LIGHT, POSITION, after_light, dress

SPLIT = 40.0  # degrees; an edge sharper than this is shown sharp
HEAVY = 200_000  # faces in the picture, above which stand-ins are shown while things move
CELLS = 48  # of a stand-in's grid along a part's longest side
KEPT = 256 * 2**20  # bytes of surfaces kept ready, for scrubbing to and fro
GREY = (0.42, 0.43, 0.45)  # linear, of parts without colours
EDGE_WIDTHS = {1: 1.6, 2: 2.6}  # pixels of an outline under the mouse, and of the selection


@dataclass(eq=False)
class Surface:
    """A mesh made ready. ``shell`` has one normal per vertex, for outlines; ``coarse`` stands in while things move;
    ``places`` finds its faces by where they are."""

    full: vtkPolyData
    shell: vtkPolyData | None = None
    coarse: vtkPolyData | None = None
    places: vtkStaticCellLocator | None = None


class Surfaces:
    """Surfaces made ready, by mesh; the longest unused go first when they take more than ``most`` bytes."""

    def __init__(self, most: int = KEPT) -> None:
        self.most = most
        self._kept: OrderedDict[int, tuple[PartMesh, Surface]] = OrderedDict()  # the mesh itself keeps its id taken
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, mesh: PartMesh) -> Surface:
        """The surface of a mesh, made now where it is not at hand."""
        key = id(mesh)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][1]
        surface = Surface(polydata(mesh) if mesh.normals is not None else smooth(polydata(mesh), SPLIT))
        self._kept[key] = mesh, surface
        self._bytes += _size(mesh)
        while self._bytes > self.most and len(self._kept) > 1:
            _, (old, _) = self._kept.popitem(last=False)
            self._bytes -= _size(old)
        return surface

    def shell(self, mesh: PartMesh) -> vtkPolyData:
        """The surface with one normal per vertex."""
        surface = self.of(mesh)
        if surface.shell is None:
            surface.shell = surface.full if mesh.normals is not None else smooth(polydata(mesh), None)
        return surface.shell

    def coarse(self, mesh: PartMesh) -> vtkPolyData:
        """A stand-in with far fewer faces (vertices merged per cell of a grid)."""
        surface = self.of(mesh)
        if surface.coarse is None:
            sides = np.ptp(mesh.bounds, axis=0)
            cells = np.maximum(2, np.ceil(CELLS * sides / max(float(sides.max()), 1e-9))).astype(int)
            fewer = vtkBinnedDecimation()
            fewer.SetInputData(polydata(mesh))
            fewer.SetNumberOfDivisions(*(int(cell) for cell in cells))
            if mesh.colours is not None:
                fewer.SetPointGenerationModeToUseInputPoints()  # new points would have none
            fewer.Update()
            surface.coarse = surface.full if mesh.points else smooth(fewer.GetOutput(), None)
        return surface.coarse

    def places(self, mesh: PartMesh) -> vtkStaticCellLocator:
        """What finds the faces of the surface under a pixel without looking at each."""
        surface = self.of(mesh)
        if surface.places is None:
            surface.places = vtkStaticCellLocator()
            surface.places.SetDataSet(surface.full)
            surface.places.BuildLocator()
        return surface.places

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._bytes = 0


class PartActor:
    """A part in a pane: its surface, and an outline while it is selected or under the mouse."""

    def __init__(self, renderer: vtkRenderer) -> None:
        self._renderer = renderer
        self._mapper = vtkPolyDataMapper()
        self._coarse_mapper: vtkPolyDataMapper | None = None
        self._hull: vtkActor | None = None
        self._hull_mapper = vtkPolyDataMapper()
        self._style: Style | None = None
        self._edge = 0
        self._mirrored = False
        self.mesh: PartMesh | None = None
        self.actor = vtkActor()
        self.actor.SetMapper(self._mapper)
        self._matrix = vtkMatrix4x4()
        self.actor.SetUserMatrix(self._matrix)
        renderer.AddActor(self.actor)

    def show(self, placed: Placed, surfaces: Surfaces, coarse: bool) -> None:
        """Bring mesh, place and visibility to what is wanted; what did not change is not touched."""
        mirrored = bool(np.linalg.det(placed.matrix[:3, :3]) < 0)
        if placed.mesh is not self.mesh or mirrored != self._mirrored:
            self.mesh, self._mirrored = placed.mesh, mirrored
            self._mapper.SetInputData(self._facing(surfaces.of(placed.mesh).full))
            self._coarse_mapper = None
            if self._hull is not None:
                self._hull_mapper.SetInputData(self._facing(surfaces.shell(placed.mesh)))
        self._edge = placed.edge
        visible = placed.visible and len(placed.mesh.faces) > 0
        self.actor.SetVisibility(visible)
        self.actor.SetMapper(self._stand_in(placed.mesh, surfaces) if coarse and visible else self._mapper)
        _fill(self._matrix, placed.matrix)

    def wear(self, style: Style, part_colours: bool, colours: Colours) -> None:
        """Style and colour."""
        look = self.actor.GetProperty()
        if style != self._style:
            self._style = style
            dress(self.actor.GetShaderProperty(), style)
            look.SetOpacity(0.99 if style == "x-ray" else 1.0)  # anything below 1 goes the way of translucent things
            look.SetEdgeVisibility(style == "wireframe")
            look.SetLineWidth(1.0)
        if self.mesh is not None:
            look.SetColor(*(self.mesh.colour if part_colours else GREY))
            self.actor.GetMapper().SetScalarVisibility(part_colours and style != "normals")
        if style == "x-ray":
            chosen = {0: (0.0, 0.0, 0.0, 0.0), 1: (*colours.hover, 0.5), 2: (*colours.accent, 1.0)}[self._edge]
            self.actor.GetShaderProperty().GetFragmentCustomUniforms().SetUniform4f("chosen", chosen)
        if style == "wireframe":
            middle = [(a + b) / 2 for a, b in zip(colours.top, colours.bottom, strict=True)]
            uniforms = self.actor.GetShaderProperty().GetFragmentCustomUniforms()
            uniforms.SetUniform3f("backColour", middle)
            uniforms.SetUniform3f("inkColour", colours.ink)
            uniforms.SetUniform3f("partColour", look.GetColor())

    def cut(self, plane: vtkPlane | None) -> None:
        """Take away what lies beyond the plane."""
        for mapper in (self._mapper, self._coarse_mapper, self._hull_mapper):
            if mapper is not None:
                mapper.RemoveAllClippingPlanes()
                if plane is not None:
                    mapper.AddClippingPlane(plane)

    def outline(self, colours: Colours, size: tuple[int, int], ratio: float, surfaces: Surfaces) -> None:
        """Draw a line around the part, ``ratio`` pixels of this picture for each of the design."""
        drawn = self._edge > 0 and self._style != "x-ray" and bool(self.actor.GetVisibility())
        if self._hull is not None:
            self._hull.SetVisibility(drawn)
        if not drawn or self.mesh is None:
            return
        if self._hull is None:
            self._hull = _hull(self._hull_mapper)
            self._hull_mapper.SetInputData(self._facing(surfaces.shell(self.mesh)))
            self._hull.SetUserMatrix(self._matrix)
            self._renderer.AddActor(self._hull)
        shader = self._hull.GetShaderProperty()
        shader.GetVertexCustomUniforms().SetUniform2f("pixels", [size[0] / 2, size[1] / 2])
        shader.GetVertexCustomUniforms().SetUniformf("width", EDGE_WIDTHS[self._edge] * ratio)
        shader.GetFragmentCustomUniforms().SetUniform3f(
            "lineColour", colours.accent if self._edge == 2 else colours.hover
        )

    def remove(self) -> None:
        """Take the actors out of the pane."""
        for actor in (self.actor, self._hull):
            if actor is not None:
                self._renderer.RemoveActor(actor)

    def _facing(self, surface: vtkPolyData) -> vtkPolyData:
        """As drivers want it: a matrix that mirrors turns faces inside out, so they are turned beforehand."""
        if not self._mirrored:
            return surface
        turned = vtkReverseSense()
        turned.SetInputData(surface)
        turned.ReverseCellsOn()
        turned.ReverseNormalsOff()
        turned.Update()
        return turned.GetOutput()

    def _stand_in(self, mesh: PartMesh, surfaces: Surfaces) -> vtkPolyDataMapper:
        if self._coarse_mapper is None:
            self._coarse_mapper = vtkPolyDataMapper()
            self._coarse_mapper.SetInputData(self._facing(surfaces.coarse(mesh)))
        return self._coarse_mapper


def polydata(mesh: PartMesh) -> vtkPolyData:
    """The mesh as VTK holds it; the arrays are shared, not copied."""
    points = vtkPoints()
    points.SetData(numpy_to_vtk(mesh.vertices))
    cells = vtkCellArray()
    offsets = np.arange(0, 3 * len(mesh.faces) + 1, 3, dtype=np.int32)
    cells.SetData(numpy_to_vtk(offsets, deep=True), numpy_to_vtk(mesh.faces.ravel()))
    result = vtkPolyData()
    result.SetPoints(points)
    result.SetPolys(cells)
    if mesh.normals is not None:
        result.GetPointData().SetNormals(numpy_to_vtk(mesh.normals))
    if mesh.colours is not None:
        result.GetPointData().SetScalars(numpy_to_vtk((255 * mesh.colours).round().astype(np.uint8)))
    return result


def smooth(surface: vtkPolyData, split: float | None) -> vtkPolyData:
    """With normals at the points; edges sharper than ``split`` degrees stay sharp."""
    normals = vtkPolyDataNormals()
    normals.SetInputData(surface)
    normals.ConsistencyOff()  # the mesh's own winding stands
    normals.SetSplitting(split is not None)
    normals.SetFeatureAngle(split or 180.0)
    normals.Update()
    return normals.GetOutput()


def _hull(mapper: vtkPolyDataMapper) -> vtkActor:
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.PickableOff()
    actor.GetProperty().FrontfaceCullingOn()
    shader = actor.GetShaderProperty()
    shader.AddVertexShaderReplacement(POSITION, True, HULL_POSITION, False)
    shader.AddFragmentShaderReplacement(LIGHT, True, after_light(HULL_LIGHT), False)
    return actor


def _fill(matrix: vtkMatrix4x4, values: Matrix) -> None:
    """Copy numbers, and touch the matrix only where one differs: VTK would think that all has moved."""
    flat = [float(value) for value in values.ravel()]
    if [matrix.GetElement(i // 4, i % 4) for i in range(16)] != flat:
        matrix.DeepCopy(flat)


def _size(mesh: PartMesh) -> int:
    return 2 * (2 * mesh.vertices.nbytes + mesh.faces.nbytes)
