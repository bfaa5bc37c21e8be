"""Sheets of pictures of what a model makes: while it trains, and of the first shapes of a generation."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from engine.errors import StudioError
from engine.method import Decoded, Method, Representation, Workspace
from engine.methods import MethodSettings
from engine.pictures.sheet import save_png, sheet
from engine.protocol import Note, Saved, Stage
from engine.write import picture

WHILE_TRAINING = 4  # samples of a preview
FIRST = 12  # shapes of a generation that are drawn
COLUMNS = 4
GRID, FINE = 64, 96  # grid points per side, of a preview and of a first look
SIZE = 256  # pixels of a picture


def preview(
    method: Method,
    representation: Representation,
    trainee: nn.Module,
    settings: MethodSettings,
    work: Workspace,
    step: int,
) -> Stage[None]:
    """A sheet of a few samples of the averaged weights, always of the same seeds, so that sheets can be compared."""
    shapes = yield from method.sample(trainee, representation, WHILE_TRAINING, settings.sampler, settings.seed, {})
    path = work.folder / "previews" / f"step-{step:09d}.png"
    yield from _draw(representation.decode(shapes), representation, path, GRID)
    yield Saved(kind="preview", path=str(path))


def first_look(
    decoded: Sequence[Decoded], representation: Representation, ids: Sequence[str], path: Path
) -> Stage[str]:
    """A sheet of the first shapes with their names -> its path; "" with a Note where they cannot be drawn."""
    if not path.exists():
        try:
            yield from _draw(decoded[:FIRST], representation, path, FINE, ids[:FIRST])
        except StudioError as error:
            yield Note(text=f"no pictures: {error}", warning=True)
            return ""
        yield Saved(kind="picture", path=str(path))
    return str(path)


def _draw(
    decoded: Sequence[Decoded],
    representation: Representation,
    path: Path,
    grid: int,
    captions: Sequence[str] | None = None,
) -> Stage[None]:
    images = []
    for one in decoded:
        images.append((yield from picture(one, representation.parts, grid, SIZE)))
    save_png(path, sheet(images, min(COLUMNS, len(images)), captions))
