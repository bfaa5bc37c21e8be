"""Face budgets on the shapes that people have: met within 2 %, closed and of the same form, or refused with the reason."""

from pathlib import Path

import pytest

from engine.datasets import procedural
from engine.errors import MeshError
from engine.geometry.export.shaping import within_budget
from engine.geometry.mesh import Mesh, is_watertight, join, volume
from engine.geometry.read import load_pieces

CATEGORIES = ("airplane", "chair", "car", "table", "lamp", "mug")
SHARES = (0.4, 0.04)  # of the faces that there are


def walk(whole: Mesh) -> tuple[int, int]:
    """Every budget for one mesh -> how many were met, and how many refused; anything else fails."""
    met = refused = 0
    for share in SHARES:
        budget = max(int(len(whole.faces) * share), 4)
        try:
            done, notes = within_budget({"": whole}, budget)
        except MeshError as error:
            words = str(error)
            assert f"{budget:,} faces" in words or "not closed" in words, words
            assert "ask for more" in words or "repair it first" in words
            refused += 1
            continue
        found = done[""]
        assert abs(len(found.faces) - budget) <= max(0.02 * budget, 1) and is_watertight(found)
        gone = 1 - volume(found) / volume(whole)
        assert any("less volume" in note for note in notes) == (gone > 0.05) and abs(gone) < 0.3
        met += 1
    return met, refused


@pytest.mark.parametrize("category", CATEGORIES)
def test_procedural_shapes_meet_every_budget(category: str) -> None:
    for seed in range(5):
        geometry = procedural.make(category, seed).geometry
        assert walk(geometry.surface) == (len(SHARES), 0)
        budget = sum(len(part.faces) for part in geometry.parts.values()) // 5
        apart = within_budget(dict(geometry.parts), budget)[0]
        assert abs(sum(len(part.faces) for part in apart.values()) - budget) <= 0.02 * budget
        assert list(apart) == list(geometry.parts) and all(is_watertight(part) for part in apart.values())


def test_real_meshes_meet_them_or_say_why(test_data: Path) -> None:
    """Scans and sheets too: what is not closed is refused, and everything that is refused says what to do."""
    met = refused = 0
    for path in [*sorted((test_data / "psb_segbench/off").glob("*.off"))[::24], *sorted(test_data.rglob("*.obj"))[:10]]:
        found = walk(join(list(load_pieces(path).values())))
        met, refused = met + found[0], refused + found[1]
    assert met >= 10 and refused >= 3
