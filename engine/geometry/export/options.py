"""What a person may ask of an export, written once: type, bounds and a one-line reason. Loads no geometry library."""

from typing import Annotated, Literal

from msgspec import Meta

from engine.settings import Settings

Pieces = Literal["auto", "parts", "union"]
Axes = Literal["canonical", "blender", "unity", "unreal", "slicer"]
Normals = Literal["auto", "smooth", "flat"]


class ExportOptions(Settings, frozen=True):
    """How a shape becomes a file. What a format cannot hold is refused, never left out in silence."""

    pieces: Annotated[
        Pieces,
        Meta(
            title="Pieces",
            description="parts: one named object each; union: one closed surface; auto: parts in GLB, OBJ and USD, "
            "the union in 3MF (a printer wants one solid), PLY and STL (they hold one object)",
        ),
    ] = "auto"
    faces: Annotated[
        int,
        Meta(ge=0, le=50_000_000, title="Face budget", description="faces in all, met within 2 % or refused; 0 = all"),
    ] = 0
    smoothing: Annotated[
        int,
        Meta(ge=0, le=200, title="Smoothing", description="passes that even out steps without shrinking; 0 = none"),
    ] = 0
    normals: Annotated[
        Normals,
        Meta(
            title="Normals",
            description="smooth: one for each vertex; flat: one for each face; auto: smooth in GLB and USD, flat in "
            "STL, none in the others, where programs make their own",
        ),
    ] = "auto"
    uvs: Annotated[
        bool,
        Meta(title="UVs", description="unwrap each part into an atlas of its own (slow: seconds for 10,000 faces)"),
    ] = False
    size_mm: Annotated[
        float,
        Meta(
            ge=0,
            le=1e7,
            title="Size",
            description="longest side of the whole, millimetres; 0 = 100 mm for slicers and 3MF, else one unit of "
            "canonical space is one metre",
        ),
    ] = 0.0
    axes: Annotated[
        Axes,
        Meta(
            title="Axes",
            description="program that the file is for; GLB, USD and 3MF declare their own, which programs turn",
        ),
    ] = "canonical"
