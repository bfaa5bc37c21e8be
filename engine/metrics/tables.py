"""Scores of one or more evaluations as tables: CSV for programs, LaTeX (booktabs) for papers."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from engine.metrics.intervals import Interval
from engine.metrics.result import Evaluation
from engine.metrics.scores import ScoreRow

SCORES = ("mmd", "coverage", "one_nna")
COLUMNS = (
    ["run", "set", "kind", "category", "measure"]
    + [f"{score}{bound}" for score in SCORES for bound in ("", "_low", "_high")]
    + ["one_nna_ideal", "generated", "reference", "points", "empty"]
)
_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    c: "\\" + c for c in "&%$#_{}"
}


def to_csv(evaluations: Sequence[Evaluation]) -> str:
    """One line per run and row, all digits, with a header (`COLUMNS`); lines end in CRLF (RFC 4180)."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for evaluation, row in rows_of(evaluations):
        line: list[str | int | float] = [evaluation.name, row.name, row.kind, row.category, row.measure]
        for score in SCORES:
            interval: Interval = getattr(row, score)
            line += [interval.value, interval.low, interval.high]
        writer.writerow([*line, row.one_nna_ideal, row.generated, row.reference, row.points, row.empty])
    return file.getvalue()


def told_of(evaluation: Evaluation) -> dict[str, Any]:
    """What a person at a terminal wants of an evaluation, and a program reads: scores, and shares of the verdicts."""
    scores = [
        {
            "set": row.name,
            "category": row.category,
            "measure": row.measure,
            **{name: getattr(row, name).value for name in SCORES},
            "one_nna_ideal": row.one_nna_ideal,
            "shapes": f"{row.generated} / {row.reference}",
            "empty": row.empty,
        }
        for _, row in rows_of([evaluation])
    ]
    told: dict[str, Any] = {"scores": scores}
    told["frechet"] = [{"set": row.name, row.label: row.distance.value} for row in evaluation.frechet]
    if evaluation.novelty:
        told["verdicts"] = evaluation.novelty.shares
        told["verdicts_on_unseen_real_shapes"] = evaluation.novelty.unseen_shares
    if found := evaluation.reconstructions:
        told["reconstructions"] = {
            name: sum(value for value in values if value is not None) / max(1, sum(v is not None for v in values))
            for name in ("chamfer", "f_score", "iou", "normal_consistency")
            if (values := [getattr(one, name) for one in found])
        }
    return told


def in_words(evaluation: Evaluation) -> str:
    """The result in a few sentences."""
    told = []
    rows = [row for row in evaluation.rows if row.category == "all"]
    for row in rows:
        if row.kind != "real" and row.measure == rows[0].measure:
            real = next((one for one in rows if one.kind == "real" and one.measure == row.measure), None)
            beside = f", where {real.name} reach {real.one_nna.value:.0%}" if real else ""
            told.append(
                f"{evaluation.name}: {row.generated} {row.kind} shapes against {row.reference} real ones. A classifier by "
                f"nearest neighbours ({row.measure}) tells them apart in {row.one_nna.value:.0%} of cases{beside}; "
                f"{row.one_nna_ideal:.0%} is best."
            )
            if row.empty:
                told.append(f"{row.empty} more were empty.")
    if found := evaluation.novelty:
        copies = sum(one.verdict == "copy" for one in found.samples)
        blends = sum(one.verdict == "blend" for one in found.samples)
        if found.by == "shapes":
            told.append(
                f"Of {len(found.samples)} shapes {copies} are copies of training shapes; {found.unseen_shares['copy']:.0%} "
                "of the real shapes that the model never saw would be called so."
            )
        else:
            told.append(
                f"Of {len(found.samples)} shapes {copies} are copies of training shapes and {blends} blends of two of them; "
                f"{found.unseen_shares['copy']:.0%} and {found.unseen_shares['blend']:.0%} of the real shapes that the "
                "model never saw would be called so."
            )
    if some := evaluation.reconstructions:
        rate = sum(one.f_score for one in some) / len(some)
        told.append(f"{len(some)} items are rebuilt with a mean F-score of {rate:.3f}.")
    return " ".join(told)


def verdicts_csv(evaluation: Evaluation) -> str:
    """One line per sample of an evaluation with novelty: its verdict and what it was given for; nothing of latents where
    shapes alone were compared."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(
        ["sample", "verdict", "nearest_shape", "chamfer", "nearest_latent", "latent_distance", "second", "alpha", "off"]
    )
    for one in evaluation.novelty.samples if evaluation.novelty else ():
        shape, latent, second = (training_name(evaluation, row) for row in (one.shape, one.latent, one.second))
        latents: Sequence[str | float] = (latent, one.latent_distance, second, one.alpha, one.off)
        if evaluation.novelty and evaluation.novelty.by == "shapes":
            latents = [""] * len(latents)
        writer.writerow([sample_name(evaluation, one.sample), one.verdict, shape, one.shape_distance, *latents])
    return file.getvalue()


def to_latex(evaluations: Sequence[Evaluation]) -> str:
    """A ``tabular`` for the package booktabs: MMD in a power of ten chosen per measure, shares in per cent, with 95 %
    intervals; real rows in italics. Settings and sizes stand in comments above it."""
    pairs = rows_of(evaluations)
    lines = [
        f"% {_plain(evaluation.name)}: {key} = {_plain(str(value))}"
        for evaluation in evaluations
        for key, value in sorted((evaluation.settings | evaluation.seeds).items())
    ]
    lines += [r"\begin{tabular}{llllrrrr}", r"\toprule"]
    lines += [r"Run & Set & Category & Measure & MMD & COV (\%) & 1-NNA (\%) & shapes \\", r"\midrule"]
    for evaluation, row in pairs:
        power = exponent([other for _, other in pairs if other.measure == row.measure])
        scale = f"$\\times 10^{{{power}}}$" if power else ""
        words = [tex(word) for word in (evaluation.name, row.name, row.category, row.measure)]
        if row.kind == "real":
            words = [rf"\textit{{{word}}}" for word in words]
        numbers = [
            spread(row.mmd, 10.0**-power, 2) + scale,
            spread(row.coverage, 100, 1),
            spread(row.one_nna, 100, 1),
            f"{row.generated} / {row.reference}",
        ]
        lines.append(" & ".join([*words, *numbers]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def rows_of(evaluations: Sequence[Evaluation]) -> list[tuple[Evaluation, ScoreRow]]:
    """All rows with their runs, by measure and category, so that what can be compared stands together."""
    pairs = [(evaluation, row) for evaluation in evaluations for row in evaluation.rows]
    return sorted(pairs, key=lambda pair: (pair[1].measure, pair[1].category))


def exponent(rows: Sequence[ScoreRow]) -> int:
    """The power of ten that brings the largest MMD of these rows to between 1 and 10."""
    largest = max(row.mmd.value for row in rows)
    return math.floor(math.log10(largest)) if largest > 0 else 0


def spread(interval: Interval, scale: float, digits: int) -> str:
    """Value with bounds as LaTeX, each times ``scale``."""
    value, low, high = (f"{scale * x:.{digits}f}" for x in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"


def tex(text: str) -> str:
    """Text with every character that LaTeX would read as a command made plain."""
    return "".join(_TEX.get(letter, letter) for letter in _plain(text))


def sample_name(evaluation: Evaluation, row: int) -> str:
    """Name of a sample, or its number where names were not given."""
    return evaluation.sample_names[row] if evaluation.sample_names else str(row)


def training_name(evaluation: Evaluation, row: int) -> str:
    """Name of a training shape, or its number where names were not given."""
    return evaluation.training_names[row] if evaluation.training_names else str(row)


def _plain(text: str) -> str:
    """One line: a newline would end a comment or a row."""
    return " ".join(text.split())
