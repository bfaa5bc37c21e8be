"""Values of a field on the vertices of a fine lattice, kept only where the surface can be: blocks of 4 x 4 x 4 vertices."""

from collections.abc import Callable, Generator, Iterator
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import MeshError
from engine.protocol import Progress

Field = Callable[[Tensor], Tensor]
Indices = NDArray[np.int32]
Values = NDArray[np.float32]
Flags = NDArray[np.bool_]

SIDE = 4  # lattice cells along a block's edge
OUTSIDE = np.float32(-1e18)  # value of the padding round the cube: empty
LIMIT = np.float32(1e16)  # larger logits (an absent part may say -inf) are clipped to this
CHUNK = 65_536  # points per call of the field: well under half a second also for slow fields
CORNERS = tuple(product((0, 1), repeat=3))


class Lattice:
    """Vertex positions: ``resolution`` vertices per axis over [-0.5, 0.5] inclusive, one layer of padding on each side.

    Index 0 and every index above ``resolution`` are padding; they stand at the nearest vertex of the cube's face.
    """

    def __init__(self, field: Field, resolution: int, level: float):
        self.resolution = resolution
        self.blocks = 2 * -(-(resolution + 1) // (2 * SIDE))  # per axis, even, so that pairs of blocks fit too
        self.size = SIDE * self.blocks + 1
        index = np.arange(self.size + SIDE)
        self.padding: Flags = (index < 1) | (index > resolution)
        self.axis: Values = ((index - 1).clip(0, resolution - 1) / (resolution - 1) - 0.5).astype(np.float32)
        self.done = 0
        self.total = 0
        self._field = field
        self._level = level

    def progress(self) -> Progress:
        """Points done of those asked for so far."""
        return Progress(stage="extract", done=self.done, total=self.total)

    def values(self, index: tuple[NDArray, NDArray, NDArray]) -> Generator[Progress, None, Values]:
        """Field minus level at the vertices with these three index arrays (P,) -> (P,). Raises MeshError on NaN."""
        return (yield from self.of(self._field, index))

    def of(self, field: Field, index: tuple[NDArray, NDArray, NDArray]) -> Generator[Progress, None, Values]:
        """The same of another field."""
        found = np.empty(len(index[0]), np.float32)
        self.total = max(self.total, self.done + len(found))
        yield self.progress()
        for start in range(0, len(found), CHUNK):
            part = slice(start, start + CHUNK)
            points = np.stack([self.axis[one[part]] for one in index], 1)
            with torch.no_grad():
                logits = field(torch.from_numpy(points)).to("cpu", torch.float32).numpy()
            found[part] = np.clip(logits - np.float32(self._level), -LIMIT, LIMIT)
            self.done += len(points)
            yield self.progress()
        if np.isnan(found).any():
            raise MeshError("the field gives NaN, so it has no surface; its weights are damaged or diverged")
        return found


class Blocks:
    """The blocks that hold values. A block owns the vertices 4b .. 4b + 3; its closed cube also needs those of its upper
    neighbours, which get storage when it is opened. NaN stands for a vertex that was never asked for.

    index : (n, 3) int32, the open blocks; cut : (n, 2, 2, 2) bool, which eighths are known at every vertex
    """

    def __init__(self, lattice: Lattice):
        self.lattice = lattice
        self.index: Indices = np.zeros((0, 3), np.int32)
        self.cut: Flags = np.zeros((0, 2, 2, 2), bool)
        side = lattice.blocks + 2
        self._place = np.full((side, side, side), -1, np.int32)  # block -> row of _store
        self._row = np.full((side, side, side), -1, np.int32)  # block -> row of index
        self._store: Values = np.zeros((0, SIDE, SIDE, SIDE), np.float32)
        self._home: Indices = np.zeros((0, 3), np.int32)  # row of _store -> block
        self._owners: Indices = np.zeros((0, 8), np.int32)  # rows of _store for each of CORNERS

    def rows(self, index: Indices) -> Indices:
        """(n,) row of each open block, -1 where it is not open; indices just outside the lattice are allowed."""
        return self._row[tuple((index + 0).T)]

    def open(self, index: Indices) -> Indices:
        """Open blocks (n, 3) that are not open yet; gives their rows."""
        owners = (index[:, None] + np.array(CORNERS, np.int32)).reshape(-1, 3)
        new = np.flatnonzero(self._place[tuple(owners.T)] < 0)
        flat = np.ravel_multi_index(tuple(owners[new].T), self._place.shape)
        fresh = np.unique(flat)
        self._place.ravel()[fresh] = np.arange(len(fresh), dtype=np.int32) + len(self._store)
        self._store = np.concatenate([self._store, np.full((len(fresh), SIDE, SIDE, SIDE), np.nan, np.float32)])
        home = np.stack(np.unravel_index(fresh, self._place.shape), 1).astype(np.int32)
        self._home = np.concatenate([self._home, home])
        rows = np.arange(len(index), dtype=np.int32) + len(self.index)
        self._row[tuple(index.T)] = rows
        self.index = np.concatenate([self.index, index])
        self.cut = np.concatenate([self.cut, np.zeros((len(index), 2, 2, 2), bool)])
        self._owners = np.concatenate([self._owners, self._place[tuple(owners.T)].reshape(-1, 8)])
        return rows

    def put(self, index: tuple[NDArray, NDArray, NDArray], values: Values) -> None:
        """Store known values of vertices (three index arrays (P,)) where their blocks have storage."""
        block = tuple(one // SIDE for one in index)
        place = self._place[block]
        have = np.flatnonzero((place >= 0) & ~np.isnan(values))
        local = tuple(one[have] % SIDE for one in index)
        padded = np.logical_or.reduce([self.lattice.padding[one[have]] for one in index])
        self._store[(place[have], *local)] = np.where(padded, OUTSIDE, values[have])

    def gather(self, rows: Indices) -> Values:
        """(n, 5, 5, 5) values of the closed cubes of open blocks."""
        cube = np.empty((len(rows), SIDE + 1, SIDE + 1, SIDE + 1), np.float32)
        for corner, into, source in _pieces():
            cube[(slice(None), *into)] = self._store[(self._owners[rows, corner], *source)]
        return cube

    def largest(self) -> np.float32:
        """Largest size of the known values, padding aside."""
        size = np.abs(self._store)
        return np.max(size, initial=np.float32(1e-30), where=size <= LIMIT)

    def evaluate(self, rows: Indices, wanted: Flags) -> Generator[Progress, None, None]:
        """Make the vertices ``wanted`` (n, 5, 5, 5), or (5, 5, 5) for all, of open blocks known; each is computed once."""
        ask = np.zeros(self._store.shape, bool)
        for corner, into, source in _pieces():
            owners = self._owners[rows, corner]
            part = wanted[(slice(None), *into)] if wanted.ndim == 4 else wanted[into]
            ask[(owners, *source)] |= part
        ask &= np.isnan(self._store)
        flat, store = np.flatnonzero(ask), self._store.reshape(-1)
        home, local = SIDE * self._home[flat // SIDE**3], flat % SIDE**3
        x, y, z = (home[:, axis] + local // SIDE ** (2 - axis) % SIDE for axis in range(3))
        padded = self.lattice.padding[x] | self.lattice.padding[y] | self.lattice.padding[z]
        if padded.any():
            store[flat[padded]] = OUTSIDE
            flat, x, y, z = (one[~padded] for one in (flat, x, y, z))
        store[flat] = yield from self.lattice.values((x, y, z))


def _pieces() -> Iterator[tuple[int, tuple[slice, ...], tuple[slice, ...]]]:
    """Which part of a closed cube (5, 5, 5) comes from which part (4, 4, 4) of which owner."""
    for number, corner in enumerate(CORNERS):
        into = tuple(slice(SIDE, None) if one else slice(0, SIDE) for one in corner)
        source = tuple(slice(0, 1) if one else slice(None) for one in corner)
        yield number, into, source
