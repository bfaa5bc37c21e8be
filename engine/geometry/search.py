"""Where a field's surface can be: a search from coarse to fine that opens blocks of the lattice and follows the surface.

What makes it safe, in voxels of the final grid:
- On the first grid a place is left out only when the field cannot have come down to zero there: its value is more than a
  slope times the way to a feature of two voxels across. The slope is the steepest measured around the place, times
  ``STEEPER``, but never more than the steepest measured anywhere, times ``SAFETY``. Slopes are measured again on every
  finer grid, and the choice is repeated when they turn out steeper. This is measured, not proven: a speck that nothing
  around it announces can be missed; ``coarse=resolution`` computes everything.
- Where a field is flat (saturated) its value says nothing about distance, so nothing is left out there, and one more
  probe is taken in every block of 4 x 4 x 4 voxels that the steepest slope cannot rule out, staggered so that a straight
  rod or sheet along an axis meets probes after a few blocks.
- Known values of both signs in a block open it; both signs on a face of it open its neighbour. So a surface that was met
  anywhere is followed until it is closed.
"""

from collections.abc import Generator, Sequence
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from engine.geometry.blocks import CORNERS, LIMIT, SIDE, Blocks, Flags, Indices, Lattice, Values
from engine.protocol import Progress

SAFETY = 1.5  # on the steepest slope, for what lies between the samples
STEEPER = 1.5  # inside a block the slope may be this much steeper than measured round it
HALVES = (slice(0, 3), slice(2, 5))  # vertices of the two halves of a closed block along an axis
PIECE = 32_768  # pairs or blocks treated at once
AROUND = np.array([step for step in product((-1, 0, 1), repeat=3) if any(step)], np.int32)
Number = TypeVar("Number", np.float32, np.bool_)
FACES = tuple((axis, end) for axis in range(3) for end in (0, -1))


class Search:
    """What is known of the field while its surface is looked for.

    stride : lattice steps between the samples of the first grid: 8, 4, 2 or 1 (everything)
    corners : (m + 1,)^3 values at the corners of blocks; probes : (m,)^3 one inside each block; NaN where not computed
    slope : steepest slope measured so far, per voxel
    The first choice is between pairs: cubes of 2 x 2 x 2 blocks.
    """

    def __init__(self, lattice: Lattice, stride: int):
        m = lattice.blocks
        self.lattice, self.stride = lattice, stride
        self.blocks = Blocks(lattice)
        self.corners: Values = np.full((m + 1,) * 3, np.nan, np.float32)
        self.probes: Values = np.full((m,) * 3, np.nan, np.float32)
        self.slope = np.float32(0)
        self._judged = np.float32(-1)  # slope at which blocks were last chosen
        self._tried: Flags = np.zeros((m // 2,) * 3, bool)  # pairs that are not left out
        self._steep: Values = np.zeros((m // 2,) * 3, np.float32)  # steepest slope in each of them
        self._claims = np.empty(self.corners.size, np.int32)  # scratch of _compute_corners

    def run(self) -> Generator[Progress, None, Blocks]:
        """Open and compute all blocks that the surface passes."""
        while self.slope > self._judged:
            yield from self._narrow()
            self._judged = self.slope
            found = yield from self._choose()
            while len(found):
                onward = yield from self._fine(found[:PIECE])
                found = self._unopened(np.concatenate([found[PIECE:], onward]))
        return self.blocks

    def _narrow(self) -> Generator[Progress, None, None]:
        """Compute the corners in all pairs that the first grid cannot rule out, until the slopes are settled."""
        if self.stride < 2 * SIDE:
            yield from self._compute_corners(np.argwhere(~self._tried))
            self._tried[:] = True
            return
        coarse = self.corners[::2, ::2, ::2]
        if np.isnan(coarse[0, 0, 0]):
            x, y, z = np.indices(coarse.shape, np.int32).reshape(3, -1) * (2 * SIDE)
            coarse[:] = (yield from self.lattice.values((x, y, z))).reshape(coarse.shape)
        steep = slopes(coarse, 2 * SIDE)[:-1, :-1, :-1]
        self.slope = max(self.slope, steep.max())
        farther = 2 * self.lattice.resolution * maximum_filter(steep, 3)
        flat = np.abs(coarse[:-1, :-1, :-1]) > farther  # as a distance it would be larger than the cube: saturated
        high, low = _over_corners(coarse, np.maximum), _over_corners(coarse, np.minimum)
        wanted = flat | (high > 0) & ((low <= 0) | self._at_border(np.ogrid[tuple(slice(n) for n in high.shape)], 2))
        near = np.minimum(np.abs(high), np.abs(low))
        while True:
            new = (wanted | (near <= self.slope * SAFETY * reach(2 * SIDE))) & ~self._tried
            if not new.any():
                return
            yield from self._compute_corners(np.argwhere(new))
            self._tried |= new

    def _compute_corners(self, pairs: NDArray[np.int64]) -> Generator[Progress, None, None]:
        for start in range(0, len(pairs), PIECE):
            part = pairs[start : start + PIECE]
            flat = np.ravel_multi_index(tuple(_cells(part, 3)), self.corners.shape)
            missing = flat[np.isnan(self.corners.ravel()[flat])]
            number = np.arange(len(missing), dtype=np.int32)
            self._claims[missing] = number  # pairs share corners: the last claim on each stands
            missing = missing[self._claims[missing] == number]
            x, y, z = np.unravel_index(missing, self.corners.shape)
            self.corners.ravel()[missing] = yield from self.lattice.values((SIDE * x, SIDE * y, SIDE * z))
            steep = slopes(self.corners.ravel()[flat].reshape(-1, 3, 3, 3), SIDE).max((1, 2, 3))
            self._steep[tuple(part.T)] = steep
            self.slope = max(self.slope, steep.max(initial=0))

    def _choose(self) -> Generator[Progress, None, Indices]:
        """Unopened blocks (n, 3) in the pairs that are left whose corners and probe do not rule the surface out."""
        steep = maximum_filter(self._steep, 3)
        pairs = np.argwhere(self._tried)
        chosen = [np.zeros((0, 3), np.int32)]
        for start in range(0, len(pairs), PIECE):
            part = pairs[start : start + PIECE]
            index = _cells(part, 2)
            if self.stride >= SIDE:
                cubes = self.corners[tuple(_cells(part, 3))].reshape(-1, 3, 3, 3)
                high, low = _over_corners(cubes, np.maximum).ravel(), _over_corners(cubes, np.minimum).ravel()
                around = steep[tuple(part.T)].repeat(8)
                near = np.minimum(np.abs(high), np.abs(low))
                flat = near > 2 * self.lattice.resolution * around
                unsure = np.flatnonzero(flat | (near <= self.slope * SAFETY * reach(SIDE)))
                missing = index[:, unsure[np.isnan(self.probes[tuple(index[:, unsure])])]]
                self.probes[tuple(missing)] = yield from self.lattice.values(probe_vertices(missing.T))
                probes = self.probes[tuple(index)]  # NaN where the corners are too far from zero to need one
                high, low = np.fmax(high, probes), np.fmin(low, probes)
                bound = np.minimum(self.slope * SAFETY, around * STEEPER) * reach(SIDE)
                near = np.minimum(np.abs(high), np.abs(low)) <= bound
                index = index[:, near | (high > 0) & ((low <= 0) | self._at_border(index, 1))]
            chosen.append(index.T.astype(np.int32))
        return self._unopened(np.concatenate(chosen))

    def _at_border(self, index: Sequence[NDArray] | NDArray, blocks: int) -> Flags:
        """Whether cubes of so many ``blocks`` per side touch a face of the cube, outside which all counts as empty."""
        last = self.lattice.resolution // (SIDE * blocks)
        x, y, z = ((one == 0) | (one >= last) for one in index)
        result: Flags = x | y | z
        return result

    def _fine(self, index: Indices) -> Generator[Progress, None, Indices]:
        """Open blocks (n, 3) and compute them where the surface can be; gives the unopened blocks it goes on into."""
        blocks = self.blocks
        rows = blocks.open(index)
        for step in CORNERS:
            at = (index + np.array(step, np.int32)).T
            blocks.put((SIDE * at[0], SIDE * at[1], SIDE * at[2]), self.corners[tuple(at)])
        blocks.put(probe_vertices(index), self.probes[tuple(index.T)])
        if self.stride == 1:
            cut = np.ones((len(rows), 2, 2, 2), bool)
        else:
            sparse = np.zeros((SIDE + 1,) * 3, bool)
            sparse[::2, ::2, ::2] = True
            yield from blocks.evaluate(rows, sparse)
            cubes = blocks.gather(rows)
            yield self.lattice.progress()
            steep = slopes(cubes[:, ::2, ::2, ::2], 2).max((1, 2, 3))
            bound = np.minimum(self.slope * SAFETY, steep * STEEPER) * reach(2)
            high, low = _over_halves(cubes, np.fmax), _over_halves(cubes, np.fmin)
            near = np.minimum(np.abs(high), np.abs(low)) <= bound[:, None, None, None]
            cut = (high > 0) & (low <= 0) | near
        blocks.cut[rows] = cut
        yield from blocks.evaluate(rows, _vertices(cut))
        return (yield from self._follow(rows))

    def _follow(self, rows: Indices) -> Generator[Progress, None, Indices]:
        """Compute halves into which the surface goes on, from open blocks ``rows``; gives the unopened ones (n, 3)."""
        blocks, m = self.blocks, self.lattice.blocks
        onward = [np.zeros((0, 3), np.int32)]
        rows = self._with_neighbours(rows)
        while len(rows):
            cubes = blocks.gather(rows)
            self.slope = max(self.slope, slopes(cubes, 1).max())
            full, empty = cubes > 0, cubes <= 0
            for axis, end in FACES:
                face = (slice(None),) * (axis + 1) + (end,)
                crossed = full[face].any((1, 2)) & empty[face].any((1, 2))
                step = np.zeros(3, np.int32)
                step[axis] = -1 if end == 0 else 1
                onward.append(blocks.index[rows[crossed]] + step)
            new = _over_halves(full, np.logical_or) & _over_halves(empty, np.logical_or) & ~blocks.cut[rows]
            changed = new.any((1, 2, 3))
            rows = rows[changed]
            blocks.cut[rows] |= new[changed]
            yield from blocks.evaluate(rows, _vertices(new[changed]))
            rows = self._with_neighbours(rows)
            yield self.lattice.progress()
        index = np.concatenate(onward)
        return self._unopened(index[((index >= 0) & (index < m)).all(1)])

    def _unopened(self, index: Indices) -> Indices:
        """Blocks (n, 3) that are not open, each once."""
        found = np.zeros(self.probes.shape, bool)
        found[tuple(index[self.blocks.rows(index) < 0].T)] = True
        return np.argwhere(found).astype(np.int32)

    def _with_neighbours(self, rows: Indices) -> Indices:
        """Rows of these open blocks and of all open blocks that touch them."""
        near = (self.blocks.index[rows][:, None] + AROUND).reshape(-1, 3)
        found = self.blocks.rows(near)
        wanted = np.zeros(len(self.blocks.index), bool)
        wanted[rows] = True
        wanted[found[found >= 0]] = True
        return np.flatnonzero(wanted).astype(np.int32)


def reach(stride: int) -> float:
    """Way in voxels from the middle of a grid cell of ``stride`` to its corner, less the radius of a 2-voxel feature."""
    return stride * 3**0.5 / 2 - 1


def probe_vertices(index: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Lattice indices of the probes of blocks (n, 3): along each axis, 16 blocks in a row visit all 16 columns of a block."""
    x, y, z = index.T
    return SIDE * x + (z + y // SIDE) % SIDE, SIDE * y + (x + z // SIDE) % SIDE, SIDE * z + (y + x // SIDE) % SIDE


def slopes(values: Values, spacing: int) -> Values:
    """Size of the forward difference per voxel along the last three axes; 0 where a value is unknown or padding."""
    total: Values = np.zeros(values.shape, np.float32)
    change = np.empty_like(total)
    flat, into = np.ascontiguousarray(values).ravel(), change.ravel()
    for axis in (-3, -2, -1):  # in one go over all rows: short ones take long
        step = int(np.prod(values.shape[axis + 1 :])) if axis < -1 else 1
        np.subtract(flat[step:], flat[:-step], out=into[:-step])
        np.swapaxes(change, axis, -1)[..., -1] = 0
        np.square(change, out=change)
        total += change
    np.copyto(total, 0, where=~(total < 4 * LIMIT**2))
    np.sqrt(total, out=total)
    total /= np.float32(spacing)
    return total


def _cells(pairs: NDArray, count: int) -> NDArray:
    """(3, n * count^3) indices 2p + (0 .. count - 1) on each axis: the blocks of pairs (2), or all their corners (3)."""
    steps = np.array(list(product(range(count), repeat=3)), pairs.dtype)
    return (2 * pairs.T[:, :, None] + steps.T[:, None, :]).reshape(3, -1)


def _over_corners(corners: Values, choose: np.ufunc) -> Values:
    """(..., k + 1, k + 1, k + 1) -> (..., k, k, k) over the 8 corners of every cube."""
    for axis in (-3, -2, -1):
        along = np.swapaxes(corners, axis, -1)
        corners = np.swapaxes(choose(along[..., :-1], along[..., 1:]), axis, -1)
    return corners


def _over_halves(cubes: NDArray[Number], choose: np.ufunc) -> NDArray[Number]:
    """(n, 5, 5, 5) -> (n, 2, 2, 2) over the vertices of each eighth of a block."""
    for axis in (1, 2, 3):
        a, b, c, d, e = (cubes[(slice(None),) * axis + (k,)] for k in range(SIDE + 1))
        cubes = np.stack([choose(choose(a, b), c), choose(choose(c, d), e)], axis)
    return cubes


def _vertices(cut: Flags) -> Flags:
    """(n, 2, 2, 2) eighths -> (n, 5, 5, 5) their vertices."""
    found: Flags = OF_EIGHTHS[np.packbits(cut.reshape(-1, 8), axis=1)[:, 0]]
    return found


def _of_eighths() -> Flags:
    """(256, 5, 5, 5) vertices of any set of eighths, by its bits."""
    result = np.zeros((256, SIDE + 1, SIDE + 1, SIDE + 1), bool)
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(bool)
    for number, (x, y, z) in enumerate(product((0, 1), repeat=3)):
        result[:, HALVES[x], HALVES[y], HALVES[z]] |= bits[:, number, None, None, None]
    return result


OF_EIGHTHS = _of_eighths()
