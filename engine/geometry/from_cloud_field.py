"""The solid that points without normals bound, as a smooth function on a grid.

Lin, Xiao, Shi and Wang 2022, "Surface reconstruction from point clouds without normals by parametrizing the Gauss formula":
the indicator of a solid is the sum of dipoles on its surface. How strong they are, and which way they point, is unknown; it
is the weakest set that makes the indicator one half at every point and 0 far away. So no normals are needed, near sheets of
a thin part turn away from one another by themselves, and where points are missing the surface is carried on smoothly.

Here the dipoles are blurred and laid on a periodic grid, where the sums are products in Fourier space: the cost hardly
depends on the number of points. The weakest set follows from conjugate gradients (Hestenes and Stiefel 1952).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import map_coordinates
from scipy.sparse import csr_matrix

from engine.protocol import Progress, Stage

Grid = NDArray[np.float32]  # (G, G, G)
HALF = 0.72  # of the periodic cube, so that a shape in [-0.5, 0.5]^3 is far from its own copies
CELLS = 0.6  # of the spacing of the points, a cell of the grid
FEWEST, MOST = 40, 112  # cells per axis
FINER = 2  # cells of the grid that is read, to one of that
STEPS = 30  # of conjugate gradients, at most
ENOUGH = 1e-2  # of the first error, at which they end
NEWTON = 2  # steps by which points are moved to the surface
BESIDE = 1.5  # spacings that points may lie beside it
LEAST_SLOPE = 0.5  # below which steps get no longer


class Solid:
    """A function of points in [-0.5, 0.5]^3: about the distance to the surface, cube units, above 0 inside."""

    def __init__(self, waves: NDArray[np.complex64], size: int) -> None:
        """waves : of the function on a periodic grid of ``size`` cells per axis, as `scipy.fft.rfftn` gives them"""
        finer = FINER * size
        padded = np.zeros((finer, finer, finer // 2 + 1), np.complex64)
        half = size // 2
        for x in (slice(0, half), slice(-half, None)):
            for y in (slice(0, half), slice(-half, None)):
                padded[x, y, :half] = waves[x, y, :half]
        shift = np.exp(-1j * np.pi * fft.fftfreq(finer) * finer * (1 - 1 / FINER) / size).astype(np.complex64)
        padded *= shift[:, None, None] * shift[:, None] * shift[: finer // 2 + 1]
        self._values: Grid = fft.irfftn(padded, (finer,) * 3) * np.float32(FINER**3)

    def __call__(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """(P, 3) -> (P,)."""
        place = ((points + HALF) * (len(self._values) / (2 * HALF)) - 0.5).T
        found: NDArray[np.float32] = map_coordinates(self._values, place, np.float32, order=1, mode="grid-wrap")
        return found

    def on_grid(self, x: NDArray[np.floating], y: NDArray[np.floating], z: NDArray[np.floating]) -> Grid:
        """The same at all points of a grid by its axes (X,), (Y,), (Z,) -> (X, Y, Z), much faster."""
        values = self._values
        for axis, along in enumerate((x, y, z)):
            place = (along + HALF) * (len(self._values) / (2 * HALF)) - 0.5
            low = np.floor(place).astype(np.int64)
            share = (place - low).astype(np.float32).reshape(np.where(np.arange(3) == axis, -1, 1))
            before, after = (values.take(low + step, axis, mode="wrap") for step in (0, 1))
            after -= before
            after *= share
            values = before
            values += after
        return values


def solid_of(points: NDArray[np.float64], spacing: float, smoothness: float, blur: float) -> Stage[Solid]:
    """The solid that points (P, 3) in [-0.5, 0.5]^3 bound.

    spacing : usual distance of neighbours, cube units; blur : standard deviation of a dipole, in spacings
    smoothness : weight of weak dipoles against one half at the points, in shares of what a point says of itself
    """
    dipoles = Dipoles(points, spacing, blur)
    wanted = np.full(len(points), 0.5, np.float32)
    signs = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), len(points))  # Hutchinson 1990
    damping = smoothness * float(np.square(dipoles.back(signs)).sum()) / len(points)
    found, rest = np.zeros_like(wanted), wanted.copy()
    way, error = rest.copy(), float(rest @ rest)
    for step in range(STEPS):
        yield Progress(stage="surface", done=step, total=STEPS)
        pushed = dipoles.at_points(dipoles.indicator(dipoles.back(way))) + damping * way
        length = error / float(way @ pushed)
        found += length * way
        rest -= length * pushed
        before, error = error, float(rest @ rest)
        if error < ENOUGH**2 * float(wanted @ wanted):
            break
        way = rest + error / before * way
    values = dipoles.indicator(dipoles.back(found))
    values -= np.median(dipoles.at_points(values))
    slope = np.linalg.norm(
        np.stack([dipoles.at_points(np.gradient(values, dipoles.cell, axis=axis)) for axis in range(3)]), axis=0
    )
    values /= max(float(np.median(slope)), 1e-12)
    yield Progress(stage="surface", done=STEPS, total=STEPS)
    return Solid(fft.rfftn(values), dipoles.size)


def on_surface(points: NDArray[np.float64], spacing: float, solid: Solid) -> NDArray[np.float64]:
    """Points (P, 3) moved to where the solid ends, by steps of Newton, each no farther than BESIDE spacings away.

    What noise puts beside a surface lies on both sides of it; bridges between such points would make it thick and lumpy.
    """
    moved, step = points, 0.5 * spacing
    for _ in range(NEWTON):
        ways = [(solid(moved + step * way) - solid(moved - step * way)) / (2 * step) for way in np.eye(3)]
        slope = np.stack(ways, 1)  # (P, 3), of length 1 where the solid is sure of itself
        steep = np.maximum(np.square(slope).sum(1), LEAST_SLOPE**2)
        away = moved - (solid(moved) / steep)[:, None] * slope - points
        length = np.linalg.norm(away, axis=1, keepdims=True)
        moved = points + away * np.minimum(1, BESIDE * spacing / np.maximum(length, 1e-12))
    return moved


class Dipoles:
    """Blurred dipoles at points: from their strengths (P, 3) to the indicator on the grid, and the transpose of that."""

    def __init__(self, points: NDArray[np.float64], spacing: float, blur: float) -> None:
        wanted = int(np.clip(2 * HALF / (CELLS * spacing), FEWEST, MOST))
        self.size = size = 2 * int(fft.next_fast_len(wanted // 2, real=True))
        self.cell = cell = 2 * HALF / size
        self.spread = _weights(points, size)  # (P, G^3)
        self.gather = self.spread.T.tocsr()
        wave = 2 * np.pi * fft.fftfreq(size, cell)
        waves = np.meshgrid(wave, wave, 2 * np.pi * fft.rfftfreq(size, cell), indexing="ij")
        squared = np.sum(np.square(waves), axis=0)
        squared[0, 0, 0] = 1
        response = np.exp(-0.5 * squared * (max(blur * spacing, blur * cell / CELLS)) ** 2) / squared
        response[0, 0, 0] = 0
        response[size // 2] = response[:, size // 2] = response[..., -1] = 0  # the highest wave has no direction
        self._kernels = [(1j * one * response).astype(np.complex64) for one in waves]
        self._border = np.zeros((size, size, size), np.float32)  # the mean over it is what far away is
        self._border[0] = self._border[:, 0] = self._border[..., 0] = 1
        self._border /= self._border.sum()

    def at_points(self, values: Grid) -> NDArray[np.float32]:
        """(P,) of values on the grid."""
        return np.asarray(self.spread @ values.ravel(), np.float32)

    def indicator(self, strengths: NDArray[np.float32]) -> Grid:
        """(P, 3) -> (G, G, G), 0 on the border of the grid on average."""
        shape = self._border.shape
        waves = sum(
            fft.rfftn((self.gather @ strengths[:, axis]).reshape(shape)) * kernel
            for axis, kernel in enumerate(self._kernels)
        )
        values: Grid = fft.irfftn(waves, shape)
        return values - float((self._border * values).sum())

    def back(self, wanted: NDArray[np.float32]) -> NDArray[np.float32]:
        """The transpose of `at_points` of `indicator`: (P,) -> (P, 3)."""
        laid = (self.gather @ wanted).reshape(self._border.shape) - self._border * wanted.sum()
        waves = fft.rfftn(laid)
        return np.stack([self.at_points(fft.irfftn(-waves * kernel, laid.shape)) for kernel in self._kernels], 1)


def _weights(points: NDArray[np.float64], size: int) -> csr_matrix:
    """(P, G^3) trilinear weights of the grid's cells at points."""
    place = (points + HALF) * (size / (2 * HALF)) - 0.5
    low = np.floor(place).astype(np.int64)
    along = place - low
    columns, weights = [], []
    for corner in np.ndindex(2, 2, 2):
        x, y, z = ((low + corner) % size).T
        columns.append((x * size + y) * size + z)
        weights.append(np.where(np.array(corner) == 1, along, 1 - along).prod(1))
    rows = np.tile(np.arange(len(points)), 8)
    return csr_matrix(
        (np.concatenate(weights).astype(np.float32), (rows, np.concatenate(columns))), (len(points), size**3)
    )
