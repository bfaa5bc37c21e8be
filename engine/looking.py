"""Of how many pieces a shape is, told by the surfaces of its parts: that of their union need not be computed for it.

A vertex of a surface lies on an edge of the lattice with its inside at one end and its outside at the other, so a surface
says of every lattice point on which side it is, and a union has inside what any part has. Pieces of it, and of what is
around and in it, are pieces of the surface. What this cannot tell for sure, the union's own surface has to.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, generate_binary_structure, label

from engine.geometry.crumbs import TWIN
from engine.geometry.mesh import Mesh

Bits = NDArray[np.bool_]
Places = NDArray[np.float64]

ON_EDGE = 5e-4  # lattice steps; vertices keep twice that from lattice points, see geometry.marching
CLEAR = 1.3  # times a limit of what counts as a crumb: sizes are told by lattice points, not by faces
NEAR = 1  # lattice steps by which boxes may be farther apart, or nearer, than their points
CORNERS = generate_binary_structure(3, 3)
REACH = 2  # lattice steps by which boxes of shells are grown on each side, as engine.write leaves out crumbs


def in_one_piece(solids: Mapping[str, Mesh], grid: int, share: float) -> bool | None:
    """Whether the union of parts is of one shell once crumbs are left out, as `geometry.crumbs` has it; None = unsure.

    solids : surfaces of the parts from `geometry.surface.extract` on a ``grid``; "" for the whole where there are none
    share : of the volume, under which loose shells are crumbs
    """
    places = on_lattice(solids, grid)
    inside = filled(places)
    if not inside:
        return False
    whole: Bits = np.any(list(inside.values()), axis=0)
    if label(whole)[1] == label(~whole)[1] == 1:
        return True
    along, across = (_one_piece(whole, places, inside, share, steps) for steps in (None, CORNERS))
    return along if along == across else None  # what touches at corners alone may hang together, or not


def loose_parts(solids: Mapping[str, Mesh], grid: int, share: float) -> tuple[str, ...]:
    """Parts of which something is in another piece of the union than the largest, and in no crumb; see `in_one_piece`.

    Where it is not clear what is a crumb, nothing is.
    """
    places = on_lattice(solids, grid)
    inside = filled(places)
    if not inside:
        return ()
    pieces, count = label(np.any(list(inside.values()), axis=0))
    if count < 2:
        return ()
    kept = _kept(places, inside, pieces, share)
    loose = np.append(False, np.ones(count, bool) if kept is None else kept)  # by number of the piece, 0 for none
    loose[1 + np.bincount(pieces.ravel())[1:].argmax()] = False
    return tuple(name for name, own in inside.items() if loose[pieces[own]].any())


def on_lattice(solids: Mapping[str, Mesh], grid: int) -> dict[str, Places]:
    """Lattice positions (V, 3) of the vertices of each surface, counted from one before the first of all."""
    places = {name: (mesh.vertices + 0.5) * (grid - 1) for name, mesh in solids.items() if len(mesh.faces)}
    low = np.floor(np.min([place.min(0) for place in places.values()], axis=0)) if places else 0
    return {name: place - low + 1 for name, place in places.items()}


def filled(places: Mapping[str, Places]) -> dict[str, Bits]:
    """Which lattice points are inside of each surface, by lattice positions of its vertices (V, 3) > 0: one array
    (X, Y, Z) of each, all of one shape, with a layer of points that are outside of all on every side."""
    high = np.max([place.max(0) for place in places.values()], axis=0) if places else np.zeros(3)
    shape = tuple(np.ceil(high).astype(int) + 2)
    return {name: _filled(place, shape) for name, place in places.items()}


def _filled(place: Places, shape: tuple[int, ...]) -> Bits:
    """Points between the first and the second vertex of a line along x are inside, and so on."""
    off = np.abs(place - np.rint(place)) > ON_EDGE
    line = place[off[:, 0] & ~off[:, 1] & ~off[:, 2]]
    turns = np.zeros(shape, np.uint8)
    turns[_points(line, np.ceil)] = 1
    for before, layer in pairwise(turns):  # layer by layer: ufunc.accumulate takes twenty times as long
        layer ^= before
    return turns.view(bool)


def _points(place: Places, rounded: np.ufunc) -> tuple[NDArray[np.int64], ...]:
    """The lattice points at one end of the edges on which vertices lie: np.floor or np.ceil."""
    near = np.rint(place)
    return tuple(np.where(np.abs(place - near) > ON_EDGE, rounded(place), near).astype(np.int64).T)


def _one_piece(
    whole: Bits, places: Mapping[str, Places], inside: Mapping[str, Bits], share: float, steps: Any
) -> bool | None:
    """The same, where points hang together along edges of the lattice, or by ``steps`` of scipy.ndimage."""
    pieces, count = label(whole, steps)
    if count > 1:
        kept = _kept(places, inside, pieces, share)
        if kept is None or kept.sum() > 1:
            return None if kept is None else False
        whole = pieces == 1 + int(kept.argmax())
    return bool(label(~whole, steps)[1] == 1)  # what it encloses has a shell of its own


def _kept(
    places: Mapping[str, Places], inside: Mapping[str, Bits], pieces: NDArray[np.int32], share: float
) -> Bits | None:
    """(pieces,) which of several are none of the crumbs that an export leaves out; None where that is not clear."""
    sizes = np.bincount(pieces.ravel())[1:].astype(float)
    held = np.stack([_held(places[name], pieces)[1:] for name in inside])  # (parts, pieces)
    boxes = np.array([[[side.start, side.stop - 1] for side in box] for box in find_objects(pieces)])  # (pieces, 3, 2)
    sure, likely = (
        _spread(
            (sizes >= times * share * sizes.sum())
            | (held >= np.maximum(1, times * TWIN * held.max(1)[:, None])).any(0),
            boxes,
            2 * REACH + apart,
        )
        for times, apart in ((CLEAR, 0), (1 / CLEAR, 2 + NEAR))  # vertices lie up to a step outside of the points
    )
    return sure if sure.sum() > 1 or (sure.any() and (sure == likely).all()) else None


def _held(place: Places, pieces: NDArray[np.int32]) -> NDArray[np.int64]:
    """How much of one part is in each piece, 0 for none of them: its vertices on the surface of the whole."""
    low, high = pieces[_points(place, np.floor)], pieces[_points(place, np.ceil)]
    outer = (low == 0) != (high == 0)
    found: NDArray[np.int64] = np.bincount(np.maximum(low, high)[outer], minlength=int(pieces.max()) + 1)
    return found


def _spread(stays: Bits, boxes: NDArray[np.int64], apart: float) -> Bits:
    """The same with all whose boxes (pieces, 3, 2) are at most so far apart from that of something that stays."""
    gaps = np.maximum(boxes[:, None, :, 0] - boxes[None, :, :, 1], boxes[None, :, :, 0] - boxes[:, None, :, 1])
    touching = (gaps <= apart).all(2)
    while True:
        more = touching[:, stays].any(1) | stays
        if (more == stays).all():
            return stays
        stays = more
