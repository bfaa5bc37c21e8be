"""What an export starts from: presets for programs, formats in words, and what is known of their files beforehand."""

from dataclasses import dataclass
from typing import get_args

from engine.jobs import ExportJob, Format
from engine.settings import Axes, ExportOptions, Pieces

FORMATS: dict[Format, str] = {
    "glb": "GLB, with named parts and colours",
    "obj": "OBJ, with groups and colours",
    "ply": "PLY, one surface or points",
    "stl": "STL, one surface",
    "3mf": "3MF, one solid in millimetres",
    "usdc": "USD, small",
    "usda": "USD, as text",
    "xyz": "XYZ, points",
}
BESIDE: dict[str, tuple[str, ...]] = {"obj": (".mtl",)}  # files that come with the main one
LEFT_OUT = ("run", "version", "shapes", "out", "format", "overwrite")  # of a job: controls of their own, or none
assert set(FORMATS) <= set(get_args(Format))


@dataclass(frozen=True)
class Preset:
    """Settings for a program. ``about`` says what they come to; ``start`` is a job without shapes and folder."""

    name: str
    about: str
    format: Format
    start: ExportJob


def _preset(
    name: str,
    about: str,
    format_: Format,
    *,
    axes: Axes = "canonical",
    pieces: Pieces = "auto",
    size_mm: float = 0.0,
    health: bool = False,
) -> Preset:
    options = ExportOptions(axes=axes, pieces=pieces, size_mm=size_mm)
    return Preset(name, about, format_, ExportJob(shapes=(), out="", options=options, health=health))


PRESETS = (
    _preset("Blender", "GLB: one object for each part, upright, one unit is one metre.", "glb"),
    _preset(
        "Unity",
        "OBJ, which Unity reads without a package: one group for each part, one unit is one metre.",
        "obj",
        axes="unity",
    ),
    _preset("Unreal", "GLB: one mesh for each part. Unreal turns it and takes it for centimetres by itself.", "glb"),
    _preset(
        "3D print",
        "3MF: one closed solid, standing on the bed, 100 mm at its longest; its walls are checked.",
        "3mf",
        axes="slicer",
        pieces="union",
        size_mm=100.0,
        health=True,
    ),
    _preset("Plain", "OBJ in the axes of the project, as other tools for research expect it.", "obj"),
)


def file_names(shape: str, format_: str) -> tuple[str, ...]:
    """Names of the files that an export makes of a shape, the main one last."""
    stem = shape.replace("/", "-")
    return tuple(stem + end for end in (*BESIDE.get(format_, ()), f".{format_}"))
