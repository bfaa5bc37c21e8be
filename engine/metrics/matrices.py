"""All distances that a comparison of named sets of clouds needs, each pair measured once."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.chamfer import TELL_EVERY, checked
from engine.metrics.kept import keys_of, read_known, write_known
from engine.metrics.measures import Measure
from engine.metrics.work import worked_off
from engine.protocol import Progress, Stage

SAVE_EVERY = 30.0  # seconds of work that a killed process may lose


@dataclass(frozen=True)
class Matrices:
    """Distances between sets.

    measure : the measure's name
    points : of a cloud
    blocks : by the names of two sets, (N, M) float64; a set against itself is symmetric with a diagonal of 0
    measured, known : how many pairs of different clouds were measured now, and how many were read
    """

    measure: str
    points: int
    blocks: Mapping[tuple[str, str], NDArray[np.float64]]
    measured: int
    known: int

    def between(self, rows: str, columns: str) -> NDArray[np.float64]:
        """(N, M) distances between two sets, whichever way round they were asked for. KeyError when they were not."""
        if (rows, columns) in self.blocks:
            return self.blocks[rows, columns]
        return self.blocks[columns, rows].T


def distances(
    sets: Mapping[str, NDArray],
    wanted: Iterable[tuple[str, str]],
    measure: Measure,
    folder: Path | None = None,
    workers: int = 1,
    only: Mapping[tuple[str, str], NDArray[np.bool_]] | None = None,
) -> Stage[Matrices]:
    """Distances of all ``wanted`` pairs of ``sets``, clouds (N, P, 3) by name, in one frame and of one P.

    Equal clouds are told by their hash, wherever they are, and have the distance 0; every other pair is measured once,
    whether it is wanted once or more often and in either direction. With a ``folder`` measured pairs are kept there, and
    what an earlier call has kept is not measured again; also on cancel. A number does not depend on the sets it is
    asked in, but for rounding. ``workers`` threads share the work; on cancel, each ends the piece that it has begun.
    ``only`` says of some wanted pairs which of their entries (N, M) are; entries that nobody wanted are inf.
    Memory is bound by the table of all pairs. InputError when a cloud is empty or not finite, or when the sets differ in P.
    """
    clouds = {name: checked(np.asarray(cloud)) for name, cloud in sets.items()}
    counts = {name: cloud.shape[1] for name, cloud in clouds.items()}
    if len(set(counts.values())) != 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise InputError(f"all clouds must have equally many points ({told}); sample every set anew with one number")
    every = np.concatenate(list(clouds.values()))
    keys, first, inverse = np.unique(keys_of(every), return_index=True, return_inverse=True)
    place = first.argsort()  # as they come: rows of one set lie together then, and lack the same columns
    keys, first, inverse = keys[place], first[place], place.argsort()[inverse]
    starts = np.cumsum([0, *(len(cloud) for cloud in clouds.values())])
    row = {name: inverse[start : start + len(clouds[name])] for name, start in zip(clouds, starts, strict=False)}
    wanted = list(wanted)
    need = np.zeros((len(keys), len(keys)), bool)
    for a, b in wanted:
        mask = np.ones((len(row[a]), len(row[b])), bool) if only is None or (a, b) not in only else only[a, b]
        i, j = mask.nonzero()
        need[row[a][i], row[b][j]] = True  # a row may be there twice
    need = np.triu(need | need.T, 1)
    table = read_known(folder, measure.name, keys) if folder else _nothing(len(keys))
    missing = need & np.isnan(table)
    yield from _measure(every[first], keys, missing, table, measure, folder, workers)
    measured = int(missing.sum())
    table[np.isnan(table)] = np.inf
    blocks = {(a, b): table[np.ix_(row[a], row[b])] for a, b in wanted}
    return Matrices(measure.name, every.shape[1], blocks, measured, int(need.sum()) - measured)


def _nothing(count: int) -> NDArray[np.float64]:
    table = np.full((count, count), np.nan)
    np.fill_diagonal(table, 0)
    return table


def _measure(
    clouds: NDArray[np.float64],
    keys: NDArray[np.int64],
    missing: NDArray[np.bool_],
    table: NDArray[np.float64],
    measure: Measure,
    folder: Path | None,
    workers: int,
) -> Stage[None]:
    """Fill both triangles of ``table`` (K, K) where ``missing`` (its upper triangle) says so."""
    table[missing | missing.T] = 0
    lacking = (measure.ways * missing).astype(np.int8)  # numbers that the sum of a pair has yet to get
    done, total = 0, measure.ways * int(missing.sum())
    fresh: list[NDArray[np.int32]] = []  # pairs (n, 2) that are measured and not yet written
    told = saved = monotonic()
    yield Progress(stage=measure.name, done=0, total=total)
    with closing(worked_off(measure.tasks(clouds, missing), workers)) as stream:
        try:
            for found in stream:
                if found is not None:
                    pairs = np.sort(np.stack([found.rows, found.columns], 1), 1).astype(np.int32)
                    asked = lacking[pairs[:, 0], pairs[:, 1]] > 0
                    pairs = pairs[asked]
                    low, high = pairs.T
                    table[low, high] += found.values[asked]
                    table[high, low] = table[low, high]
                    lacking[low, high] -= 1
                    fresh.append(pairs[lacking[low, high] == 0])
                    done += len(pairs)
                if monotonic() - told > TELL_EVERY:
                    told = monotonic()
                    yield Progress(stage=measure.name, done=done, total=total)
                if folder and monotonic() - saved > SAVE_EVERY:
                    _keep(folder, measure, keys, fresh, table)
                    fresh, saved = [], monotonic()
        finally:  # also what was measured before a cancel
            if folder:
                _keep(folder, measure, keys, fresh, table)
    yield Progress(stage=measure.name, done=total, total=total)


def _keep(
    folder: Path,
    measure: Measure,
    keys: NDArray[np.int64],
    fresh: list[NDArray[np.int32]],
    table: NDArray[np.float64],
) -> None:
    if fresh:
        pairs = np.concatenate(fresh)
        write_known(folder, measure.name, keys, pairs, table[pairs[:, 0], pairs[:, 1]])
