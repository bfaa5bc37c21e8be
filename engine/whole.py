"""Shapes in one piece and as asked: what is not is drawn again, and it is told how many were."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import torch

from engine.abreast import abreast
from engine.device import side_by_side
from engine.geometry.mesh import Mesh
from engine.holding import GRID, held_together
from engine.method import Representation, Shapes
from engine.metrics.decoding import decoded_solids
from engine.narrow import NONE, narrowest_joint
from engine.protocol import Note, Progress, Stage
from engine.storage import write_json

TRIES = 12
SAVE_EVERY = 20  # looks that a killed process may lose

Draw = Callable[[int], Stage[Shapes]]  # attempt, 0 for the first -> as many shapes each time
Settled = Callable[[int, Shapes, float], None]  # number, row and how wide its narrowest joint is, see `engine.narrow`
Keep = Callable[[int, Shapes, Mapping[str, Mesh]], None]  # number, row and surfaces of its parts, "" without parts
BROKEN = -1.0  # what is found of a draw that is not as wanted; else the width of its narrowest joint in cube units


def whole_shapes(
    draw: Draw,
    representation: Representation,
    device: torch.device,
    as_asked: Callable[[Shapes], bool],
    looked: Path,
    settled: Settled | None = None,
    keep: Keep | None = None,
) -> Stage[tuple[Shapes, int]]:
    """Shapes, each as asked and with a watertight union of one shell, and how many draws were left for others.

    as_asked : whether one row has the parts that were asked for
    looked : file of what was found of the draws so far, in order, by which a stopped run goes on
    settled : is told of each shape as soon as it is known that it stays
    keep : is given the surfaces that tell so of a shape, on a grid of GRID; not those that a stopped run has looked at
    Shape i of the first attempt stays where it is so; else it is shape i of the first later attempt that is, so that it
    depends on no other shape. What is not so after TRIES attempts stays as it first was, which a Note says.
    """
    kept = yield from draw(0)
    waiting = list(range(len(kept.latent)))
    total, vain, looks, at_once = len(waiting), 0, 0, side_by_side(device)
    seen: list[float] = msgspec.json.decode(looked.read_bytes()) if looked.exists() else []
    try:
        for attempt in range(TRIES):
            found = kept if attempt == 0 else (yield from draw(attempt))
            broken: list[int] = []
            new = waiting[max(0, len(seen) - looks) :]  # what a stopped run has not looked at
            each = max(1, at_once // max(1, len(new)))  # no core waits while the last few are looked at
            looking = (_look(found.row(place), representation, device, as_asked, each) for place in new)
            with abreast(looking, at_once) as looked_at:
                for done, place in enumerate(waiting):
                    yield Progress(stage="whole", done=total - len(waiting) + done - len(broken), total=total)
                    row = found.row(place)
                    if looks == len(seen):
                        joint, solids = yield from looked_at.next()
                        if joint != BROKEN and solids and keep is not None:
                            keep(place, row, solids)
                        seen.append(joint)
                        if len(seen) % SAVE_EVERY == 0:
                            write_json(looked, seen)
                    if seen[looks] == BROKEN:
                        broken.append(place)
                    else:
                        kept = _with(kept, place, row) if attempt else kept
                        if settled is not None:
                            settled(place, row, seen[looks])
                    looks += 1
            waiting, vain = broken, vain + len(broken)
            if not waiting:
                break
    finally:  # also of one that is stopped, which may have taken minutes for a few looks
        if len(seen) % SAVE_EVERY:
            write_json(looked, seen)
    vain -= len(waiting)  # the first draws of these stay
    if vain:
        yield Note(text=f"{vain} draws more came apart or were not as asked, and were drawn again")
    if waiting:
        yield Note(text=f"{len(waiting)} shapes are in pieces, or not as asked, after {TRIES} draws each", warning=True)
    return kept, vain


def _look(
    row: Shapes, representation: Representation, device: torch.device, as_asked: Callable[[Shapes], bool], at_once: int
) -> Stage[tuple[float, Mapping[str, Mesh]]]:
    """How wide the narrowest joint of a shape is, BROKEN where it is in pieces or not as asked, and the surfaces of its
    parts; what has no surface is whole. What is of one piece only when it is grown has a joint of no width."""
    if not as_asked(row):
        return BROKEN, {}
    decoded = representation.decode(row.to(device))[0]
    if not hasattr(decoded, "part"):
        return NONE, {}
    solids = yield from decoded_solids(decoded, GRID, at_once=at_once)
    held = yield from held_together(decoded, solids, GRID)
    if not held.whole:
        return BROKEN, solids
    return (0.0 if held.grown else narrowest_joint(solids, GRID)), solids


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
