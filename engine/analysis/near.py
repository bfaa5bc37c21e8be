"""The training shapes nearest to each shape in latent space: by all its numbers, and part by part."""

from collections.abc import Collection, Sequence

import msgspec
import numpy as np

from engine.analysis.rows import WHOLE, Rows
from engine.analysis.scale import evened
from engine.errors import InputError
from engine.metrics.latents import nearest_rows
from engine.protocol import Stage

FEWEST = 3  # training shapes

TEXT = """Each number of a latent is divided by its spread among the training shapes, so that all count alike (a
spread counts as at least 0.3 of the usual one, or numbers that hardly move would decide everything). A ratio of 1 is
as far as a training shape usually (median) is from the one nearest to it. Training shapes are compared with the
others. Weights tell how alike two networks are, not how alike two surfaces are: two networks can hold the same
surface by different numbers, so a large distance is no proof that a shape is new. An average of training shapes is
nearer to each of them than they are to one another, whatever it looks like. `evaluate` compares surfaces."""


class Neighbour(msgspec.Struct, frozen=True):
    """The training shape nearest to a shape, by the numbers of a part or of the whole (part "").

    distance : Euclidean, of standardised numbers
    ratio : distance over the training shapes' median distance to the nearest other; None where that is 0
    closer : share of training shapes that are nearer to another one than this
    second : the second nearest training shape
    """

    shape: str
    part: str
    nearest: str
    distance: float
    ratio: float | None
    closer: float
    second: str


class NearestFound(msgspec.Struct, frozen=True):
    """Neighbours of all shapes of a run; ``typical`` is the training shapes' median distance to the nearest other, by part
    ("" = whole); ``left_out``: parts that too few training shapes have."""

    neighbours: tuple[Neighbour, ...]
    typical: dict[str, float]
    left_out: tuple[str, ...]


def once_each(order: Sequence[Neighbour]) -> list[Neighbour]:
    """Neighbours in order, without those that say the same of the same two shapes the other way round."""
    pairs = {frozenset((one.shape, one.nearest)): one for one in reversed(order)}
    return [one for one in order if pairs[frozenset((one.shape, one.nearest))] is one]


def sentence(order: Sequence[Neighbour], training: Collection[str]) -> str:
    """What neighbours by one part, the nearest first, say in short; ``training``: names of training shapes."""
    ratios = [one.ratio for one in order if one.ratio is not None]
    new = [one for one in order if one.shape not in training]
    close = sum(one.closer == 0 for one in new)
    told = [f"Nearest training shapes ({order[0].part or WHOLE}) of {len(order)}"]
    if ratios:
        told.append(f"median {np.median(ratios):.2f} times the usual distance between training shapes")
    if new:
        told.append(f"{close} of {len(new)} nearer to one than any two training shapes are to each other")
    return f"{'; '.join(told)}; nearest of all {order[0].shape} to {order[0].nearest}"


def nearest(rows: Rows, part: str = "") -> Stage[NearestFound]:
    """Neighbours of the run's own shapes, for the whole and each part, or for one part. InputError with too few shapes."""
    found: list[Neighbour] = []
    typical: dict[str, float] = {}
    left_out: list[str] = []
    for scope in rows.scopes(part):
        index = rows.having(scope)
        training, own = index[rows.training[index]], index[rows.own[index]]
        if len(training) < FEWEST:
            left_out.append(scope)
            continue
        others = own[~rows.training[own]]
        scaled = evened(rows.numbers(scope, training), rows.numbers(scope, others))
        reference, asked = (block.astype(np.float64) for block in scaled)
        alone = yield from nearest_rows(reference, reference, leave_out=True)
        across = yield from nearest_rows(asked, reference)
        typical[scope] = float(np.median(alone.distance))
        place = {int(row): i for i, row in enumerate(training)}
        other = {int(row): i for i, row in enumerate(others)}
        for row in map(int, own):
            near, i = (alone, place[row]) if row in place else (across, other[row])
            first, second = (rows.names[training[k]] for k in near.rows[i])
            distance = float(near.distance[i])
            ratio = distance / typical[scope] if typical[scope] > 0 else None
            closer = float((alone.distance < distance).mean())
            found.append(Neighbour(rows.names[row], scope, first, distance, ratio, closer, second))
    if not found:
        raise InputError(
            f"there are {int(rows.training.sum())} training shapes{f' with a {part}' if part else ''} to compare with; "
            f"at least {FEWEST} are needed"
        )
    return NearestFound(tuple(found), typical, tuple(left_out))
