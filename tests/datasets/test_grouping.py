"""Pieces of shapes matched over a data set, on procedural shapes whose part names are known."""

from collections import defaultdict

import numpy as np
import pytest

from engine.datasets.grouping import Piece, group_pieces, units, usual
from engine.datasets.procedural import make
from engine.geometry.carry import solids_of
from engine.geometry.mesh import face_areas
from engine.stages import ended


def pieces_of(category: str, seed: int) -> list[Piece]:
    """The connected solids of a shape, named "part:number"."""
    found = []
    for name, part in make(category, seed).geometry.parts.items():
        for k, solid in enumerate(solids_of(part)):
            low, high = solid.bounds.tolist()
            found.append(Piece(f"{name}:{k}", tuple(low), tuple(high), float(face_areas(solid).sum())))
    return found


def cube(name: str, x: float, y: float, z: float, size: float = 0.1) -> Piece:
    middle = np.array([x, y, z])
    return Piece(name, tuple((middle - size / 2).tolist()), tuple((middle + size / 2).tolist()), 6 * size**2)


@pytest.mark.parametrize(("category", "share"), [("chair", 0.88), ("airplane", 0.9), ("car", 0.9), ("mug", 0.97)])
def test_groups_agree_with_names_that_were_taken_away(category: str, share: float) -> None:
    """The share of the area whose group stands for its own part; pieces keep that group whatever the items' order."""
    items = [pieces_of(category, seed) for seed in range(16)]
    groups = ended(group_pieces(items))
    table: dict[tuple[int, str], float] = defaultdict(float)
    for own, group in zip(items, groups, strict=True):
        total = sum(piece.area for piece in own)
        for piece in own:
            table[group[piece.name], piece.name.partition(":")[0]] += piece.area / total
    count = 1 + max(k for k, _ in table)
    most = sum(max(value for (k, _), value in table.items() if k == group) for group in range(count))
    assert 2 <= count <= 5
    assert most / sum(table.values()) >= share
    masses = [sum(value for (k, _), value in table.items() if k == group) for group in range(count)]
    assert masses == sorted(masses, reverse=True)


def test_no_group_is_taken_twice_while_there_are_others() -> None:
    items = [pieces_of("lamp", seed) for seed in range(8)]
    for own, group in zip(items, ended(group_pieces(items, 4)), strict=True):
        apart = [{group[piece.name] for piece in unit} for unit in units(own)]
        assert all(len(numbers) == 1 for numbers in apart)
        assert len(set.union(*apart)) == min(len(apart), 4)


def test_symmetric_copies_are_one_unit_and_others_are_not() -> None:
    legs = [cube(f"leg {x} {z}", x, -0.4, z) for x in (-0.3, 0.3) for z in (-0.3, 0.3)]
    others = [cube("knob", 0, 0.4, 0), cube("seat", 0, 0, 0, 0.5)]
    found = units([*legs, *others])
    assert [len(unit) for unit in found] == [1, 4, 1] and found[0][0].name == "seat"


def test_the_number_of_groups_suits_three_quarters_of_the_items() -> None:
    shares = [np.array([0.6, 0.39, 0.01])] * 6 + [np.array([0.5, 0.3, 0.2])] * 2
    assert usual(shares) == 2 and usual([*shares, *shares[-2:]]) == 3
    assert usual([np.full(20, 0.05)]) == 8


def test_fewer_pieces_than_groups_are_no_fault() -> None:
    items = [[cube("a", 0, 0, 0), cube("b", 0, 0.3, 0, 0.2)], [cube("a", 0, 0, 0)]]
    assert ended(group_pieces(items, 8))[0] == {"a": 1, "b": 0}
