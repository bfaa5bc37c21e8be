"""The rows of an evaluation: one set of shapes against the references by every measure, and real shapes beside it."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from engine.metrics.features import Features
from engine.metrics.frechet import FrechetRow, frechet_row
from engine.metrics.measures import CHAMFER, Means, emd_measure
from engine.metrics.needed import read_by_scores
from engine.metrics.part_aware import NAME as PART_AWARE
from engine.metrics.part_aware import UNIT as PART_UNIT
from engine.metrics.protocol import normalised
from engine.metrics.scores import ScoreRow, score
from engine.metrics.shortlist import smallest, smallest_by_part, smallest_matched
from engine.metrics.surfaces import Surface
from engine.protocol import Note, Stage
from engine.settings import ProtocolSettings
from engine.storage import seed_of

Kind = Literal["generated", "reconstructed"]
SAMPLES, REAL, REFERENCES = "samples", "training shapes", "references"
Sets = Mapping[str, Sequence[Surface]]


def units_of(protocol: ProtocolSettings, parts: bool) -> dict[str, str]:
    """How to read the numbers of each measure."""
    emd = (emd_measure(protocol.emd_points, protocol.seed),) if protocol.emd_points else ()
    units = {measure.name: measure.unit for measure in (CHAMFER, *emd)} | ({PART_AWARE: PART_UNIT} if parts else {})
    return {
        name: f"{unit}, clouds normalised one by one" if protocol.normalise and name != PART_AWARE else unit
        for name, unit in units.items()
    }


def as_many(real: Sequence[Surface], count: int, seed: int) -> list[Surface]:
    """``count`` of the real shapes, or all of them where there are fewer, by a seed and in their order."""
    rng = np.random.default_rng(seed_of("evaluate", "real", seed))
    return [real[i] for i in np.sort(rng.permutation(len(real))[:count])]


def score_rows(
    sets: Sets,
    kind: Kind,
    category: str,
    names: Sequence[str],
    protocol: ProtocolSettings,
    empty: int,
    means: Means,
) -> Stage[list[ScoreRow]]:
    """Rows of SAMPLES (with ``empty`` ones beside them) and of REAL, where there are any, against REFERENCES.

    category : of all of them, "" for several; names : parts that p-CD compares, () for none. A set of one shape has no row.
    """
    sets = {name: shapes for name, shapes in sets.items() if len(shapes) > 1}
    others = [name for name in (SAMPLES, REAL) if name in sets]
    if REFERENCES not in sets or SAMPLES not in sets:
        return []
    size = {name: len(shapes) for name, shapes in sets.items()}
    drawn = protocol.resamples, protocol.seed
    looks = [look for name in others for look in read_by_scores(name, REFERENCES, size[name], size[REFERENCES], *drawn)]
    clouds = {name: normalised(protocol, np.stack([one.whole for one in shapes])) for name, shapes in sets.items()}
    found = [(yield from smallest(clouds, looks, means))]
    if protocol.emd_points:
        found.append((yield from smallest_matched(clouds, looks, protocol.emd_points, protocol.seed, means)))
    if names:
        found.append((yield from smallest_by_part(sets, names, looks, means)))
    rows = []
    for matrices in found:
        for name in others:
            row = yield from score(
                matrices,
                name,
                REFERENCES,
                kind=kind if name == SAMPLES else "real",
                category=category or "all",
                empty=empty if name == SAMPLES else 0,
                resamples=protocol.resamples,
                seed=protocol.seed,
            )
            rows.append(row)
    return rows


def frechet_rows(sets: Sets, features: Features, protocol: ProtocolSettings) -> Stage[list[FrechetRow]]:
    """Frechet distances of SAMPLES and REAL to REFERENCES, in canonical space; the features prepare clouds as they need.

    None with fewer points than the features read, which a Note says.
    """
    if protocol.points < features.fewest:
        text = f"no {features.label}: it reads {features.fewest} points, and the protocol asks for {protocol.points}"
        yield Note(text=text, warning=True)
        return []
    clouds = {name: np.stack([one.whole for one in shapes]) for name, shapes in sets.items() if len(shapes) > 1}
    rows = []
    for name in (SAMPLES, REAL):
        if name in clouds and REFERENCES in clouds:
            reference = clouds[REFERENCES]
            rows.append(
                (yield from frechet_row(name, features, clouds[name], reference, protocol.resamples, protocol.seed))
            )
    return rows
