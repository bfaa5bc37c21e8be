"""What the window shows of an evaluation: the part of ``evaluation.json`` that it needs, as tables of words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import DamagedFileError
from studio.models.titles import counted

VERSION = 1
VERDICTS = {
    "copy": "Copies of a training shape",
    "blend": "Blends of two training shapes",
    "near": "Near a training shape",
    "new": "New",
}
SETS = {"samples": "These shapes", "training shapes": "Real training shapes"}


class Interval(msgspec.Struct, frozen=True):
    """A score and the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of a set against the references by one measure; kind "real" is the set that the others are judged by."""

    name: str
    kind: str
    category: str
    measure: str
    mmd: Interval
    coverage: Interval
    one_nna: Interval
    one_nna_ideal: float
    generated: int
    reference: int
    empty: int = 0


class Frechet(msgspec.Struct, frozen=True):
    """Distance of features; ``note`` says what affects it."""

    name: str
    label: str
    distance: Interval
    note: str = ""


class Novelty(msgspec.Struct, frozen=True):
    """Share of each verdict among the shapes, and among real ones that the model never saw."""

    shares: dict[str, float]
    unseen_shares: dict[str, float]


class Rebuilt(msgspec.Struct, frozen=True):
    """How well a fit has its item."""

    chamfer: float
    f_score: float
    iou: float | None
    normal_consistency: float


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation. What else is in the file is for the report that the engine writes."""

    name: str
    settings: dict[str, Any] = {}
    rows: tuple[Row, ...] = ()
    frechet: tuple[Frechet, ...] = ()
    novelty: Novelty | None = None
    reconstructions: tuple[Rebuilt, ...] = ()
    version: int = VERSION


@dataclass(frozen=True)
class Table:
    """Words in rows under a title; ``note`` explains them; ``real`` are the numbers of rows of real shapes."""

    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    real: tuple[int, ...] = ()


def read_evaluation(path: Path) -> Evaluation:
    """An evaluation of the project. Raises DamagedFileError when the file holds none that this version knows."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Evaluation)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedFileError(f"{path} holds no evaluation ({error}); evaluate again") from error
    if found.version != VERSION:
        raise DamagedFileError(f"{path} is of version {found.version}, not {VERSION}; evaluate again")
    return found


def in_words(evaluation: Evaluation) -> str:
    """What it comes to, in a few sentences."""
    told = []
    own = next((row for row in evaluation.rows if row.kind != "real" and row.category == "all"), None)
    if own:
        real = next((row for row in evaluation.rows if row.kind == "real" and row.category == "all"), None)
        beside = f" and real training shapes reach {_per_cent(real.one_nna.value)}" if real else ""
        told.append(
            f"{counted(own.generated, 'shape')} beside {own.reference:,} real ones: by nearest neighbours they are told "
            f"apart in {_per_cent(own.one_nna.value)} of cases, where {_per_cent(own.one_nna_ideal)} is best{beside}."
        )
        if own.empty:
            told.append(f"{own.empty:,} more were empty.")
    if found := evaluation.novelty:
        copies, usual = (_per_cent(shares.get("copy", 0.0)) for shares in (found.shares, found.unseen_shares))
        told.append(f"{copies} are copies of training shapes; of unseen real shapes {usual} would be called so.")
    if some := evaluation.reconstructions:
        told.append(
            f"{counted(len(some), 'item')} rebuilt with a mean F-score of {_mean([one.f_score for one in some])}."
        )
    return " ".join(told)


def tables_of(evaluations: Sequence[Evaluation]) -> list[Table]:
    """All figures of some evaluations; those that can be compared stand together."""
    found = [_scores(evaluations), _novelty(evaluations), _frechet(evaluations), _rebuilt(evaluations)]
    return [table for table in found if table.rows]


def _scores(evaluations: Sequence[Evaluation]) -> Table:
    pairs = [(one, row) for one in evaluations for row in one.rows]
    pairs.sort(key=lambda pair: (pair[1].measure, pair[1].category))
    several = len({row.category for _, row in pairs}) > 1
    numbers = {f"{row.generated:,} / {row.reference:,}" for _, row in pairs}
    rows = [
        (
            _set(one, row.name, evaluations),
            *([row.category] if several else []),
            row.measure,
            share(row.one_nna),
            share(row.coverage),
            number(row.mmd),
            *([f"{row.generated:,} / {row.reference:,}"] if len(numbers) > 1 else []),
        )
        for one, row in pairs
    ]
    note = "1-NNA: best is 50 %, below that are copies. Coverage: more is better. MMD: less is better. With 95 % intervals."
    beside = ["Number / real"] if len(numbers) > 1 else []  # where all are of the same the sentences above say it
    header = ("Shapes", *(["Category"] if several else []), "Distance", "1-NNA", "Coverage", "MMD", *beside)
    real = tuple(i for i, (_, row) in enumerate(pairs) if row.kind == "real")
    return Table("How like real shapes", note, header, tuple(rows), real)


def _novelty(evaluations: Sequence[Evaluation]) -> Table:
    rows = [
        (_set(one, words, evaluations), _per_cent(found.shares.get(key)), _per_cent(found.unseen_shares.get(key)))
        for one in evaluations
        if (found := one.novelty)
        for key, words in VERDICTS.items()
    ]
    note = "The same verdicts on real shapes that the model never saw tell what happens by chance."
    return Table("How new", note, ("Verdict", "These shapes", "Unseen real shapes"), tuple(rows))


def _frechet(evaluations: Sequence[Evaluation]) -> Table:
    pairs = [(one, row) for one in evaluations for row in one.frechet]
    rows = tuple((_set(one, row.name, evaluations), row.label, number(row.distance), row.note) for one, row in pairs)
    real = tuple(i for i, (_, row) in enumerate(pairs) if row.name == "training shapes")
    return Table("Distance of features", "Less is better.", ("Shapes", "Features", "Distance", "Note"), rows, real)


def _rebuilt(evaluations: Sequence[Evaluation]) -> Table:
    rows = []
    for one in evaluations:
        if some := one.reconstructions:
            iou = [row.iou for row in some if row.iou is not None]
            means = (
                _mean([getattr(row, name) for row in some]) for name in ("chamfer", "f_score", "normal_consistency")
            )
            chamfer, f_score, normals = means
            rows.append((one.name, f"{len(some):,}", chamfer, f_score, _mean(iou) if iou else "", normals))
    header = ("Run", "Items", "Chamfer distance", "F-score", "IoU", "Normals")
    return Table("How well items are rebuilt", "Means over all items.", header, tuple(rows))


def _set(one: Evaluation, name: str, evaluations: Sequence[Evaluation]) -> str:
    """A set in words, with its run where there are several."""
    words = SETS.get(name, name)
    return f"{one.name}: {words[:1].lower()}{words[1:]}" if len(evaluations) > 1 else words


def share(interval: Interval) -> str:
    """ "66 % (58–74)"."""
    value, low, high = (f"{100 * one:.0f}" for one in (interval.value, interval.low, interval.high))
    return f"{value} % ({low}–{high})"


def number(interval: Interval) -> str:
    """ "0.00193 (0.0017–0.0021)"."""
    return f"{interval.value:.3g} ({interval.low:.2g}–{interval.high:.2g})"


def _per_cent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.3g}"
