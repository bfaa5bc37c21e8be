"""Sheets of what a model makes: its first shapes, and mixes of them. Nothing is picked."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import InputError
from engine.method import Workspace
from engine.opened import open_shapes
from engine.pictures.sheet import sheet
from engine.project import Project
from engine.protocol import Progress, Saved, Stage
from engine.storage import write_atomic
from engine.write import picture

COLUMNS, SIZE, GRID = 6, 256, 128  # of a sheet; pixels of a picture; grid points per side
LARGEST = 150_000  # bytes of a file
QUALITIES = (90, 85, 80, 70, 60)


def draw_sheet(names: Sequence[str], path: Path, project: Project, work: Workspace) -> Stage[None]:
    """Pictures of the named shapes in their part colours, in order, as a WebP file of at most LARGEST bytes."""
    if path.exists():
        return
    images: list[NDArray[np.uint8]] = []
    opened = yield from open_shapes(names, project, work)
    for done, one in enumerate(opened):
        yield Progress(stage="pictures", done=done, total=len(opened), message=path.name)
        images.append((yield from picture(one.decoded(), one.representation.parts, GRID, SIZE)))
    write_atomic(path, webp(sheet(images, COLUMNS)))
    yield Saved(kind="picture", path=str(path))


def webp(image: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) sRGB as a WebP file, as good as its size allows. Raises InputError where no quality is small enough."""
    for quality in QUALITIES:
        file = BytesIO()
        Image.fromarray(image).save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= LARGEST:
            return file.getvalue()
    raise InputError(f"a picture of {image.shape[1]} x {image.shape[0]} pixels needs more than {LARGEST:,} bytes")
