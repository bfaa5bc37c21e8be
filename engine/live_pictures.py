"""Thumbnails of shapes and items, made once and kept in the project's cache."""

from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import InputError
from engine.geometry.crumbs import without_crumbs
from engine.live_requests import Mixture
from engine.live_shapes import LiveShapes
from engine.live_surfaces import Surfaces, standing
from engine.pictures.render import Studio
from engine.pictures.sheet import save_png
from engine.project import Project
from engine.protocol import Stage
from engine.write import BLANK, SPECK

GRIDS = ((128, 64), (512, 96))  # up to so many pixels: grid points per side of the surfaces


class Thumbnails:
    """Small pictures: of pictures that a run or an import kept, or else drawn. The drawing window stays open."""

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
        is_item = "/" not in name
        large = self.project.picture_path(name) if is_item else self._picture_of(name)
        path = self.project.folder / "cache" / "thumbnails" / f"{name}-{size}.png"
        if path.exists() and not (large.exists() and large.stat().st_mtime_ns > path.stat().st_mtime_ns):
            return path
        if large.exists():
            with Image.open(large) as image:
                small = image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
            save_png(path, np.asarray(small))
            return path
        if is_item:
            row = self.project.catalogue.item(name)
            raise InputError(f"item {row.id} has no picture ({row.verdict}); import it again")
        mixed = yield from self._shapes.mixed(Mixture(base=name))
        what = standing(mixed.like, mixed.shape)
        grid = next(points for pixels, points in GRIDS if size <= pixels)
        solids = {}
        for one in what.keys:
            solids[one] = yield from self._surfaces.surface(what, one, grid)
        solids, _ = without_crumbs(solids, SPECK, 2 / grid)
        shown = [(mesh, what.colours[one]) for one, mesh in solids.items() if len(mesh.faces)]
        if shown and self._studio is None:
            self._studio = Studio()
        blank = np.full((size, size, 3), BLANK, np.uint8)
        save_png(path, self._studio.picture(shown, size) if shown and self._studio else blank)
        return path

    def _picture_of(self, name: str) -> Path:
        """Where the run of a shape keeps its picture, if it draws any. Raises InputError for an unknown shape."""
        row = self.project.catalogue.shape(name)
        return self.project.run_folder(row.run) / "pictures" / f"{row.row:04d}.png"
