"""Items taken apart into connected solids."""

import numpy as np

from engine.geometry.mesh import Geometry, Mesh, flip, join, volume
from engine.geometry.occupancy import occupied
from engine.geometry.pieces import by_pieces, in_pieces
from tests.geometry.shapes import box

SEAT = box((0.5, 0.05, 0.5))
LEGS = [box((0.05, 0.4, 0.05), (x, -0.2, 0.2)) for x in (-0.2, 0.2)]  # they reach into the seat


def test_pieces_are_named_by_size_and_solids_that_touch_are_two() -> None:
    mesh = join([box((size, size, size), (k, 0, 0)) for k, size in enumerate([0.1, 0.3, 0.2])])
    labels = by_pieces(mesh)
    assert labels.names == ("solid 1", "solid 2", "solid 3")
    assert labels.index.tolist() == [2] * 12 + [0] * 12 + [1] * 12
    touching = join([box(), box((0.5, 1, 1), (0.75, 0, 0))])  # four shared corners
    assert by_pieces(touching).index.tolist() == [0] * 12 + [1] * 12
    assert by_pieces(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))).names == ()


def test_crumbs_and_hollows_belong_to_a_piece() -> None:
    """A crumb goes to the nearest piece, a hollow to the solid around it: its volume stays empty."""
    big, far, crumb = box((0.4, 0.4, 0.4)), box((0.3, 0.3, 0.3), (0.8, 0, 0)), box((0.01, 0.01, 0.01), (0.3, 0, 0))
    assert by_pieces(join([big, far, crumb])).index[-12:].tolist() == [0] * 12
    hollow = flip(box((0.2, 0.2, 0.2)))
    apart = in_pieces(Geometry(surface=join([big, hollow, far])))
    assert len(apart.parts) == 2 and np.isclose(volume(apart.parts["solid 1"]), 0.4**3 - 0.2**3)
    inner = box((0.2, 0.2, 0.2))  # wound alike it is a solid in a solid
    assert len(in_pieces(Geometry(surface=join([big, inner, far]))).parts) == 3


def test_parts_that_overlap_come_apart_and_nothing_else_changes() -> None:
    """Two legs under one name are two pieces again; what is inside stays so."""
    chair = Geometry(surface=join([SEAT, *LEGS]), parts={"seat": SEAT, "leg": join(LEGS)})
    apart = in_pieces(chair)
    assert list(apart.parts) == ["solid 1", "solid 2", "solid 3"] and apart.complete
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (4000, 3))
    assert (occupied(chair, points) == occupied(apart, points)).all()
    assert in_pieces(apart).parts.keys() == apart.parts.keys()


def test_open_pieces_are_told_by_labels() -> None:
    open_box = Mesh(SEAT.vertices, SEAT.faces[2:])
    item = in_pieces(Geometry(surface=join([open_box, LEGS[0]]), closed=False))
    assert not item.parts and item.regions is not None and item.regions.names == ("solid 1", "solid 2")
    assert item.regions.names_at(LEGS[0].vertices)[0] == "solid 2"
    assert in_pieces(item) is item
