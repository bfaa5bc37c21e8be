"""Pools of points: of each item many points on its surface, in one file, of which every draw takes others."""

import time
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Protocol

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.clouds.even import farthest
from engine.clouds.practice import Practice
from engine.clouds.told import Facts
from engine.datasets.paint import FILE, load_paint
from engine.datasets.stored import Stored
from engine.errors import DamagedFileError, InputError, MeshError
from engine.geometry.export.scene import to_srgb
from engine.geometry.file import load_geometry
from engine.geometry.occupancy import surface_points
from engine.layout import Layout, Slot
from engine.method import Batch, Data, Encoded
from engine.protocol import Note, Progress, Stage
from engine.rows import ItemRow
from engine.storage import map_tensor, seed_of, write_tensors

PIECE = 64  # items whose pools are one file until all are there
AXES = 3
MIDDLE = 0.5  # of colours: as places, they lie around 0 in a cube of side 1


class Captions(Protocol):
    """What says in numbers what an item is, in other words at each draw."""

    def told(self, items: Sequence[ItemRow], keys: Sequence[int], about: Sequence[str] = ()) -> Tensor:
        """(B, ...) numbers of captions of items, each drawn by its key. about : attributes that they must name, "" = any."""


class PoolFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a pool: what has become of each item."""

    records: tuple[Encoded, ...]


def make_pool(data: Data, points: int, many: int, seed: int, path: Path, width: int = AXES) -> Stage[None]:
    """Write the pool of some items to ``path``: (N, points * many, width) float16 in canonical space, resumably.

    Spread evenly by area; the first ``points`` of each are the farthest from one another, see `farthest`. Items without a
    surface are refused, each with a reason.

    width : `AXES`, or three more for a colour as sRGB - `MIDDLE`, grey where an item has none, which a Note says. Raises
        InputError where none has any.
    """
    folder, total, pieces = path.with_suffix(""), len(data.items), []
    if width > AXES:
        yield from _tell_grey(data)
    for start in range(0, total, PIECE):
        piece = folder / f"{start:06d}.safetensors"
        pieces.append(piece)
        if not piece.exists():
            pool, records = np.zeros((min(PIECE, total - start), points * many, width), np.float16), []
            for row, item in enumerate(data.items[start : start + PIECE]):
                records.append(_fill(pool[row], data, item, points, seed))
                yield Progress(stage="clouds", done=start + row + 1, total=total)
            _write(piece, pool, records)
        yield Progress(stage="clouds", done=min(start + PIECE, total), total=total)
    records = [record for piece in pieces for record in _known(piece)]
    _write(path, np.concatenate([map_tensor(piece, "pool")[0] for piece in pieces]), records)
    for piece in pieces:
        piece.unlink()
    folder.rmdir()


class CloudSet:
    """The clouds of items as a LatentSet: rows of C P numbers, other points of the pool at each draw, with a caption."""

    def __init__(
        self, path: Path, items: Sequence[ItemRow], points: int, captions: Captions, facts: Facts | None = None
    ) -> None:
        """items : those of the pool, in its order; facts : of them. Raises DamagedFileError."""
        self._pool = map_tensor(path, "pool")[0]  # (N, M, C) float16
        self.records = _known(path)
        if [record.item for record in self.records] != [item.id for item in items]:
            raise DamagedFileError(f"{path} is of other items; delete it and resume the fit")
        self._items, self._captions, self._points, self._facts = tuple(items), captions, points, facts
        self._practice: Practice | None = None
        self.layout = Layout((Slot("points", (points, self._pool.shape[2])),))
        self.categories = tuple(sorted({item.category for item in items}))
        numbers = {name: number for number, name in enumerate(self.categories)}
        self._category = torch.tensor([numbers[item.category] for item in items])
        if len(self.categories) == 1:
            self.categories = ()

    def __len__(self) -> int:
        return len(self._pool)

    def practised(self, names: Sequence[str], rows: Sequence[int]) -> "CloudSet":
        """The same set, of whose draws half are about attributes and of other ``rows`` than asked for, see `Practice`. Raises
        InputError."""
        other = copy(self)
        other._practice = Practice(names, self._items, rows)
        return other

    def batch(self, index: Tensor, generator: torch.Generator) -> Batch:
        """Rows ``index`` (B,) -> target (B, C P), ``extras["caption"]`` (B, ...) and, where there are any,
        ``extras["facts"]`` (B, F)."""
        rows = index.cpu()
        picks = torch.rand(len(rows), self._pool.shape[1], generator=generator).topk(self._points).indices
        keys = torch.randint(2**31, (len(rows),), generator=generator).tolist()
        about: list[str] = []
        if self._practice is not None:
            pairs = [
                self._practice.instead(row, Random(seed_of("practice", key)))
                for row, key in zip(rows.tolist(), keys, strict=True)
            ]
            rows, about = torch.tensor([row for row, _ in pairs]), [name for _, name in pairs]
        clouds = np.stack(
            [self._pool[row][pick] for row, pick in zip(rows.tolist(), picks.numpy(), strict=True)]
        )  # (B, P, C)
        items = [self._items[row] for row in rows.tolist()]
        extras = {"caption": self._captions.told(items, keys, about)}
        if self._facts is not None:
            extras["facts"] = self._facts.table[rows]
        batch = Batch(torch.from_numpy(clouds.astype(np.float32)).flatten(1), extras=extras)
        return replace(batch, condition={"category": self._category[rows]}) if self.categories else batch

    def even(self, row: int) -> NDArray[np.float32]:
        """(P, 3) the most even cloud of a row; its first n points are the most even n."""
        return np.asarray(self._pool[row, : self._points, :AXES], np.float32)


def _tell_grey(data: Data) -> Stage[None]:
    """How many items have no colours. Raises InputError where that is all of them."""
    grey = 0
    for done, item in enumerate(data.items):
        yield Progress(stage="colours", done=done, total=len(data.items))
        grey += not _is_coloured(data.project.geometry_path(item.id))
    if grey == len(data.items):
        raise InputError(
            "none of these items has colours; import clouds with colours or meshes whose vertices have some (PLY, OBJ, GLB), "
            "items that came before that once more, or leave fit.colours out"
        )
    if grey:
        yield Note(text=f"{grey:,} of {len(data.items):,} items have no colours and are learned in grey", warning=True)


def _is_coloured(geometry: Path) -> bool:
    """Whether an item has colours, by the path of its geometry."""
    points = geometry.with_name("points.safetensors")
    if geometry.exists() or not points.exists():
        return geometry.with_name(FILE).exists()
    return len(Stored.load(points).colours) > 0


def _fill(pool: NDArray[np.float16], data: Data, item: ItemRow, points: int, seed: int) -> Encoded:
    """Points of one item into ``pool`` (M, C); what has become of it."""
    start, generator = time.process_time(), np.random.default_rng(seed_of(seed, "cloud", item.id))
    try:
        found = _points(data, item, len(pool), generator, pool.shape[1] > AXES)
    except MeshError as error:
        return Encoded(item.id, None, 0.0, "refused", str(error))
    first = farthest(found[:, :AXES], points)
    pool[:points], pool[points:] = found[first], np.delete(found, first, 0)
    return Encoded(item.id, None, time.process_time() - start, "accepted", "")


def _points(
    data: Data, item: ItemRow, count: int, generator: np.random.Generator, coloured: bool
) -> NDArray[np.floating]:
    """(count, C) points of an item: on its surface, or those that it came as, all of them before any stands twice."""
    path = data.project.geometry_path(item.id)
    if path.exists():
        geometry = load_geometry(path)
        points: NDArray[np.floating] = surface_points(geometry.surface, count, generator)
        if not coloured:
            return points
        paint = path.with_name(FILE)
        shades = to_srgb(load_paint(paint, geometry.to_source).at(points)) if paint.exists() else None
    else:
        own = Stored.load(path.with_name("points.safetensors"))
        if len(own.inside):
            raise MeshError("it came as points that tell inside from outside, without a surface")
        rows = [generator.permutation(len(own.points)) for _ in range(-(-count // len(own.points)))]
        chosen = np.concatenate(rows)[:count]
        if not coloured:
            return own.points[chosen]
        points, shades = own.points[chosen], own.colours[chosen] / 255 if len(own.colours) else None
    return np.hstack([points, np.zeros_like(points) if shades is None else shades - MIDDLE])


def _write(path: Path, pool: NDArray[np.float16], records: Sequence[Encoded]) -> None:
    about = msgspec.json.encode(PoolFile(tuple(records)))
    write_tensors(path, {"pool": pool, "about": np.frombuffer(about, np.uint8)})


def _known(path: Path) -> tuple[Encoded, ...]:
    try:
        return msgspec.json.decode(map_tensor(path, "about")[0].tobytes(), type=PoolFile).records
    except msgspec.DecodeError as error:
        raise DamagedFileError(f"{path} does not say whose points it holds ({error}); delete it and resume") from error
