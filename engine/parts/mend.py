"""Healing a shape: parts are diffused anew and shifted, and of what comes out the best is kept, if it is better at all."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.diffusion.denoiser import Condition, Denoiser
from engine.geometry.mesh import Mesh
from engine.method import Part, Shapes
from engine.parts.heal import Guide, as_part_of, heal
from engine.parts.interpolate import plausibility
from engine.parts.joints import REST, Limit, Pair, Score, solid
from engine.parts.order import Rule, rules_for
from engine.parts.pose import moved, placed, places_of
from engine.parts.settings import HealSettings
from engine.parts.settle import settle
from engine.parts.spans import mask_of
from engine.protocol import Note, Progress, Stage
from engine.storage import seed_of

SHORT = 0.05  # canonical units: a move up to this keeps a part where a person would look for it

Surfaces = Callable[
    [Shapes, Collection[str]], Stage[dict[str, Mesh]]
]  # of the named parts and copies, where they stand


@dataclass(frozen=True)
class Mended:
    """What `mend` found. Where nothing was better, ``shape`` is the one that it was given.

    shape : one row
    before, after : joint scores; loss_before, loss_after : the denoiser's, None without one; ``after`` is never larger
    moves : part or copy -> shift (3,), canonical units
    seed : what the new numbers were drawn with; None where the old ones stayed
    """

    shape: Shapes
    before: Score
    after: Score
    loss_before: float | None
    loss_after: float | None
    moves: Mapping[str, tuple[float, float, float]]
    seed: int | None


def mend(
    shape: Shapes,
    parts: Sequence[Part],
    free: Collection[str],
    usual: Mapping[Pair, Limit],
    surfaces: Surfaces,
    settings: HealSettings,
    seed: int,
    denoiser: Denoiser | None = None,
    condition: Condition | None = None,
    guide: Guide | None = None,
    rules: Sequence[Rule] = (),
) -> Stage[Mended]:
    """One shape (N = 1) with joints that are more usual, parts in order (``rules``), and no less plausible to the denoiser.

    The unhealed shape is settled by rigid moves. Where short ones (``SHORT``), or none, make all its joints usual, that is
    all: no number changes. Otherwise ``settings.tries`` others, whose present ``free`` parts were diffused anew given the
    rest, are settled too (with mode "all" in any case). The one with the lowest joint score is kept, the more plausible of
    equals. Out of the question are those that the denoiser finds less plausible than the unhealed shape, and those that lost
    a part. Absent parts stay so.
    """
    places = places_of(shape, parts)
    part_of = {name: part for name, (part, _) in places.items()}
    limits, rules = limits_of(part_of, usual), rules_for(part_of, rules)
    start = {name: solid(mesh, name) for name, mesh in (yield from surfaces(shape, list(places))).items()}
    changing = _changing(parts, free, places, settings)
    if not changing and settings.mode == "free":
        yield Note(text="no part is free, so nothing is drawn anew; only moves can mend the joints")
    event = Progress(stage="mend", done=0, total=1 + settings.tries)
    found = [(0, (yield from as_part_of(event, settle(start, limits, list(start), rules))))]
    before = found[0][1].before
    if settings.mode != "all" and found[0][1].after.total == 0 and _short(found[0][1].moves):
        changing = []
    rows, seeds = shape.latent.cpu(), [seed_of(seed, "mend", number) for number in range(settings.tries)]
    losses: Tensor | None = None
    if denoiser is not None:
        if changing:
            mask = mask_of(changing, parts, rows.shape[1])
            ids = {name: values.expand(len(seeds)) for name, values in (condition or {}).items()}
            healed = yield from heal(denoiser, rows.expand(len(seeds), -1), mask, settings, seeds, ids, guide)
            rows = torch.cat([rows, healed])
        ids = {name: values.expand(len(rows)) for name, values in (condition or {}).items()}
        losses = yield from plausibility(denoiser, rows, condition=ids)
    order = [] if losses is None else [n for n in losses.argsort().tolist() if n and losses[n] <= losses[0]]
    for done, number in enumerate(order, 1):
        event = Progress(stage="mend", done=done, total=1 + len(order))
        again = [name for name, (part, _) in places.items() if part in changing]
        stage = surfaces(replace(shape, latent=rows[number : number + 1]), again)
        meshes = yield from as_part_of(event, stage)
        drawn = start | {name: solid(mesh, name) for name, mesh in meshes.items()}
        if all(name in meshes for name in again if name in start):
            found.append((number, (yield from as_part_of(event, settle(drawn, limits, list(drawn), rules)))))
            if found[-1][1].after.total == 0:  # the others are less plausible
                break
    yield Progress(stage="mend", done=event.total, total=event.total)
    number, settled = min(found, key=lambda one: (one[1].after.total, 0.0 if losses is None else float(losses[one[0]])))
    result = replace(shape, latent=rows[number : number + 1]) if number else shape
    there = {name: (part, moved(pose, settled.moves.get(name, (0, 0, 0)))) for name, (part, pose) in places.items()}
    if settled.moves:
        result = placed(result, parts, there)
    first, last = (None, None) if losses is None else (float(losses[0]), float(losses[number]))
    drawn_by = seeds[number - 1] if number else None
    return Mended(result, before, settled.after, first, last, settled.moves, drawn_by)


def _short(moves: Mapping[str, tuple[float, float, float]]) -> bool:
    """Whether no part goes far."""
    return all(math.hypot(*move) <= SHORT for move in moves.values())


def _changing(
    parts: Sequence[Part], free: Collection[str], places: Mapping[str, tuple[str, Tensor]], settings: HealSettings
) -> list[str]:
    """The parts that are drawn anew."""
    there = {part for part, _ in places.values()}
    wanted = there if settings.mode == "all" else free if settings.mode == "free" else ()
    return [part.name for part in parts if part.name in wanted and part.name in there]


def limits_of(part_of: Mapping[str, str], usual: Mapping[Pair, Limit]) -> dict[Pair, Limit]:
    """The limits of everything that stands somewhere; a copy has those of its part, but none towards its own part."""
    found = {}
    for a, first in part_of.items():
        for b, second in [*part_of.items(), (REST, REST)]:
            limit = usual.get((first, second)) or usual.get((second, first))
            if limit and a != b:
                found[a, b] = limit
    return found
