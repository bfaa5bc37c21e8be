"""Shapes out to other programs: GLB, OBJ, PLY, STL, 3MF, USD and point clouds, each read back before it counts.

Importing this package, its ``options`` or ``scene`` loads no geometry library; the writers load when they are asked for.
"""

from typing import TYPE_CHECKING, Any

from engine.geometry.export.carried import Carried, attach, read_carried
from engine.geometry.export.scene import GREY, WHOLE, Colour
from engine.settings import ExportOptions

if TYPE_CHECKING:
    from engine.geometry.export.cloud import export_cloud
    from engine.geometry.export.write import WRITERS, ExportInfo, check_options, export_mesh, read_pieces

__all__ = [
    "GREY",
    "WHOLE",
    "WRITERS",
    "Carried",
    "Colour",
    "ExportInfo",
    "ExportOptions",
    "attach",
    "check_options",
    "export_cloud",
    "export_mesh",
    "read_carried",
    "read_pieces",
]


def __getattr__(name: str) -> Any:
    """What needs geometry libraries, loaded at first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from engine.geometry.export import cloud, write

    return getattr(cloud if name == "export_cloud" else write, name)
