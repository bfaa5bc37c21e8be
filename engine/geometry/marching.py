"""Marching cubes over the open blocks, welded exactly: a vertex is known by the lattice edge that it lies on."""

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from engine.geometry.blocks import OUTSIDE, SIDE, Blocks, Field, Flags, Indices, Lattice, Values
from engine.geometry.mesh import Mesh
from engine.protocol import Progress

ROOM = SIDE + 1  # vertices along a block's edge
PACK = 12  # blocks along each axis of one call's volume; its coordinates stay small enough for float32
MARGIN = 1e-3  # vertices keep this distance (in voxels) from lattice points, so that no two coincide
FLOOR = 1e-4  # smallest over largest value given to the library: it says on which edge a vertex lies, not where
DITHER = 1e-4  # breaks ties of equal values in the ambiguous cases, the same for all cells at a lattice point


def polygonise(blocks: Blocks, parts: Sequence[Field] = ()) -> Generator[Progress, None, Mesh]:
    """Surface of value 0 over the eighths in ``blocks.cut``, in canonical coordinates, faces outward (values > 0 inside).

    Lewiner et al. 2003 as in scikit-image decides the triangles; positions are interpolated here from the true values.

    parts : fields whose largest value the field is; every vertex then stands on the own surface of one of them
    """
    lattice = blocks.lattice
    names: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    places: list[NDArray[np.float64]] = [np.zeros((0, 3))]
    faces: list[NDArray[np.int64]] = [np.zeros((0, 3), np.int64)]
    count = 0
    largest = blocks.largest()
    candidates = np.flatnonzero(blocks.cut.any((1, 2, 3))).astype(np.int32)
    for start in range(0, len(candidates), PACK**3):
        rows = candidates[start : start + PACK**3]
        cubes = blocks.gather(rows)
        cells = blocks.cut[rows].repeat(2, 1).repeat(2, 2).repeat(2, 3)  # (n, 2, 2, 2) -> (n, 4, 4, 4)
        mixed = _has_crossing(cubes, cells)
        if mixed.any():
            rows, cubes, cells = rows[mixed], cubes[mixed], cells[mixed]
            name, place, face = _march(blocks.index[rows], cubes, cells, lattice.size, largest)
            names.append(name)
            places.append(place)
            faces.append(face + count)
            count += len(name)
        yield lattice.progress()
    yield lattice.progress()
    name, first, inverse = np.unique(np.concatenate(names), return_index=True, return_inverse=True)
    place = np.concatenate(places)[first]
    if len(parts) > 1:
        place = yield from _on_parts(lattice, name, place, parts)
    vertices = (place - 1) / (lattice.resolution - 1) - 0.5
    return Mesh(vertices, inverse.astype(np.int32)[np.concatenate(faces)].reshape(-1, 3))


def _on_parts(
    lattice: Lattice, name: NDArray[np.int64], place: NDArray[np.float64], parts: Sequence[Field]
) -> Generator[Progress, None, NDArray[np.float64]]:
    """Lattice positions (V, 3) of vertices of the union of ``parts``, each where a part's own surface has it.

    Between two lattice points the largest of several values is no straight line: beside a part that is far away, a
    surface would stand elsewhere than without it. So every part that is inside at one end of a vertex's edge is followed
    on its own, and the one that reaches furthest tells where the vertex stands.
    """
    on_edge = np.flatnonzero(name % 4 < 3)  # the others stand in the middle of a cell
    axis, low = name[on_edge] % 4, np.stack(np.unravel_index(name[on_edge] // 4, (lattice.size,) * 3), 1)
    ends = [low, low + np.eye(3, dtype=np.int64)[axis]]
    padded = [lattice.padding[end].any(1) for end in ends]
    reach, upward = np.zeros(len(on_edge)), np.zeros(len(on_edge), bool)  # reach is from the inner end of the edge
    for part in parts:
        values = []
        for end, beyond in zip(ends, padded, strict=True):
            found = yield from lattice.of(part, (end[:, 0], end[:, 1], end[:, 2]))
            values.append(np.where(beyond, OUTSIDE, found).astype(np.float64))
        along = cut(values[0], values[1])
        full, crosses = values[0] > 0, (values[0] > 0) != (values[1] > 0)
        reach = np.maximum(reach, np.where(crosses, np.where(full, along, 1 - along), 0))
        upward |= full
    known = reach > 0
    moved = place.copy()
    rows = on_edge[known]
    moved[rows, axis[known]] = low[known, axis[known]] + np.where(upward, reach, 1 - reach)[known]
    return moved


def cut(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where values cross 0 between two lattice points, as a share of the way from the lower one, off both by MARGIN."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(low / (low - high), MARGIN, 1 - MARGIN)


def _has_crossing(cubes: Values, cells: Flags) -> Flags:
    """(n,) True where a wanted cell has corners of both signs."""
    full = cubes > 0
    any_full, all_full = full, full
    for axis in (1, 2, 3):
        low = (slice(None),) * axis + (slice(None, -1),)
        high = (slice(None),) * axis + (slice(1, None),)
        any_full = any_full[low] | any_full[high]
        all_full = all_full[low] & all_full[high]
    return np.any(any_full & ~all_full & cells, axis=(1, 2, 3))


def _march(
    index: Indices, cubes: Values, cells: Flags, size: int, largest: np.float32
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """One call of the library on up to PACK^3 blocks set side by side: edge names (V,), lattice positions (V, 3), faces."""
    side = int(np.ceil(len(index) ** (1 / 3) - 1e-9))
    shape = (side,) * 3
    volume = np.full((side**3, ROOM, ROOM, ROOM), -1, np.float32)
    volume[: len(index)] = _tame(index, cubes, largest)
    mask = np.zeros(volume.shape, bool)
    mask[: len(index), 1:, 1:, 1:] = cells  # the library looks up a cell at its upper corner
    found, faces, _, _ = marching_cubes(
        _packed(volume, side), 0.0, gradient_direction="ascent", mask=_packed(mask, side)
    )

    base = np.floor(found).astype(np.int64)
    fraction = found.astype(np.float64) - base
    axis = fraction.argmax(1)
    block = np.ravel_multi_index(tuple((base // ROOM).T), shape)
    local = base % ROOM
    inner = (fraction > 0).sum(1) > 1  # the library's extra vertex in the middle of an ambiguous cell
    step = np.eye(3, dtype=np.int64)[axis] * ~inner[:, None]
    low, high = (cubes[(block, *where.T)].astype(np.float64) for where in (local, local + step))
    along = cut(low, high)[:, None] * step
    lattice = index[block].astype(np.int64) * SIDE + local
    names = ((lattice[:, 0] * size + lattice[:, 1]) * size + lattice[:, 2]) * 4 + np.where(inner, 3, axis)
    return names, lattice + np.where(inner[:, None], fraction, along), faces.astype(np.int64)


def _packed(cubes: NDArray, side: int) -> NDArray:
    """(side^3, 5, 5, 5) cubes side by side in one volume (5 side,)^3."""
    split = cubes.reshape(side, side, side, ROOM, ROOM, ROOM)
    return split.transpose(0, 3, 1, 4, 2, 5).reshape((side * ROOM,) * 3)


def _tame(index: Indices, cubes: Values, largest: np.float32) -> Values:
    """Values of the same sign, none of them zero, unknown, equal or more than 1 / FLOOR apart."""
    x, y, z = (
        (index[:, axis, None] * SIDE + np.arange(ROOM, dtype=np.int32)).astype(np.uint32) * np.uint32(prime)
        for axis, prime in enumerate((73856093, 19349663, 83492791))
    )
    noise = (x[:, :, None, None] ^ y[:, None, :, None] ^ z[:, None, None, :]) & np.uint32(1023)
    size = np.clip(np.nan_to_num(np.abs(cubes) / largest, nan=1.0), FLOOR, 1.0) * (
        1 + noise * np.float32(DITHER / 1024)
    )
    return np.where(cubes > 0, size, -size).astype(np.float32)
