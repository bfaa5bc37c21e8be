"""Motions of a part as matrices: what the view shows at once is what the engine makes of the same `Move` later."""

from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from engine.card import MirrorMove, Move, ScaleMove, ShiftMove, TurnMove

AXES = "xyz"


def matrix_of(move: Move, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 4) of a move of a part whose box has its middle at ``centre`` (3,), canonical space."""
    linear, pivot = np.eye(3), np.asarray(centre, float)
    match move:
        case ShiftMove():
            matrix = np.eye(4)
            matrix[:3, 3] = move.by
            return matrix
        case TurnMove():
            linear = turn(AXES.index(move.axis), move.degrees)
        case ScaleMove():
            linear = np.diag(move.factors)
        case MirrorMove():
            linear[AXES.index(move.axis), AXES.index(move.axis)] = -1
            pivot = np.zeros(3) if move.middle else pivot
    return about(linear, pivot)


def turn(axis: int, degrees: float) -> NDArray[np.float64]:
    """(3, 3) rotation about x, y or z (0, 1, 2), counter-clockwise seen from the axis's tip."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[[i, i, j, j], [i, j, i, j]] = (c, -s, s, c)
    return matrix


def about(linear: NDArray[np.float64], pivot: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 4) of a (3, 3) map that leaves ``pivot`` (3,) where it is."""
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = pivot - linear @ pivot
    return matrix
