"""Random mixes of shapes, healed: what a person gets who swaps parts without looking."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.errors import InputError
from engine.holding import GRID, held_together
from engine.jobs import Device, HealJob, Job, MixJob
from engine.method import Workspace
from engine.metrics.decoding import decoded_solids
from engine.opened import open_shape
from engine.project import Project
from engine.protocol import Note, Stage
from engine.rows import ShapeRow
from engine.storage import seed_of

TRIES = 3  # mixes that are made for each that is wanted, at most
FAR = 0.3  # cube units: a part that healing moved by more was not made to fit, it was put somewhere else
UNLIKELY = 2.0  # times the denoiser's loss of the shapes, by their median: beyond are poles through the side of a shade

Do = Callable[[Job], Stage[dict[str, Any]]]


def healed_mixes(
    count: int,
    rows: Sequence[ShapeRow],
    seed: int,
    device: Device,
    do: Do,
    mark: str,
    project: Project,
    work: Workspace,
) -> Stage[list[str]]:
    """``count`` mixes, each of a shape with parts of others, healed -> their names. Each is a job of its own.

    rows : shapes with parts
    mark : in the names of the runs, what tells them from those of other rows and seeds
    A mix that cannot be made or healed, or comes apart all the same, or of which healing has moved a part FAR, or that the
    model finds UNLIKELY, is said and left out, and the next one takes its place; InputError where that are too many.
    """
    found: list[str] = []
    losses = []
    for number, row in enumerate(rows[:count]):
        seen = yield from do(HealJob(run=f"usual-{mark}-{number:02d}", shape=row.id, seed=seed, device=device))
        losses.append(float(seen["loss before"]))
    most = UNLIKELY * float(np.median(losses))
    for number in range(TRIES * count):
        random = np.random.default_rng(seed_of("mix", seed, number))
        base = rows[number % len(rows)]
        name, after = f"mix-{mark}-{number:02d}", f"heal-{mark}-{number:02d}"
        try:
            parts = _parts(base, [row for row in rows if row.id != base.id], random)
            yield from do(MixJob(run=name, base=base.id, parts=parts, device=device))
            healed = yield from do(HealJob(run=after, shape=f"{name}/0000", seed=seed, device=device))
        except InputError as error:
            yield Note(text=f"{name} is left out: {error}", warning=True)
            continue
        if max(float(np.linalg.norm(part["moved by"])) for part in healed["parts"]) > FAR:
            yield Note(text=f"{name} is left out: its parts do not fit where they belong")
            continue
        if healed.get("loss after", 0.0) > most:  # none where all parts were swapped, of a shape of one part
            yield Note(text=f"{name} is left out: the model finds it unlikely as a whole")
            continue
        if not (yield from hangs_together(healed["shapes"][0], project, work)):
            yield Note(text=f"{name} is left out: it comes apart, healed as it is")
            continue
        found += healed["shapes"]
        if len(found) == count:
            return found
    raise InputError(f"only {len(found)} of {TRIES * count} mixes could be made; look at the shapes of the model")


def hangs_together(name: str, project: Project, work: Workspace) -> Stage[bool]:
    """Whether a shape is of one piece as an export writes it."""
    field = (yield from open_shape(name, project, work)).decoded()
    return (yield from held_together(field, (yield from decoded_solids(field, GRID)), GRID)).whole


def _parts(base: ShapeRow, others: Sequence[ShapeRow], random: np.random.Generator) -> dict[str, str]:
    """Some of the base's parts, at least one and not all of several, each with another shape that has it."""
    able = [part for part in base.present if any(part in row.present for row in others)]
    many = int(random.integers(1, max(2, len(base.present))))
    chosen = sorted(random.permutation(able)[:many].tolist())
    return {part: _donor(part, base, others, random) for part in chosen}


def _donor(part: str, base: ShapeRow, others: Sequence[ShapeRow], random: np.random.Generator) -> str:
    """A shape that has the part, of those with all parts of the base and no others where there are any: the pole of a lamp
    that stands is none of a lamp that hangs."""
    having = [row for row in others if part in row.present]
    alike = [row for row in having if set(row.present) == set(base.present)] or having
    return alike[int(random.integers(len(alike)))].id
