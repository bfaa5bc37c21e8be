"""What the live engine knows of painting: surfaces made ready for it, and what becomes of marks on them."""

import numpy as np
from numpy.typing import NDArray

from engine.datasets.axes import stated_in
from engine.datasets.painted_parts import painting_of
from engine.datasets.parts import colour
from engine.datasets.spreading import Canvas, canvas, spread
from engine.errors import InputError
from engine.geometry.file import load_geometry
from engine.live_requests import Paint, Painted
from engine.live_surfaces import Kept
from engine.project import Project

CANVASES = 64 << 20  # bytes of surfaces that are kept ready
FACE = 200  # bytes of a face with its neighbours


class Canvases:
    """The surfaces that are painted on, made ready once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._kept: Kept[Canvas] = Kept(CANVASES)

    def paint(self, request: Paint) -> tuple[Painted, dict[str, NDArray]]:
        """Answer a request. Raises InputError for an item that cannot be painted."""
        painting = request.painting
        on = self._canvas(painting.item)
        if painting.mirror and on.axis < 0:
            raise InputError("this shape is not symmetric, so marks cannot be mirrored; paint both sides")
        found = spread(on, painting)
        names = tuple(dict.fromkeys([*found.names, *request.names]))
        arrays: dict[str, NDArray] = {"label": found.label.astype(np.int16), "marked": found.marked}
        if request.surface:
            arrays |= {"vertices": on.mesh.vertices.astype(np.float32), "faces": on.mesh.faces}
        told = Painted(
            item=painting.item,
            names=names,
            colours=tuple(colour(name) for name in names),
            symmetric=on.axis >= 0,
            before=painting_of(self._project, painting.item) if request.surface else None,
        )
        return told, arrays

    def clear(self) -> None:
        """Let go of all."""
        self._kept.clear()

    def _canvas(self, item: str) -> Canvas:
        path = self._project.geometry_path(item)
        if not path.is_file():
            raise InputError(f"{item} has no surface to paint on")
        key = f"{item} {stated_in(path.parent)}"  # painting changes the names of parts, never the surface; turning does
        found = self._kept.get(key)
        if found is None:
            found = canvas(load_geometry(path).surface)
            self._kept.put(key, found, FACE * len(found.mesh.faces))
        return found
