"""How wide the narrowest of the joints is that hold a shape together, told by the surfaces of its parts.

Being of one shell says little: a back that touches its seat with one cell of the grid is of one shell with it. Pieces of
parts are held by the widest way there is from each to each other, and a shape by the narrowest joint on these ways.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, find_objects, label
from scipy.sparse.csgraph import minimum_spanning_tree

from engine.geometry.mesh import Mesh
from engine.looking import Bits, filled, on_lattice

CRUMB = 0.1  # pieces under this share of the largest of their part hold nothing and need no holding; as `parts.joints`
DELICATE = 0.025  # cube units: a joint that is narrower hangs by a thread
NONE = 1.0  # cube units: of what is of one piece, and has no joint


@dataclass(frozen=True)
class _Piece:
    """One of the connected pieces of a part, by lattice points. box : around it and one point more on each side"""

    part: str
    box: tuple[slice, ...]
    inside: Bits


def narrowest_joint(solids: Mapping[str, Mesh], grid: int) -> float:
    """Width of the narrowest joint of a shape in cube units: the side of a square with as many lattice points as meet in
    it. 0 where something of it meets nothing else, NONE where there is but one piece.

    solids : surfaces of the parts from `geometry.surface.extract` on a ``grid``; "" for the whole where there are none
    Where something is thin within a part is not looked at.
    """
    pieces = [piece for part, inside in filled(on_lattice(solids, grid)).items() for piece in _pieces(part, inside)]
    count = len(pieces)
    if count < 2:
        return NONE
    met = np.zeros((count, count))
    for i, one in enumerate(pieces):
        near = binary_dilation(one.inside)
        for j in range(i + 1, count):
            met[i, j] = 0 if pieces[j].part == one.part else _shared(one.box, near, pieces[j])
    tree = minimum_spanning_tree(
        np.where(met > 0, 1 / np.maximum(met, 1), 0)
    ).data  # the least of 1 / points: the widest
    return 0.0 if len(tree) < count - 1 else float(np.sqrt(1 / tree.max()) / (grid - 1))


def _pieces(part: str, inside: Bits) -> list[_Piece]:
    numbers, _ = label(inside)
    sizes = np.bincount(numbers.ravel())[1:]
    boxes = [tuple(slice(side.start - 1, side.stop + 1) for side in box) for box in find_objects(numbers)]
    return [
        _Piece(part, box, numbers[box] == number)
        for number, (box, size) in enumerate(zip(boxes, sizes, strict=True), 1)
        if size >= CRUMB * sizes.max()
    ]


def _shared(box: tuple[slice, ...], near: NDArray[np.bool_], other: _Piece) -> int:
    """Points of another piece that are ``near``, which is known within ``box``."""
    both = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(box, other.box, strict=True)]
    if any(side.start >= side.stop for side in both):
        return 0
    mine, theirs = (
        tuple(slice(side.start - own.start, side.stop - own.start) for side, own in zip(both, whole, strict=True))
        for whole in (box, other.box)
    )
    return int(np.count_nonzero(near[mine] & other.inside[theirs]))
