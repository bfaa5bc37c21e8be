"""Where a field's surface can be: a search from coarse to fine that opens blocks of the lattice and follows the surface.

What makes it safe, in voxels of the final grid:
- On the first grid a place is left out only when the field cannot have come down to zero there: its value is more than
  the steepest slope measured anywhere times the way to a feature of two voxels across. Slopes are measured again on every
  finer grid, and the choice is repeated when they turn out steeper.
- Where a field is flat (saturated) its value says nothing about distance, so nothing is left out there, and one more
  probe is taken in every block of 4 x 4 x 4 voxels that is not left out, staggered so that a straight rod or sheet along
  an axis meets probes after a few blocks.
- Known values of both signs in a block open it; both signs on a face of it open its neighbour. So a surface that was met
  anywhere is followed until it is closed.
"""

from collections.abc import Generator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from engine.geometry.blocks import CORNERS, LIMIT, SIDE, Blocks, Flags, Indices, Lattice, Values
from engine.protocol import Progress

SAFETY = 1.2  # on the steepest slope, for what lies between the samples
STEEPER = 1.5  # inside a block the slope may be this much steeper than measured round it
HALVES = (slice(0, 3), slice(2, 5))  # vertices of the two halves of a closed block along an axis
AROUND = np.array([step for step in product((-1, 0, 1), repeat=3) if any(step)], np.int32)
FACES = tuple((axis, end) for axis in range(3) for end in (0, -1))


class Search:
    """What is known of the field while its surface is looked for.

    stride : lattice steps between the samples of the first grid: 8, 4, 2 or 1 (everything)
    corners : (m + 1,)^3 values at the corners of blocks; probes : (m,)^3 one inside each block; NaN where not computed
    slope : steepest slope measured so far, per voxel
    """

    def __init__(self, lattice: Lattice, stride: int):
        m = lattice.blocks
        self.lattice, self.stride = lattice, stride
        self.blocks = Blocks(lattice)
        self.corners: Values = np.full((m + 1,) * 3, np.nan, np.float32)
        self.probes: Values = np.full((m,) * 3, np.nan, np.float32)
        self.slope = np.float32(0)
        self._judged = np.float32(-1)  # slope at which blocks were last chosen
        self._tried: Flags = np.zeros((m,) * 3, bool)

    def run(self) -> Generator[Progress, None, Blocks]:
        """Open and compute all blocks that the surface passes."""
        while len(found := (yield from self._coarse())):
            while len(found):
                found = yield from self._fine(found)
        return self.blocks

    def _coarse(self) -> Generator[Progress, None, Indices]:
        """Blocks (n, 3) to open by what their corners and probes say; none when that was done for this slope."""
        if self.slope <= self._judged:
            return np.zeros((0, 3), np.int32)
        if self.stride < 8:
            self._tried[:] = True
            yield from self._compute_corners(np.ones_like(self.corners, bool))
            self.slope = max(self.slope, slopes(self.corners, SIDE).max())
        else:
            yield from self._leave_out()
        self._judged = self.slope
        chosen = self._tried
        if self.stride >= SIDE:
            yield from self._compute_probes()
            local = maximum_filter(slopes(self.corners, SIDE)[:-1, :-1, :-1], 3)
            bound = np.minimum(self.slope * SAFETY, local * STEEPER) * reach(SIDE)
            chosen = chosen & self._possible(self.corners, bound, self.probes)
        index = np.argwhere(chosen).astype(np.int32)
        return index[self.blocks.rows(index) < 0]

    def _leave_out(self) -> Generator[Progress, None, None]:
        """Corners of all blocks that the first grid of every second corner cannot rule out, until slopes are settled."""
        first = np.zeros_like(self.corners, bool)
        first[::2, ::2, ::2] = True
        yield from self._compute_corners(first)
        pairs = self.corners[::2, ::2, ::2]
        steep = slopes(pairs, 2 * SIDE)
        self.slope = max(self.slope, steep.max())
        farther = 2 * self.lattice.resolution * maximum_filter(steep[:-1, :-1, :-1], 3)
        flat = np.abs(pairs[:-1, :-1, :-1]) > farther  # as a distance it would be larger than the cube: saturated
        while True:
            possible = flat | self._possible(pairs, self.slope * SAFETY * reach(2 * SIDE))
            wanted = possible.repeat(2, 0).repeat(2, 1).repeat(2, 2)
            if not (wanted & ~self._tried).any():
                return
            self._tried |= wanted
            touched = np.zeros_like(self.corners, bool)
            for step in CORNERS:
                touched[tuple(slice(one, one + len(wanted)) for one in step)] |= wanted
            yield from self._compute_corners(touched)
            self.slope = max(self.slope, slopes(self.corners, SIDE).max())

    def _compute_corners(self, wanted: Flags) -> Generator[Progress, None, None]:
        x, y, z = np.nonzero(wanted & np.isnan(self.corners))
        self.corners[x, y, z] = yield from self.lattice.values((SIDE * x, SIDE * y, SIDE * z))

    def _compute_probes(self) -> Generator[Progress, None, None]:
        index = np.argwhere(self._tried & np.isnan(self.probes))
        self.probes[tuple(index.T)] = yield from self.lattice.values(probe_vertices(index))

    def _possible(self, corners: Values, bound: np.float32 | Values, probes: Values | None = None) -> Flags:
        """(k,)^3 True for cubes with values of both signs, or with one no farther than ``bound`` from zero."""
        high = _over_corners(corners, np.fmax)
        low = _over_corners(corners, np.fmin)
        if probes is not None:
            high, low = np.fmax(high, probes), np.fmin(low, probes)
        result = (high > 0) & (low <= 0) | (np.minimum(np.abs(high), np.abs(low)) <= bound)
        last = self.lattice.resolution * len(high) // (SIDE * self.lattice.blocks)  # where the cube's far faces are
        for axis in range(3):  # outside the cube counts as empty, so what is full at its faces is surface
            for end in (slice(0, 1), slice(last, None)):
                border = (slice(None),) * axis + (end,)
                result[border] |= high[border] > 0
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
            for axis, end in FACES:
                face = cubes[(slice(None),) * (axis + 1) + (end,)]
                crossed = (face > 0).any((1, 2)) & (face <= 0).any((1, 2))
                step = np.zeros(3, np.int32)
                step[axis] = -1 if end == 0 else 1
                onward.append(blocks.index[rows[crossed]] + step)
            new = (_over_halves(cubes, np.fmax) > 0) & (_over_halves(cubes, np.fmin) <= 0) & ~blocks.cut[rows]
            changed = new.any((1, 2, 3))
            rows = rows[changed]
            blocks.cut[rows] |= new[changed]
            yield from blocks.evaluate(rows, _vertices(new[changed]))
            rows = self._with_neighbours(rows)
        index = np.concatenate(onward)
        index = index[((index >= 0) & (index < m)).all(1)]
        index = index[blocks.rows(index) < 0]
        return np.unique(index, axis=0) if len(index) else index

    def _with_neighbours(self, rows: Indices) -> Indices:
        """Rows of these open blocks and of all open blocks that touch them."""
        near = (self.blocks.index[rows][:, None] + AROUND).reshape(-1, 3)
        found = self.blocks.rows(near)
        return np.unique(np.concatenate([rows, found[found >= 0]]))


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
    for axis in (-3, -2, -1):
        change = np.diff(values, axis=axis)
        np.square(change, out=change)
        np.swapaxes(total, axis, -1)[..., :-1] += np.swapaxes(change, axis, -1)
    total[~(total < 4 * LIMIT**2)] = 0
    np.sqrt(total, out=total)
    total /= np.float32(spacing)
    return total


def _over_corners(corners: Values, choose: np.ufunc) -> Values:
    """(k + 1,)^3 -> (k,)^3 over the 8 corners of every cube."""
    for axis in range(3):
        cut = (slice(None),) * axis
        corners = choose(corners[(*cut, slice(None, -1))], corners[(*cut, slice(1, None))])
    return corners


def _over_halves(cubes: Values, choose: np.ufunc) -> Values:
    """(n, 5, 5, 5) -> (n, 2, 2, 2) over the vertices of each eighth of a block."""
    for axis in (1, 2, 3):
        cut = (slice(None),) * axis
        cubes = np.stack([choose.reduce(cubes[(*cut, half)], axis=axis) for half in HALVES], axis)
    return cubes


def _vertices(cut: Flags) -> Flags:
    """(n, 2, 2, 2) eighths -> (n, 5, 5, 5) their vertices."""
    result = np.zeros((len(cut), SIDE + 1, SIDE + 1, SIDE + 1), bool)
    for number in product((0, 1), repeat=3):
        x, y, z = number
        result[:, HALVES[x], HALVES[y], HALVES[z]] |= cut[:, x, y, z, None, None, None]
    return result
