"""Loose crumbs: small shells that float free, as generated fields sometimes have them far from the shape."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from engine.geometry.mesh import Mesh, drop_unused, join, volume

EXACT = 0.1  # of the share: fits, and what is put together from them, have smaller crumbs than what a model made
TWIN = 0.5  # of a part's largest shell: one as large as that is a second one of its kind, not a crumb of it


def shells(mesh: Mesh) -> list[Mesh]:
    """The connected pieces of a mesh, largest volume first."""
    return sorted((drop_unused(piece) for piece in _pieces(mesh)), key=lambda piece: -abs(volume(piece)))


def least_share(share: float, made: bool) -> float:
    """The share of the volume under which loose shells are left out of a shape that a model ``made``, or did not."""
    return share if made else share * EXACT


def without_crumbs(
    solids: Mapping[str, Mesh], share: float, reach: float, owners: NDArray[np.str_] | None = None
) -> tuple[dict[str, Mesh], dict[str, int]]:
    """Solids without their loose crumbs, and how many of each part were left out; closed meshes in one frame.

    A shell is a crumb when its volume is under ``share`` of the whole's and its bounding box, grown by ``reach`` on each
    side, meets no box of a shell that stays. Shells inside others (cavities) meet them, so they stay. The largest shell of
    a part always stays, and so do those half as large.
    owners : of a single solid that is the union of parts, for each vertex (V,) the part on whose surface it lies
    """
    pieces = [(name, piece) for name, solid in solids.items() if len(solid.faces) for piece in _pieces(solid)]
    sizes = np.array([abs(volume(piece)) for _, piece in pieces])
    boxes = np.zeros((len(pieces), 2, 3))
    for k, (_, piece) in enumerate(pieces):
        boxes[k] = drop_unused(piece).bounds + np.array([[-reach], [reach]])
    held = [
        {name: float(size)} if owners is None else Counter(owners[np.unique(piece.faces)].tolist())
        for (name, piece), size in zip(pieces, sizes, strict=True)
    ]  # how much of each part is in a shell
    most = {part: max(one.get(part, 0.0) for one in held) for part in dict.fromkeys(p for one in held for p in one)}
    named = [any(amount >= TWIN * most[part] for part, amount in one.items()) for one in held]
    stays: NDArray[np.bool_] = np.asarray((sizes >= share * sizes.sum()) | np.array(named, bool), bool)
    touching: NDArray[np.bool_] = np.asarray(
        (boxes[:, None, 0] <= boxes[None, :, 1]).all(2) & (boxes[None, :, 0] <= boxes[:, None, 1]).all(2), bool
    )
    while True:  # what touches something that stays, stays
        more = touching[:, stays].any(1) | stays
        if (more == stays).all():
            break
        stays = more
    kept: dict[str, list[Mesh]] = {}
    left_out: Counter[str] = Counter()
    for (name, piece), one, flag in zip(pieces, held, stays, strict=True):
        if flag:
            kept.setdefault(name, []).append(drop_unused(piece))
        else:
            left_out[max(one, key=lambda part: one[part])] += 1
    return {name: join(found) for name, found in kept.items()}, dict(left_out)


def _pieces(mesh: Mesh) -> list[Mesh]:
    """The connected pieces, all with the vertices of the whole."""
    count = len(mesh.vertices)
    a, b, c = mesh.faces.T
    links = coo_matrix((np.ones(2 * len(a), bool), (np.r_[a, b], np.r_[b, c])), (count, count))
    of_face = connected_components(links, directed=False)[1][a]
    return [Mesh(mesh.vertices, mesh.faces[of_face == label]) for label in np.unique(of_face)]
