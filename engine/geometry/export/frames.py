"""Axes and units of the programs that files are for. Canonical space: right-handed, +Y up, front +Z, left side +X.

Formats that declare their frame keep it, whoever the file is for, since programs turn it as they read:
    GLB     +Y up, front +Z, metres (glTF 2.0, 3.4)
    USD     upAxis Y, metersPerUnit 1, both written in the file (UsdGeom stage metrics)
    3MF     right-handed, +Z up from the bed, millimetres (3MF core specification 1.3, 2.2.1 and 3.3); written on the bed
            in the positive octant, as it advises, with the front towards the person, -Y
Formats that declare nothing (OBJ, PLY, STL, XYZ) are written as the program will read them with its settings untouched:
    canonical   as it is
    blender     Blender has +Z up and its front view looks along +Y, so the front is -Y; 1 unit is 1 m. Its OBJ importer
                takes -Z as forward and +Y as up (defaults of bpy.ops.wm.obj_import), so OBJ stays as it is; PLY and STL
                importers turn nothing (forward +Y, up +Z), so those are turned here
    unity       left-handed, +Y up, forward +Z, metres; importers make right-handed files left-handed by negating X
                (KhronosGroup/UnityGLTF, SchemaExtensions.cs, and issue 257), so files stay as they are
    unreal      left-handed, +Z up, forward +X, centimetres (FVector::ForwardVector); importers make right-handed files
                left-handed by negating Y (ECoordinateSystemPolicy), so files get front +X, up +Z, left +Y
    slicer      +Z up, front -Y, millimetres, standing on the bed in the positive octant as 3MF and the STL of 1989 ask
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.settings import Axes, ExportOptions

AS_IS = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
Z_UP = ((1, 0, 0), (0, 0, -1), (0, 1, 0))  # front -Y
X_FRONT = ((0, 0, 1), (1, 0, 0), (0, 1, 0))  # up +Z, left +Y
PRINT_MM = 100.0  # longest side for printers when no size is asked for
DECLARED = {".glb": "GLB", ".usda": "USD", ".usdc": "USD", ".3mf": "3MF"}


@dataclass(frozen=True)
class Frame:
    """A way from canonical space to a file.

    turn : (3, 3) rotation, rows are the file's axes
    unit, per_metre : name of the file's unit, and how many make a metre
    bed : True when the lowest corner is to lie at the origin
    """

    turn: tuple[tuple[int, int, int], ...]
    unit: str
    bed: bool = False

    @property
    def per_metre(self) -> int:
        """Units of the file in a metre."""
        return {"m": 1, "cm": 100, "mm": 1000}[self.unit]


CANONICAL, PRINTER, TURNED = Frame(AS_IS, "m"), Frame(Z_UP, "mm", bed=True), Frame(Z_UP, "m")
PRESETS: dict[Axes, Frame] = {
    "canonical": CANONICAL,
    "blender": TURNED,
    "unity": CANONICAL,
    "unreal": Frame(X_FRONT, "cm"),
    "slicer": PRINTER,
}


def frame_of(suffix: str, axes: Axes) -> Frame:
    """The frame of a file by its suffix and the program it is for."""
    if suffix in DECLARED:
        return PRINTER if suffix == ".3mf" else CANONICAL
    if suffix == ".obj" and axes == "blender":
        return CANONICAL
    if suffix == ".stl" and axes == "canonical":
        return Frame(AS_IS, "mm")  # an STL without a unit is taken for millimetres everywhere but in Blender
    return PRESETS[axes]


@dataclass(frozen=True)
class Placement:
    """Points of canonical space in a file: ``scale * turn @ point + shift``; ``notes`` in words."""

    turn: NDArray[np.float64]
    scale: float
    shift: NDArray[np.float64]
    unit: str
    notes: tuple[str, ...]

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(P, 3) canonical points -> (P, 3) in the file."""
        return points @ (self.scale * self.turn.T) + self.shift


def placement(suffix: str, options: ExportOptions, bounds: NDArray[np.float64]) -> Placement:
    """How a shape with ``bounds : (2, 3)`` in canonical space stands in a file."""
    frame, notes = frame_of(suffix, options.axes), []
    own = {PRINTER: "slicer"}.get(frame, "canonical")
    if suffix in DECLARED and options.axes not in ("canonical", own):
        words = f"has its own axes and unit ({frame.unit}), which programs turn as they read"
        notes.append(f"{DECLARED[suffix]} {words}; it is the same for {options.axes} as for any other")
    size = options.size_mm
    if not size and frame is PRINTER:
        size = PRINT_MM
        notes.append(f"no size was asked for, so the longest side is {PRINT_MM:g} mm")
    longest = float(np.ptp(bounds, axis=0).max())
    if size and longest:
        scale = size / 1000 * frame.per_metre / longest
    else:
        scale = 1.0 if options.axes == "canonical" else float(frame.per_metre)
    if suffix == ".stl" and not size:
        told = f"no size was asked for, so slicers will take the longest side for {scale * longest:.3g} mm"
        notes.append(f"{told}; --set size_mm=120 makes it 12 cm")
    if suffix == ".stl" and options.axes == "canonical":
        notes.append("its height is along y; slicers want it along z: --set axes=slicer")
    turn = np.array(frame.turn, np.float64)
    corners = bounds @ (scale * turn.T)
    shift = -corners.min(0) if frame.bed else np.zeros(3)
    return Placement(turn, scale, shift, frame.unit, tuple(notes))
