"""Procedural shapes as lessons for the feature network: clouds, and what can be asked about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from engine.datasets.procedural import CATEGORIES, PARTS, ProceduralShape, make
from engine.geometry.occupancy import surface_points
from engine.protocol import Progress, Stage
from engine.storage import read_tensors, seed_of, write_tensors

POINTS = 2048  # kept of each shape; a lesson draws fewer
LEARNED, UNSEEN = 10_000_000, 20_000_000  # first seeds; nothing else in the program takes shapes from there
PIECE = 50  # shapes of one file
NAMES = tuple((category, part) for category in CATEGORIES for part in PARTS[category])
NOISE = 0.03  # largest deviation of a lesson's noise, cube units
NOISY, LACKING = 0.5, 0.2  # shares of lessons with noise, and with one part taken away


@dataclass(frozen=True)
class Lessons:
    """N shapes and the right answers. K = len(NAMES) parts of categories, G kinds of attributes of categories.

    clouds (N, P, 3) float32; part (N, P) int64, row in NAMES of each point; category (N,) int64; present (N, K) bool
    boxes (N, K, 6) float32, lower and upper corner; attributes (N, G) int64, -1 where a category has no such attribute
    """

    clouds: Tensor
    part: Tensor
    category: Tensor
    present: Tensor
    boxes: Tensor
    attributes: Tensor

    def __len__(self) -> int:
        return len(self.clouds)


@dataclass(frozen=True)
class Lesson:
    """What one step sees: clouds (B, P, 3), the answers as in `Lessons`, and the noise's share of NOISE (B,)."""

    clouds: Tensor
    category: Tensor
    present: Tensor
    boxes: Tensor
    attributes: Tensor
    noise: Tensor


Values = dict[str, list[str]]  # "category/attribute" -> values that it can have


def lessons(count: int, first: int, folder: Path, values: Values | None = None) -> Stage[tuple[Lessons, Values]]:
    """``count`` shapes of every category with seeds from ``first`` on, kept in ``folder`` piece by piece.

    values : attributes and their values, to number them by; as found in these shapes when not given.
    """
    arrays: list[dict[str, NDArray]] = []
    words: list[dict[str, str]] = []
    pieces = [(category, start) for category in CATEGORIES for start in range(0, count, PIECE)]
    for done, (category, start) in enumerate(pieces):
        path = folder / f"{category}-{first + start}-{min(PIECE, count - start)}.safetensors"
        if not path.exists():
            shapes = []
            for seed in range(first + start, first + min(start + PIECE, count)):
                yield Progress(stage="make shapes", done=done, total=len(pieces), message=category)
                shapes.append(make(category, seed))
            write_tensors(path, _answers(shapes), {"words": msgspec.json.encode([_words(s) for s in shapes]).decode()})
        tensors, header = read_tensors(path)
        arrays.append(tensors)
        words += msgspec.json.decode(header["words"], type=list[dict[str, str]])
    whole = {name: torch.from_numpy(np.concatenate([piece[name] for piece in arrays])) for name in arrays[0]}
    if values is None:
        keys = sorted({key for word in words for key in word})
        values = {key: sorted({word[key] for word in words if key in word}) for key in keys}
    numbers = [[_number(choices, word.get(key)) for key, choices in values.items()] for word in words]
    present = whole.pop("present").bool()
    return Lessons(**whole, present=present, attributes=torch.tensor(numbers)), values


def lesson(source: Lessons, index: Tensor, points: int, generator: torch.Generator) -> Lesson:
    """Shapes ``index`` (B,) with ``points`` points each: scaled and shifted a little, some noisy, some without a part."""
    count, rows = len(index), torch.arange(len(index))
    lacking = torch.rand(count, generator=generator) < LACKING
    taken = torch.multinomial(source.present[index].float(), 1, generator=generator)[:, 0]  # (B,)
    lacking &= source.present[index].sum(1) > 1
    kept = (source.part[index] != taken[:, None]) | ~lacking[:, None]  # (B, POINTS)
    lacking &= kept.any(1)
    kept[~kept.any(1)] = True
    drawn = torch.multinomial(kept.float(), points, replacement=True, generator=generator)
    clouds = source.clouds[index[:, None], drawn]  # (B, P, 3)
    present = source.present[index].clone()
    present[rows[lacking], taken[lacking]] = False
    scale = 1 + 0.1 * (2 * torch.rand(count, 1, 1, generator=generator) - 1)
    shift = 0.01 * torch.randn(count, 1, 3, generator=generator)
    noise = torch.rand(count, generator=generator) * (torch.rand(count, generator=generator) < NOISY)
    clouds = clouds * scale + shift
    clouds += torch.randn(clouds.shape, generator=generator) * noise[:, None, None] * NOISE
    boxes = source.boxes[index] * scale + shift.repeat(1, 1, 2)
    return Lesson(clouds, source.category[index], present, boxes, source.attributes[index], noise)


def _answers(shapes: Sequence[ProceduralShape]) -> dict[str, NDArray]:
    count = len(shapes)
    found: dict[str, NDArray] = {
        "clouds": np.zeros((count, POINTS, 3), np.float32),
        "part": np.zeros((count, POINTS), np.int64),
        "category": np.array([CATEGORIES.index(shape.category) for shape in shapes], np.int64),
        "present": np.zeros((count, len(NAMES)), np.uint8),
        "boxes": np.zeros((count, len(NAMES), 6), np.float32),
    }
    for i, shape in enumerate(shapes):
        generator = np.random.default_rng(seed_of("feature lesson", shape.category, shape.seed))
        cloud = surface_points(shape.geometry.surface, POINTS, generator)
        nearest = np.full(POINTS, np.inf)
        for name, mesh in shape.geometry.parts.items():
            k = NAMES.index((shape.category, name))
            apart, _ = cKDTree(surface_points(mesh, POINTS, generator)).query(cloud)
            found["part"][i][apart < nearest] = k
            nearest = np.minimum(nearest, apart)
            found["present"][i, k], found["boxes"][i, k] = 1, mesh.bounds.ravel()
        found["clouds"][i] = cloud
    return found


def _words(shape: ProceduralShape) -> dict[str, str]:
    return {f"{shape.category}/{name}": str(value) for name, value in shape.attributes.items()}


def _number(choices: list[str], word: str | None) -> int:
    return choices.index(word) if word in choices else -1
