"""Pictures of shapes as their latents decode, each taken once in a run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.datasets.pictures import Gallery
from engine.errors import InputError
from engine.method import Part, Workspace
from engine.opened import open_shapes
from engine.pictures.camera import View
from engine.pictures.floor import backdrop
from engine.pictures.sheet import save_png
from engine.project import Project
from engine.protocol import Progress, Stage
from engine.write import picture

GRID, SIZE = 64, 384  # grid points per side, pixels
SHOWN = 256  # pixels of pictures that were brought nearer
SEEN = 32  # of 255, by which something differs from the backdrop; a faint shadow does not
PALE = (0.72, 0.74, 0.76)  # linear RGB of the parts that are not in question

Picture = NDArray[np.uint8]


def pictures(names: Sequence[str], part: str, project: Project, work: Workspace) -> Stage[dict[str, Picture]]:
    """(SIZE, SIZE, 3) pictures of shapes by name, kept in the run's folder; with ``part`` all other parts are pale."""
    folder = work.folder / "pictures"
    wanted = {name: folder / f"{name.replace('/', '-')}{f'.{part}' if part else ''}.png" for name in names}
    left = [name for name, path in wanted.items() if not path.exists()]
    opened = yield from open_shapes(left, project, work)
    for done, (name, shape) in enumerate(zip(left, opened, strict=True)):
        yield Progress(stage="pictures", done=done, total=len(left), message=name)
        parts = tuple(_paled(one) if part and one.name != part else one for one in shape.representation.parts)
        save_png(wanted[name], (yield from picture(shape.decoded(), parts, GRID, SIZE)))
    if left:
        yield Progress(stage="pictures", done=len(left), total=len(left))
    return {name: read_png(path) for name, path in wanted.items()}


def item_pictures(items: Sequence[str], project: Project) -> Stage[dict[str, Picture]]:
    """(SIZE, SIZE, 3) pictures of what shapes were fitted to, by item; those that were not taken at import are taken now.

    Items that have nothing to show are left out.
    """
    found = {}
    with Gallery() as gallery:
        for done, item in enumerate(items):
            yield Progress(stage="pictures", done=done, total=len(items), message=item)
            if not project.picture_path(item).is_file():
                gallery.take(project, project.catalogue.item(item))
            if project.picture_path(item).is_file():
                found[item] = read_png(project.picture_path(item))
    return found


def nearer(images: Sequence[Picture]) -> list[Picture]:
    """(SHOWN, SHOWN, 3) pictures cut to what there is to see, all alike, so that sizes can still be compared.

    What is seen is measured by all but a hundredth of the pixels: loose crumbs far outside do not make all else small.
    """
    behind = backdrop(SIZE, View())
    row, column = np.abs(np.indices((SIZE, SIZE)) + 0.5 - SIZE / 2)
    half = 0.0
    for image in images:
        there = np.abs(image - behind).max(2) > SEEN
        if there.any():
            half = max(half, np.percentile(np.maximum(row, column)[there], 99))
    half = min(SIZE / 2, half + SIZE / 16) if half else SIZE / 2
    box = (SIZE / 2 - half, SIZE / 2 - half, SIZE / 2 + half, SIZE / 2 + half)
    return [
        np.asarray(Image.fromarray(image).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS, box)) for image in images
    ]


def read_png(path: Path) -> Picture:
    """(SIZE, SIZE, 3) sRGB of a PNG file. InputError when it is none."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB").resize((SIZE, SIZE)))
    except OSError as error:
        raise InputError(f"{path} cannot be read as a picture ({error}); remove it, and it is made anew") from error


def _paled(part: Part) -> Part:
    return replace(part, colour=PALE)
