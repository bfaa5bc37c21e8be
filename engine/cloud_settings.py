"""How a surface is laid through points: what jobs and forms carry. Torch-free."""

from typing import Annotated

from msgspec import Meta

from engine.settings import Settings


class CloudMeshSettings(Settings, frozen=True):
    """How a surface is laid through points, see `engine.geometry.from_cloud`."""

    resolution: Annotated[
        int,
        Meta(
            ge=32, le=512, title="Resolution", description="grid points per side that the surface is read from, at most"
        ),
    ] = 192
    smoothness: Annotated[
        float,
        Meta(
            ge=0,
            le=10,
            title="Smoothness",
            description="how far the surface may pass beside the points; 0.05 for clean ones, 1 for noisy ones",
        ),
    ] = 0.05
    blur: Annotated[
        float, Meta(ge=0.3, le=2, title="Blur", description="width of a point, in spacings of the points")
    ] = 0.5
    outliers: Annotated[
        float,
        Meta(
            ge=0,
            title="Outliers",
            description="points this many times farther from others than usual are left out; 0 = none",
        ),
    ] = 4.0
    crumbs: Annotated[
        float,
        Meta(ge=0, le=0.5, title="Crumbs", description="pieces with fewer than this share of the points are left out"),
    ] = 0.004
    most_points: Annotated[
        int,
        Meta(
            ge=256, le=100_000, title="Most points", description="larger clouds are thinned evenly to about this many"
        ),
    ] = 8_192


DRAWN = CloudMeshSettings(smoothness=1.0)  # of clouds that a model drew, whose points lie beside the surface
