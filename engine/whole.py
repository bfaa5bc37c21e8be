"""Shapes in one piece and as asked: what is not is drawn again, and it is told how many were."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import torch

from engine.abreast import abreast
from engine.basis.representation import BasisRepresentation
from engine.cloud_moves import shifted
from engine.device import side_by_side
from engine.geometry.mesh import Mesh
from engine.holding import GRID, held_together
from engine.method import Representation, Shapes
from engine.metrics.decoding import decoded_solids
from engine.narrow import NONE, narrowest_joint
from engine.ordering import heights_of
from engine.parts.mend import SHORT
from engine.parts.order import Rule, lifts, out_of_order
from engine.protocol import Note, Progress, Stage
from engine.storage import write_json

TRIES = 12
SAVE_EVERY = 20  # looks that a killed process may lose

Draw = Callable[[int], Stage[Shapes]]  # attempt, 0 for the first -> as many shapes each time
Lift = tuple[str, float]  # part, and by how much it was shifted up (down, < 0) into its order, cube units
Settled = Callable[
    [int, Shapes, float, Lift | None], None
]  # number, row, how wide its narrowest joint is (`engine.narrow`), and the lift that is in the row
Keep = Callable[[int, Shapes, Mapping[str, Mesh]], None]  # number, row and surfaces of its parts, "" without parts
BROKEN = -1.0  # what is found of a draw that is not as wanted; else the width of its narrowest joint in cube units
Found = float | tuple[float, str, float]  # either; or that width after a lift, and the lift


def whole_shapes(
    draw: Draw,
    representation: Representation,
    device: torch.device,
    as_asked: Callable[[Shapes], bool],
    looked: Path,
    settled: Settled | None = None,
    keep: Keep | None = None,
    order: Sequence[Rule] = (),
) -> Stage[tuple[Shapes, int]]:
    """Shapes, each as asked and with a watertight union of one shell, and how many draws were left for others.

    as_asked : whether one row has the parts that were asked for
    looked : file of what was found of the draws so far, in order, by which a stopped run goes on
    settled : is told of each shape as soon as it is known that it stays
    keep : is given the surfaces that tell so of a shape, on a grid of GRID; not those that a stopped run has looked at
    order : of parts; what is out of it is set right by a shift of one part by at most SHORT, or else drawn again
    Shape i of the first attempt stays where it is so; else it is shape i of the first later attempt that is, so that it
    depends on no other shape. What is not so after TRIES attempts stays as it first was, which a Note says.
    """
    kept = yield from draw(0)
    waiting = list(range(len(kept.latent)))
    total, vain, looks, moved, at_once = len(waiting), 0, 0, 0, side_by_side(device)
    seen: list[Found] = msgspec.json.decode(looked.read_bytes(), type=list[Found]) if looked.exists() else []
    try:
        for attempt in range(TRIES):
            found = kept if attempt == 0 else (yield from draw(attempt))
            broken: list[int] = []
            new = waiting[max(0, len(seen) - looks) :]  # what a stopped run has not looked at
            each = max(1, at_once // max(1, len(new)))  # no core waits while the last few are looked at
            looking = (_look(found.row(place), representation, device, as_asked, each, order) for place in new)
            with abreast(looking, at_once) as looked_at:
                for done, place in enumerate(waiting):
                    yield Progress(stage="whole", done=total - len(waiting) + done - len(broken), total=total)
                    row = found.row(place)
                    if looks == len(seen):
                        new_one, solids = yield from looked_at.next()
                        if new_one != BROKEN and solids and keep is not None:
                            keep(place, _told(row, representation, new_one)[0], solids)
                        seen.append(new_one)
                        if len(seen) % SAVE_EVERY == 0:
                            write_json(looked, seen)
                    if seen[looks] == BROKEN:
                        broken.append(place)
                    else:
                        row, joint, lift = _told(row, representation, seen[looks])
                        kept = _with(kept, place, row) if attempt or lift else kept
                        moved += lift is not None
                        if settled is not None:
                            settled(place, row, joint, lift)
                    looks += 1
            waiting, vain = broken, vain + len(broken)
            if not waiting:
                break
    finally:  # also of one that is stopped, which may have taken minutes for a few looks
        if len(seen) % SAVE_EVERY:
            write_json(looked, seen)
    vain -= len(waiting)  # the first draws of these stay
    if vain:
        wrong = "came apart, were out of order" if order else "came apart"
        yield Note(text=f"{vain} draws more {wrong} or were not as asked, and were drawn again")
    if moved:
        yield Note(text=f"in {moved} of {total} shapes a part was shifted up or down to where it belongs")
    if waiting:
        wrong = "in pieces, out of order" if order else "in pieces"
        yield Note(text=f"{len(waiting)} shapes are {wrong}, or not as asked, after {TRIES} draws each", warning=True)
    return kept, vain


def _look(
    row: Shapes,
    representation: Representation,
    device: torch.device,
    as_asked: Callable[[Shapes], bool],
    at_once: int,
    order: Sequence[Rule],
) -> Stage[tuple[Found, Mapping[str, Mesh]]]:
    """What is found of a draw, BROKEN also where it is not as asked or cannot be put in order, and the surfaces of its
    parts, which are those after a lift."""
    if not as_asked(row):
        return BROKEN, {}
    width, solids = yield from _width(row, representation, device, at_once)
    if width == BROKEN or not order:
        return width, solids
    heights = heights_of(solids)
    if not out_of_order(heights, order):
        return width, solids
    for part, by in lifts(heights, order, SHORT) if isinstance(representation, BasisRepresentation) else ():
        width, solids = yield from _width(_lifted(row, representation, part, by), representation, device, at_once)
        if width > 0 and not out_of_order(heights_of(solids), order):  # one that then hangs by nothing is drawn again
            return (width, part, by), solids
    return BROKEN, {}


def _width(
    row: Shapes, representation: Representation, device: torch.device, at_once: int
) -> Stage[tuple[float, Mapping[str, Mesh]]]:
    """How wide the narrowest joint of a shape is, BROKEN where it is in pieces, and the surfaces of its parts; what has no
    surface is whole. What is of one piece only when it is grown has a joint of no width."""
    decoded = representation.decode(row.to(device))[0]
    if not hasattr(decoded, "part"):
        return NONE, {}
    solids = yield from decoded_solids(decoded, GRID, at_once=at_once)
    held = yield from held_together(decoded, solids, GRID)
    if not held.whole:
        return BROKEN, solids
    return (0.0 if held.grown else narrowest_joint(solids, GRID)), solids


def _told(row: Shapes, representation: Representation, found: Found) -> tuple[Shapes, float, Lift | None]:
    """The row as it stays, the width of its narrowest joint, and the lift that is in it, from what was found of it."""
    if isinstance(found, float):
        return row, found, None
    width, part, by = found
    return _lifted(row, representation, part, by), width, (part, by)


def _lifted(row: Shapes, representation: Representation, part: str, by: float) -> Shapes:
    """The row with a part that stands higher by ``by``; its frame says so, so that all else stays."""
    assert isinstance(representation, BasisRepresentation)
    return replace(row, latent=shifted(representation, row.latent, {part: (0.0, by, 0.0)}))


def _with(shapes: Shapes, place: int, row: Shapes) -> Shapes:
    """``shapes`` with another row at ``place``; both as a model drew them, without poses and copies."""
    latent = shapes.latent.clone()
    latent[place] = row.latent[0]
    present = shapes.present
    if present is not None:
        assert row.present is not None
        present = present.clone()
        present[place] = row.present[0]
    return replace(shapes, latent=latent, present=present)
