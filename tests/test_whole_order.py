"""Draws whose parts are out of order: set right by a shift, or drawn again; a stopped run goes on with the same."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine import whole
from engine.method import Field, Shapes
from engine.parts.order import Rule
from engine.protocol import Note, Stage
from engine.whole import TRIES, Lift, whole_shapes

TOP, LEG = (0.2, 0.05), (0.0, 0.2)  # middle and half height of a table's parts, along y
RULES = (Rule("leg", "top", 1, 0.0), Rule("top", "leg", 0, 1.0))


class Blocks:
    """A top and a leg, of which the leg stands ``up`` higher than it should."""

    parts: tuple[str, ...] = ("top", "leg")

    def __init__(self, up: float, top: float) -> None:
        self._places = {"top": (TOP[0] + top, TOP[1], 0.35), "leg": (LEG[0] + up, LEG[1], 0.1)}

    def __call__(self, points: Tensor) -> Tensor:
        return torch.stack([self.part(name)(points) for name in self.parts]).amax(0)

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        middle, high, wide = self._places[name]
        size, place = torch.tensor([wide, high, wide]), torch.tensor([0.0, middle, 0.0])
        return lambda points: (size - (points - place).abs()).amin(1)


class Decoder:
    """Stands for a representation of rows (how high leg and top stand, number)."""

    def decode(self, shapes: Shapes) -> Sequence[Field]:
        return [Blocks(float(up), float(top)) for up, top in shapes.latent[:, :2]]


def shifted(_: object, row: Tensor, moves: dict[str, tuple[float, float, float]]) -> Tensor:
    return row + torch.tensor([moves.get("leg", (0, 0, 0))[1], moves.get("top", (0, 0, 0))[1], 0.0])


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "GRID", 48)
    monkeypatch.setattr(whole, "BasisRepresentation", Decoder)
    monkeypatch.setattr(whole, "shifted", shifted)


def made(
    heights: Sequence[Sequence[float]], path: Path, rules: tuple[Rule, ...] = RULES, stop_after: int = 0
) -> tuple[tuple[Shapes, int] | None, dict[int, Lift | None], list[Any]]:
    """What comes of legs that stand so high, by attempt and shape; the lifts, and the events."""
    told: dict[int, Lift | None] = {}
    events: list[Any] = []

    def draw(attempt: int) -> Stage[Shapes]:
        yield from ()
        up = torch.tensor(heights[min(attempt, len(heights) - 1)])
        return Shapes(torch.stack([up, 0 * up, torch.arange(len(up)).float()], 1), torch.ones(len(up), 2).bool())

    def settled(number: int, row: Shapes, joint: float, lift: Lift | None) -> None:
        assert joint >= 0
        told[number] = lift

    decoder, device = Decoder(), torch.device("cpu")
    stage = whole_shapes(draw, decoder, device, lambda row: True, path, settled, None, rules)  # type: ignore[arg-type]
    while True:
        try:
            events.append(next(stage))
        except StopIteration as end:
            return end.value, told, events
        if stop_after and len(told) == stop_after:
            stage.close()
            return None, told, events


def test_what_is_out_of_order_is_shifted_or_drawn_again_and_the_rest_stays(tmp_path: Path) -> None:
    """In order; out by little; out by more than a part may be shifted, and in order when drawn again."""
    done, told, events = made([[0.0, 0.08, 0.2], [0.3, 0.3, 0.02]], tmp_path / "looked.json")
    assert done is not None and done[1] == 1
    assert told[0] is None and told[2] is None and told[1] is not None and abs(told[1][1]) < 0.05
    up, top, number = done[0].latent.T
    assert up[0] == 0 and up[2] == pytest.approx(0.02) and number.tolist() == [0, 1, 2] and not bool(top[[0, 2]].any())
    assert up[1] + LEG[0] + LEG[1] < top[1] + TOP[0] + TOP[1]
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("1 of 3 shapes a part was shifted" in text for text in notes) and any(
        "out of order" in text for text in notes
    )


def test_without_rules_nothing_changes(tmp_path: Path) -> None:
    done, told, _ = made([[0.0, 0.08, 0.2]], tmp_path / "looked.json", ())
    assert done is not None and done[1] == 0 and set(told.values()) == {None}
    assert torch.equal(done[0].latent[:, 0], torch.tensor([0.0, 0.08, 0.2]))


def test_what_never_is_in_order_stays_as_first_drawn_and_is_told(tmp_path: Path) -> None:
    done, told, events = made([[0.2]], tmp_path / "looked.json")
    assert done is not None and not told and float(done[0].latent[0, 0]) == pytest.approx(0.2)
    assert [event.text for event in events if isinstance(event, Note) and event.warning] == [
        f"1 shapes are in pieces, out of order, or not as asked, after {TRIES} draws each"
    ]


def test_a_stopped_run_goes_on_with_the_same_shifts(tmp_path: Path) -> None:
    heights = [[0.08, 0.0, 0.07, 0.2], [0.0, 0.0, 0.0, 0.06]]
    straight, told, _ = made(heights, tmp_path / "straight.json")
    half, _, _ = made(heights, tmp_path / "looked.json", stop_after=2)
    goes_on, again, _ = made(heights, tmp_path / "looked.json")
    assert straight is not None and half is None and goes_on is not None and told == again
    assert torch.equal(straight[0].latent, goes_on[0].latent) and straight[1] == goes_on[1]
