"""The smallest distances of many clouds, without measuring every pair: by what they are not below it is told which do not
matter."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.metrics.below import below
from engine.metrics.matrices import Matrices, distances
from engine.metrics.measures import CHAMFER, Means, Measure, emd_below, emd_measure
from engine.metrics.needed import Blocks, Look, Masks, Pair, needed, smallest_of_rows
from engine.metrics.part_aware import joined, part_matrices
from engine.metrics.surfaces import Surface
from engine.protocol import Stage

PAYS = 150  # pairs per cloud from which on bounds cost less than they save


def smallest(clouds: Mapping[str, NDArray], looks: Sequence[Look], means: Means) -> Stage[Matrices]:
    """Those Chamfer distances of clouds (N, P, 3) by name that ``looks`` read, as `distances` gives them; others are there or
    inf. A set against itself has a diagonal of 0 beside them."""
    wanted = _pairs(looks)
    if not pays({name: len(some) for name, some in clouds.items()}, wanted, means):
        return (yield from distances(clouds, wanted, means.chamfer, means.folder, means.workers))
    bound = below(np.concatenate(list(clouds.values())))
    return (yield from _shortlisted(clouds, looks, means.chamfer, bound, means))


def smallest_matched(
    clouds: Mapping[str, NDArray], looks: Sequence[Look], points: int, seed: int, means: Means
) -> Stage[Matrices]:
    """As `smallest`, of `emd_measure`."""
    return _shortlisted(clouds, looks, emd_measure(points, seed), emd_below(points, seed), means)


def _shortlisted(
    clouds: Mapping[str, NDArray], looks: Sequence[Look], exact: Measure, bound: Measure, means: Means
) -> Stage[Matrices]:
    wanted = _pairs(looks)

    def some(masks: Masks) -> Stage[Matrices]:
        return distances(clouds, wanted, exact, means.folder, means.workers, masks)

    found = yield from some({(a, b): np.zeros((len(clouds[a]), len(clouds[b])), bool) for a, b in wanted})
    if all(np.isfinite(block).all() for block in found.blocks.values()):  # kept by an earlier call
        return found
    counts = [0, 0]

    def measure(masks: Masks) -> Stage[Blocks]:
        part = yield from some(masks)
        counts[0], counts[1] = counts[0] + part.measured, counts[1] + part.known
        return part.blocks

    least = yield from distances(clouds, wanted, bound, means.folder, means.workers)
    blocks = yield from needed(least.blocks, looks, measure)
    return Matrices(exact.name, found.points, blocks, counts[0], counts[1])


def nearest(clouds: Mapping[str, NDArray], wanted: Iterable[Pair], means: Means) -> Stage[Matrices]:
    """`smallest` of each row of the ``wanted`` pairs; rows of a set against itself beside the diagonal."""
    return smallest(clouds, smallest_of_rows(wanted, {name: len(some) for name, some in clouds.items()}), means)


def smallest_by_part(
    sets: Mapping[str, Sequence[Surface]], names: Sequence[str], looks: Sequence[Look], means: Means
) -> Stage[Matrices]:
    """Those p-CD that ``looks`` read; others are there or inf."""
    wanted = _pairs(looks)

    def exact(clouds: Mapping[str, NDArray], asked: Sequence[Pair], only: Masks | None) -> Stage[Matrices]:
        return _exact(clouds, asked, means, only)

    def bounds(clouds: Mapping[str, NDArray], asked: Sequence[Pair], only: Masks | None) -> Stage[Matrices]:
        bound = below(np.concatenate(list(clouds.values())))
        return distances(clouds, asked, bound, means.folder, means.workers, only)

    def measure(masks: Masks) -> Stage[Blocks]:
        return joined((yield from part_matrices(sets, names, wanted, exact, masks))).blocks

    if not pays({name: len(some) for name, some in sets.items()}, wanted, means):
        return joined((yield from part_matrices(sets, names, wanted, exact)))
    least = joined((yield from part_matrices(sets, names, wanted, bounds)))
    blocks = yield from needed(least.blocks, looks, measure)
    return Matrices(least.measure, least.points, blocks, 0, 0)


def pays(sizes: Mapping[str, int], wanted: Iterable[Pair], means: Means) -> bool:
    """Whether bounds are worth their while: not for few clouds, nor where a GPU measures all pairs as quickly."""
    pairs = sum(sizes[a] * sizes[b] / (2 if a == b else 1) for a, b in wanted)
    return means.chamfer is CHAMFER and pairs > PAYS * sum(sizes.values())


def _exact(clouds: Mapping[str, NDArray], wanted: Iterable[Pair], means: Means, only: Masks | None) -> Stage[Matrices]:
    return distances(clouds, wanted, means.chamfer, means.folder, means.workers, only)


def _pairs(looks: Sequence[Look]) -> list[Pair]:
    return list(dict.fromkeys(look.pair for look in looks))
