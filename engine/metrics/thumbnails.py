"""Small pictures of an evaluation: samples and training shapes in their part colours, all in one framing."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.clouds.cloud import PointCloud
from engine.clouds.dots import dots
from engine.datasets.parts import colour
from engine.errors import StudioError
from engine.geometry.export import GREY
from engine.geometry.mesh import Mesh
from engine.pictures.camera import View
from engine.pictures.render import Studio
from engine.pictures.sheet import save_png
from engine.protocol import Note, Progress, Stage

SIZE = 192  # pixels
VIEW = View(zoom=1.15)  # closer than the whole cube, whose corners no shape fills

Key = tuple[Literal["sample", "training"], int]
Make = Callable[[], Stage[Sequence[tuple[str, Mesh]]]]  # of solids, each with its part ("" without parts)


def draw(wanted: Mapping[Key, Make], folder: Path) -> Stage[None]:
    """Take those pictures that are not there yet. A machine that cannot draw goes without, and says so."""
    left = {key: make for key, make in wanted.items() if not _path(folder, key).exists()}
    if not left:
        return
    try:
        studio = Studio()
    except StudioError as error:
        yield Note(text=f"the report has no pictures: {error}", warning=True)
        return
    with studio:
        for done, (key, make) in enumerate(left.items()):
            yield Progress(stage="pictures", done=done, total=len(left))
            solids = yield from make()
            shown = [(mesh, colour(part) if part else GREY) for part, mesh in solids]
            save_png(_path(folder, key), studio.picture(shown, SIZE, VIEW))


def draw_clouds(wanted: Mapping[Key, NDArray], folder: Path) -> Stage[None]:
    """Take those pictures of clouds (P, 3) that are not there yet; they need no graphics system."""
    for done, (key, points) in enumerate(wanted.items()):
        yield Progress(stage="pictures", done=done, total=len(wanted))
        if not _path(folder, key).exists():
            save_png(_path(folder, key), dots(PointCloud(points.astype(np.float32)), SIZE, VIEW))


def read(folder: Path) -> dict[Key, str]:
    """Base64 PNG data of all pictures in a folder."""
    found: dict[Key, str] = {}
    for path in sorted(folder.glob("*-*.png")):
        kind, _, row = path.stem.partition("-")
        found["sample" if kind == "sample" else "training", int(row)] = b64encode(path.read_bytes()).decode()
    return found


def _path(folder: Path, key: Key) -> Path:
    return folder / f"{key[0]}-{key[1]:05d}.png"
