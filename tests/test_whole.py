"""Shapes in one piece: what is kept, what is drawn again, what is told, and that a stopped run goes on."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from engine import whole
from engine.abreast import AHEAD
from engine.holding import shells_of, union_of
from engine.method import Field, Shapes
from engine.protocol import Note, Stage
from engine.stages import ended
from engine.whole import SAVE_EVERY, TRIES, whole_shapes

BALL, CRUMB, APART, NOTHING, ODD = range(5)
GOOD = (BALL, CRUMB)  # a crumb is left out, as in every export
BALLS: dict[int, tuple[tuple[float, float], ...]] = {  # kind -> place along x and radius of its balls
    BALL: ((0.0, 0.2),),
    CRUMB: ((0.2, 0.2), (-0.4, 0.05)),
    APART: ((0.2, 0.15), (-0.25, 0.15)),
    NOTHING: (),
    ODD: ((0.0, 0.2),),  # whole, but not as asked
}


class Balls:
    """A field of balls."""

    parts: tuple[str, ...] = ()

    def __init__(self, kind: int) -> None:
        self.balls = BALLS[kind]

    def __call__(self, points: Tensor) -> Tensor:
        from_each = [r - (points - torch.tensor([x, 0.0, 0.0])).norm(dim=1) for x, r in self.balls]
        return torch.stack(from_each).amax(0) if from_each else torch.full((len(points),), -1.0)

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        raise KeyError(name)


class Decoder:
    """Stands for a representation; counts what it decodes."""

    def __init__(self) -> None:
        self.decoded = 0

    def decode(self, shapes: Shapes) -> Sequence[Field]:
        self.decoded += len(shapes.latent)
        return [Balls(int(kind)) for kind in shapes.latent[:, 0]]


def table_of(seed: int, count: int = 5) -> np.ndarray:
    """(TRIES + 3, count) kinds that are drawn, by attempt and shape; the last shape never comes out well."""
    table = np.random.default_rng(seed).choice(5, (TRIES + 3, count), p=[0.15, 0.15, 0.4, 0.1, 0.2])
    table[:, -1] = np.random.default_rng(seed).choice([APART, NOTHING, ODD], TRIES + 3)
    return table


def drawn_from(table: np.ndarray, asked: list[int]) -> Callable[[int], Stage[Shapes]]:
    """Draws of rows (kind, attempt, shape), present where they are as asked; ``asked`` gets the attempts."""

    def draw(attempt: int) -> Stage[Shapes]:
        yield from ()
        asked.append(attempt)
        kinds = torch.from_numpy(table[attempt]).float()
        rows = torch.stack([kinds, torch.full_like(kinds, attempt), torch.arange(len(kinds))], 1)
        return Shapes(rows, (kinds != ODD)[:, None], model_id="balls")

    return draw


def made(
    table: np.ndarray, path: Path, stop_after: int | None = None
) -> tuple[tuple[Shapes, int] | None, list[Any], list[int], Decoder]:
    """What comes of draws of ``table``, the events, the attempts and the decoder; stopped after some events."""
    asked, events, decoder = list[int](), list[Any](), Decoder()
    stage = whole_shapes(
        drawn_from(table, asked),
        decoder,  # type: ignore[arg-type]
        torch.device("cpu"),
        lambda row: row.present is not None and bool(row.present.all()),
        path,
    )
    while True:
        try:
            events.append(next(stage))
        except StopIteration as end:
            return end.value, events, asked, decoder
        if len(events) == stop_after:
            stage.close()
            return None, events, asked, decoder


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "GRID", 32)


@pytest.mark.parametrize("kind", BALLS)
def test_pieces_are_those_of_an_export(kind: int) -> None:
    known = {APART: (True, 2), NOTHING: (False, 0)}.get(kind, (True, 1))
    assert shells_of(ended(union_of("", Balls(kind), 32))) == known


@pytest.mark.parametrize("seed", range(3))
def test_each_shape_is_its_own_first_good_draw(seed: int, tmp_path: Path) -> None:
    """Whatever the others are; what never is good stays as first drawn and is told; there is an end to it."""
    table = table_of(seed)
    done, events, asked, _ = made(table, tmp_path / "all.json")
    assert done is not None and asked == list(range(TRIES))
    shapes, again = done
    good = np.isin(table[:TRIES], GOOD)
    first = np.where(good.any(0), good.argmax(0), 0)
    assert shapes.latent[:, 1].tolist() == first.tolist() and shapes.latent[:, 2].tolist() == list(range(5))
    assert shapes.present is not None and shapes.model_id == "balls"
    assert shapes.present[:, 0].tolist() == (table[first, range(5)] != ODD).tolist()
    failed = int((~good.any(0)).sum())
    assert again == sum(first) + failed * (TRIES - 1)
    warnings = [event.text for event in events if isinstance(event, Note) and event.warning]
    assert failed and warnings == [f"{failed} shapes are in pieces, or not as asked, after {TRIES} draws each"]
    for place in range(5):
        alone, _, _, _ = made(table[:, place : place + 1], tmp_path / f"{place}.json")
        assert alone is not None and torch.equal(alone[0].latent[0, :2], shapes.latent[place, :2])


def test_good_draws_are_kept_at_once_and_nothing_is_said(tmp_path: Path) -> None:
    done, events, asked, decoder = made(np.full((TRIES, 4), BALL), tmp_path / "looked.json")
    assert done is not None and done[1] == 0 and asked == [0] and decoder.decoded == 4
    assert not any(isinstance(event, Note) for event in events)


@pytest.mark.parametrize("many", [1, 3])
def test_what_was_looked_at_is_not_looked_at_again(many: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped run goes on, and comes to what a straight one does, however many shapes are looked at side by side."""
    monkeypatch.setattr(whole, "side_by_side", lambda device: many)
    table = table_of(7)
    straight, events, _, every = made(table, tmp_path / "straight.json")
    path = tmp_path / "looked.json"
    half, _, _, before = made(table, path, stop_after=len(events) // 2)
    goes_on, _, _, after = made(table, path)
    assert straight is not None and half is None and goes_on is not None
    assert torch.equal(straight[0].latent, goes_on[0].latent) and straight[1] == goes_on[1]
    assert 0 < before.decoded < every.decoded and before.decoded + after.decoded <= every.decoded + (
        AHEAD * many if many > 1 else 1
    )


@pytest.mark.parametrize(("save_every", "before"), [(SAVE_EVERY, 0), (2, 4)])
def test_what_is_kept_of_looks(save_every: int, before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a killed process all but the last few; of a stopped one every look, however few there were."""
    monkeypatch.setattr(whole, "SAVE_EVERY", save_every)
    monkeypatch.setattr(whole, "side_by_side", lambda device: 1)
    path, decoder = tmp_path / "looked.json", Decoder()
    draw, device = drawn_from(np.full((TRIES, 8), BALL), []), torch.device("cpu")
    stage = whole_shapes(draw, decoder, device, lambda row: True, path)  # type: ignore[arg-type]
    while decoder.decoded < 6:
        next(stage)
    assert (len(msgspec.json.decode(path.read_bytes())) if path.exists() else 0) == before
    stage.close()
    assert len(msgspec.json.decode(path.read_bytes())) == 5, "the sixth was not looked at to its end"
