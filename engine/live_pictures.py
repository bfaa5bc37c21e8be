"""Thumbnails of shapes and items, all framed alike, drawn once and kept in the project's cache."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.clouds.dots import dots
from engine.datasets.paint import FILE, by_tones
from engine.datasets.parts import colour
from engine.errors import InputError
from engine.geometry.crumbs import without_crumbs
from engine.geometry.export import GREY
from engine.geometry.file import load_geometry
from engine.geometry.mesh import Mesh
from engine.geometry.regions import whole_in_pieces
from engine.live_clouds import cloud_of
from engine.live_requests import Mixture
from engine.live_shapes import LiveShapes
from engine.live_surfaces import Surfaces, standing
from engine.method import Colour
from engine.pictures.camera import closer
from engine.pictures.sheet import save_png
from engine.project import Project
from engine.protocol import Progress, Stage
from engine.write import BLANK, SPECK

if TYPE_CHECKING:  # it brings in VTK, which nothing but a picture needs
    from engine.pictures.render import Studio

GRIDS = ((128, 64), (512, 96))  # up to so many pixels: grid points per side of the surfaces


class Thumbnails:
    """Small pictures. The drawing window stays open from one to the next."""

    def __init__(self, project: Project, shapes: LiveShapes, surfaces: Surfaces) -> None:
        self.project = project
        self._shapes = shapes
        self._surfaces = surfaces
        self._studio: Studio | None = None

    def close(self) -> None:
        """Close the drawing window."""
        if self._studio is not None:
            self._studio.close()
            self._studio = None

    def find(self, name: str, size: int) -> Stage[Path]:
        """The file of the picture of a shape or an item, ``size`` pixels per side, made if it is not there.

        Raises InputError for an unknown name, StudioError where nothing can be drawn.
        """
        path = self.project.thumbnail_path(name, size)
        if "/" in name:  # a shape of a run
            self.project.catalogue.shape(name)
            if not path.exists():
                save_png(path, (yield from self._of_shape(name, size)))
        else:
            item = self.project.catalogue.item(name)
            if not path.exists() or _older(path, self.project.geometry_path(item.id)):  # its parts got other names
                save_png(path, (yield from self._of_item(item.id, size)))
        return path

    def _of_shape(self, name: str, size: int) -> Stage[NDArray[np.uint8]]:
        """(size, size, 3) picture of its surfaces without crumbs, as pictures of runs have them; of a cloud, its points."""
        mixed = yield from self._shapes.mixed(Mixture(base=name))
        if (cloud := cloud_of(mixed)) is not None:
            return dots(cloud, size)
        what = standing(mixed.like, mixed.shape)
        grid = next(points for pixels, points in GRIDS if size <= pixels)
        solids = {}
        for one in what.keys:
            solids[one] = yield from self._surfaces.surface(what, one, grid)
        solids, _ = without_crumbs(solids, SPECK, 2 / grid)
        return (yield from self._drawn(solids, what.colours, size))

    def _of_item(self, name: str, size: int) -> Stage[NDArray[np.uint8]]:
        """(size, size, 3) picture of its surface, by its parts or else in its colours; of a cloud, the one that was made
        when it came in. Raises InputError."""
        path = self.project.geometry_path(name)
        if path.exists():
            geometry = load_geometry(path)
            solids = whole_in_pieces(geometry)
            colours = {part: colour(part) for part in solids}
            tones = [] if solids else by_tones(geometry, path.with_name(FILE)) or [(geometry.surface, GREY)]
            for number, (mesh, tone) in enumerate(tones):
                solids[str(number)], colours[str(number)] = mesh, tone
            return (yield from self._drawn(solids, colours, size))
        if not self.project.picture_path(name).exists():
            raise InputError(f"item {name} has no surface and no picture to show")
        with Image.open(self.project.picture_path(name)) as image:
            return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS))

    def _drawn(self, solids: Mapping[str, Mesh], colours: Mapping[str, Colour], size: int) -> Stage[NDArray[np.uint8]]:
        """(size, size, 3) picture. What is more urgent goes before each step: loading VTK alone takes half a second."""
        shown = [(mesh, colours[name]) for name, mesh in solids.items() if len(mesh.faces)]
        if not shown:
            return np.full((size, size, 3), BLANK, np.uint8)
        if self._studio is None:
            yield Progress(stage="picture", done=0, total=3)
            from engine.pictures.render import Studio

            yield Progress(stage="picture", done=1, total=3)
            self._studio = Studio()
        yield Progress(stage="picture", done=2, total=3)
        return self._studio.picture(shown, size, closer([[mesh for mesh, _ in shown]]))


def _older(path: Path, than: Path) -> bool:
    return than.exists() and path.stat().st_mtime_ns < than.stat().st_mtime_ns
