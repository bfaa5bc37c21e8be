"""p-CD: a Chamfer distance of shapes with named parts, which compares each part with the part of the same name.

It is the mean over all parts of the vocabulary: the Chamfer distance of the two parts' clouds where both shapes have the
part, 0 where neither has it, and MISSING where only one has it. So it sees what a cloud of the whole cannot: a wing that
stands where the tail should be, or two parts that have swapped their names.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.metrics.matrices import Matrices
from engine.metrics.surfaces import Surface
from engine.protocol import Stage

MISSING = 0.05  # squared canonical units: as if all of the part stood 0.16 beside its place, both ways summed
NAME = "p-chamfer"
UNIT = f"mean over the parts of their Chamfer distances; {MISSING} for a part that only one shape has"

Pair = tuple[str, str]
Clouds = Mapping[str, NDArray[np.float64]]
Measured = Callable[[Clouds, Sequence[Pair], Mapping[Pair, NDArray[np.bool_]] | None], Stage[Matrices]]


def part_matrices(
    sets: Mapping[str, Sequence[Surface]],
    names: Sequence[str],
    wanted: Iterable[Pair],
    measure: Measured,
    only: Mapping[Pair, NDArray[np.bool_]] | None = None,
) -> Stage[dict[str, Matrices]]:
    """Distances of each part of ``names``, for all ``wanted`` pairs of sets; inf where only one shape has it, 0 where neither
    has. ``measure`` : clouds (N, P, 3) by set, pairs of sets, and which entries, if not all -> distances; inf as it says."""
    wanted, found = list(wanted), {}
    for name in names:
        there = {key: np.array([name in one.parts for one in shapes], bool) for key, shapes in sets.items()}
        clouds = {key: np.stack(_of(shapes, name)) for key, shapes in sets.items() if there[key].any()}
        asked = [(a, b) for a, b in wanted if a in clouds and b in clouds]
        blocks = {}
        if asked:
            some = None if only is None else {(a, b): only[a, b][np.ix_(there[a], there[b])] for a, b in asked}
            measured = yield from measure(clouds, asked, some)
        for a, b in wanted:
            block = np.where(there[a][:, None] == there[b][None], 0.0, np.inf)  # (N, M)
            if (a, b) in asked:
                block[np.ix_(there[a], there[b])] = measured.between(a, b)
            blocks[a, b] = block
        points = next((cloud.shape[1] for cloud in clouds.values()), 0)
        found[name] = Matrices(f"chamfer of {name}", points, blocks, 0, 0)
    return found


def joined(parts: Mapping[str, Matrices]) -> Matrices:
    """p-CD of the distances of every part."""
    some = next(iter(parts.values()))
    blocks: dict[tuple[str, str], NDArray[np.float64]] = {}
    for pair in some.blocks:
        every = np.stack([part.blocks[pair] for part in parts.values()])  # (K, N, M)
        blocks[pair] = np.where(np.isinf(every), MISSING, every).mean(0)
    return Matrices(NAME, max(part.points for part in parts.values()), blocks, 0, 0)


def _of(shapes: Sequence[Surface], name: str) -> list[NDArray[np.float64]]:
    return [one.parts[name] for one in shapes if name in one.parts]
