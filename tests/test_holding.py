"""What is too thin to hold together grows until it does, and no farther; what is farther apart stays as it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from engine.basis.field import STEEPNESS, BasisField
from engine.errors import InputError
from engine.geometry.export import ExportOptions
from engine.geometry.surface import extract
from engine.holding import GROWTH, Held, has_distances, held_together, shells_of, union_of
from engine.method import Field, Part
from engine.metrics.decoding import decoded_solids
from engine.parts.pose import PosedField, moved, unmoved
from engine.protocol import Note, Stage
from engine.stages import ended
from engine.write import write_shape
from tests.hearing import heard

GRID = 128


class Blocks(BasisField):
    """Boxes by part, whose logits are what those of a basis are: STEEPNESS times the distance."""

    def __init__(self, boxes: dict[str, list[tuple[tuple[float, ...], tuple[float, ...]]]]) -> None:
        self.boxes, self.parts = boxes, tuple(boxes)

    def __call__(self, points: Tensor) -> Tensor:
        return torch.stack([self.part(name)(points) for name in self.parts]).amax(0)

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        def logits(points: Tensor) -> Tensor:
            found = []
            for middle, half in self.boxes[name]:
                away = (points[:, :3] - torch.tensor(middle)).abs() - torch.tensor(half)
                found.append(-away.clamp_min(0).norm(dim=1) - away.amax(1).clamp_max(0))
            return STEEPNESS * torch.stack(found).amax(0)

        return logits


def apart(gap: float) -> Blocks:
    """A body, and a wing of two blocks with a gap along x between them, one of which stands on the body."""
    step = 1 / (GRID - 1)
    edge = 20 * step + 0.5 * step  # between two planes of the grid: a gap is wide enough to be seen, or is not
    right = ((edge + gap + 0.1, 0.0, 0.0), (0.1, 0.1, 0.1))
    return Blocks(
        {"body": [((0.0, -0.15, 0.0), (0.1, 0.1, 0.1))], "wing": [((edge - 0.1, 0.0, 0.0), (0.1, 0.1, 0.1)), right]}
    )


def held(field: Field) -> Held:
    found: Held = ended(held_together(field, ended(decoded_solids(field, GRID)), GRID))
    return found


def test_a_gap_of_a_grid_point_is_closed_by_the_part_that_has_it() -> None:
    """The gap holds one plane of the grid, half a step from either side: the larger growth reaches it."""
    field = apart(1 / (GRID - 1))
    plain = ended(decoded_solids(field, GRID))
    assert shells_of(plain["wing"])[1] == 2
    found = held(field)
    assert found.whole and found.grown == ("wing",) and found.by in GROWTH
    assert np.array_equal(found.solids["body"].vertices, plain["body"].vertices)
    grown, before = (trimesh.Trimesh(s["wing"].vertices, s["wing"].faces) for s in (found.solids, plain))
    assert shells_of(ended(union_of("", field, GRID))) == (True, 1)
    low = (before.bounds - grown.bounds)[0]
    assert 0.5 * found.by < low.min() <= low.max() < 1.5 * found.by  # and it is so much larger on all sides
    told = found.note("a")
    assert told is not None and "wing" in told.text and "on each side" in told.text


def test_a_speck_that_an_export_leaves_out_makes_no_part_thicker() -> None:
    field = apart(1 / (GRID - 1))
    field.boxes["body"].append(((-0.4, -0.4, -0.4), (0.02, 0.02, 0.02)))
    assert shells_of(ended(decoded_solids(field, GRID))["body"])[1] == 2
    found = held(field)
    assert found.whole and found.grown == ("wing",)


@pytest.mark.parametrize("gap", [3 / (GRID - 1), 0.1])
def test_what_is_farther_apart_stays_as_it_is(gap: float) -> None:
    field = apart(gap)
    found = held(field)
    assert not found.whole and not found.grown and found.field is field and found.note("a") is None
    assert shells_of(ended(union_of("", field, GRID))) == (True, 2)


def test_what_is_whole_stays_as_it_is_also_where_a_part_has_two_shells() -> None:
    """Two engines under a wing are two shells of one part."""
    pair = Blocks(
        {
            "wing": [((0.0, 0.0, 0.0), (0.4, 0.03, 0.1))],
            "engine": [((x, -0.08, 0.0), (0.05, 0.06, 0.1)) for x in (-0.2, 0.2)],
        }
    )
    found = held(pair)
    assert found.whole and not found.grown and found.field is pair


def test_parts_that_were_moved_grow_where_they_stand() -> None:
    field = apart(1 / (GRID - 1))
    places = {name: (name, moved(unmoved(), (0.0, 0.05, 0.0))) for name in field.parts}
    assert held(PosedField(field, places)).grown == ("wing",)


@pytest.mark.parametrize("end", ["glb", "stl"])
def test_an_export_holds_together_and_says_so_unless_told_otherwise(end: str, tmp_path: Path) -> None:
    field, parts = apart(1 / (GRID - 1)), tuple(Part(name, (0.5, 0.5, 0.5), ()) for name in ("body", "wing"))

    def wing_shells(options: ExportOptions, resolution: int) -> tuple[int, bool]:
        path = tmp_path / f"a.{end}"
        _, events = heard(write_shape(field, path, parts, resolution, {"shape": "a"}, 0.0, options))
        found: Any = trimesh.load(path, force="scene")
        mesh = found.geometry["wing"] if end == "glb" else next(iter(found.geometry.values()))
        mesh.merge_vertices()
        return mesh.body_count, any("thicker" in one.text for one in events if isinstance(one, Note))

    assert wing_shells(ExportOptions(), GRID) == wing_shells(ExportOptions(), 96) == (1, True)
    assert wing_shells(ExportOptions(hold=False), GRID) == (2, False)


class Weights:
    """The same, of a kind whose logits are no distances."""

    def __init__(self, field: Blocks) -> None:
        self.parts, self.part, self.field = field.parts, field.part, field

    def __call__(self, points: Tensor) -> Tensor:
        return self.field(points)


def test_what_cannot_grow_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export decodes nothing for it but what it writes."""
    field, parts = apart(1 / (GRID - 1)), tuple(Part(name, (0.5, 0.5, 0.5), ()) for name in ("body", "wing"))
    plain = Weights(field)
    posed = PosedField(plain, {name: (name, unmoved()) for name in plain.parts})
    assert has_distances(field) and not has_distances(plain) and not has_distances(posed)
    grids: list[int] = []

    def counted(field: Field, grid: int) -> Stage[Any]:
        grids.append(grid)
        return extract(field, grid)

    monkeypatch.setattr("engine.holding.extract", counted)
    ended(write_shape(posed, tmp_path / "a.glb", parts, 64, {"shape": "a"}))
    assert grids == [64, 64]


def test_smooth_joints_are_as_before(tmp_path: Path) -> None:
    """They fill gaps themselves; with parts apart they are refused as ever."""
    field, parts = apart(0.1), tuple(Part(name, (0.5, 0.5, 0.5), ()) for name in ("body", "wing"))
    with pytest.raises(InputError, match="pieces=union"):
        ended(write_shape(field, tmp_path / "a.glb", parts, GRID, {}, 0.0, ExportOptions(smooth=0.02)))
