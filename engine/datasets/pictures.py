"""A picture of every item that has something to show, taken when it is imported."""

from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.datasets.paint import FILE, by_tones, tones
from engine.datasets.parts import colour
from engine.datasets.stored import Stored
from engine.errors import InputError, StudioError
from engine.geometry.export import GREY
from engine.geometry.export.scene import to_linear
from engine.geometry.file import load_geometry
from engine.geometry.mesh import Mesh, face_areas
from engine.geometry.regions import whole_in_pieces
from engine.pictures.render import Colour, Studio
from engine.pictures.sheet import save_png
from engine.project import Project
from engine.rows import ItemRow

SIZE = 256  # pixels
MOST_FACES = 2_000_000
DOTS = 3_000  # points shown of a cloud
DOT = 0.006  # radius of each, cube units
BORDER = 0.05  # longest edge of faces at the border of two parts, cube units
UNNAMED = 0.02  # share of the area without a part's name that is worth showing in grey


class Gallery:
    """Takes the pictures of items; opens its studio at the first one and closes it at the end.

    A machine that cannot draw goes without pictures; ``trouble`` says why.
    """

    def __init__(self) -> None:
        self._studio: Studio | None = None
        self.trouble = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._studio:
            self._studio.close()

    def take(self, project: Project, row: ItemRow) -> None:
        """Write the item's picture.png; none when there is nothing to see, or too much to draw in a moment."""
        project.picture_path(row.id).unlink(missing_ok=True)
        shown = _shown(project, row)
        if not shown or self.trouble or sum(len(mesh.faces) for mesh, _ in shown) > MOST_FACES:
            return
        try:
            self._studio = self._studio or Studio()
        except StudioError as error:
            self.trouble = str(error)
            return
        try:
            save_png(project.picture_path(row.id), self._studio.picture(shown, SIZE))
        except InputError:  # a surface that cannot be seen, such as one of zero area
            return


def _shown(project: Project, row: ItemRow) -> list[tuple[Mesh, Colour]]:
    if project.points_path(row.id).is_file():
        return _dots(Stored.load(project.points_path(row.id)))
    if not project.geometry_path(row.id).is_file():
        return []
    geometry = load_geometry(project.geometry_path(row.id))
    parts = whole_in_pieces(geometry, BORDER)
    if not parts and (found := by_tones(geometry, project.geometry_path(row.id).with_name(FILE))):
        return found
    covered = sum(face_areas(mesh).sum() for mesh in parts.values())
    if covered < (1 - UNNAMED) * face_areas(geometry.surface).sum() and not geometry.parts:
        return [(geometry.surface, GREY), *((mesh, colour(name)) for name, mesh in parts.items())]
    return [(mesh, colour(name)) for name, mesh in parts.items()] or [(geometry.surface, GREY)]


def _dots(stored: Stored) -> list[tuple[Mesh, Colour]]:
    """Points as little octahedra, in the colours of their labels, or else their own; of those with inside flags, those
    inside."""
    chosen = np.flatnonzero(stored.inside) if len(stored.inside) else np.arange(len(stored.points))
    chosen = np.random.default_rng(0).permutation(chosen)[:DOTS]
    if len(stored.colours) and not len(stored.label):
        shades = to_linear(stored.colours[chosen] / 255)
        return [(_octahedra(stored.points[chosen[some]]), own) for some, own in tones(shades)]
    label = stored.label[chosen] if len(stored.label) else np.full(len(chosen), -1)
    return [
        (_octahedra(stored.points[chosen[label == k]]), colour(stored.names[k]) if k >= 0 else GREY)
        for k in np.unique(label)
    ]


def _octahedra(points: NDArray[np.float32]) -> Mesh:
    corners = DOT * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    sides = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    vertices = (points[:, None].astype(np.float64) + corners).reshape(-1, 3)
    faces = np.array(sides, np.int32) + 6 * np.arange(len(points), dtype=np.int32)[:, None, None]
    return Mesh(vertices, faces.reshape(-1, 3))
