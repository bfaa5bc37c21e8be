"""A report of one or more evaluations that a person wants to read: one HTML file that needs nothing beside it."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Literal

from msgspec.structs import asdict

from engine.errors import InputError
from engine.metrics.intervals import Interval
from engine.metrics.plots import intervals_plot, shares_plot, steps_plot
from engine.metrics.result import Evaluation
from engine.metrics.tables import in_words, rows_of, sample_name, training_name
from engine.metrics.verdict import VERDICTS, Judged, NoveltyResult

Thumbnails = Mapping[tuple[str, Literal["sample", "training"], int], str]  # by run, what it is, and its row
VERDICT_TEXT = """Distances count as small by what the training set is like itself: each training shape is compared with the
others. Copy: nearest training shape below {copy_shape:.3g} (Chamfer, 1st percentile) and nearest training latent below
{copy_latent:.3g} (standardised, 1st percentile). Blend: latent less than {blend:.3g} (1st percentile) off the line between
its two nearest training latents, at least a tenth of the way from either. Near: shape below {near_shape:.3g} or latent
below {near_latent:.3g} (5th percentiles). New: anything else. Judge the samples' shares beside those of unseen real shapes,
which by the same rules are called copies by chance alone."""
SHAPES_TEXT = """Distances count as small by what the training set is like itself: each training shape is compared with the
others. Copy: nearest training shape below {copy_shape:.3g} (Chamfer, 1st percentile). Near: below {near_shape:.3g} (5th
percentile). New: anything else. The points of a cloud are in no order, so there are no latents to compare, and no blends.
Judge the samples' shares beside those of unseen real shapes, which by the same rules are called copies by chance alone."""
MOST_PAIRS = 60  # of samples shown with their nearest training shapes; the nearest ones
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222;background:#fff}
h1{font-size:1.6em}h2{margin-top:2em;border-bottom:1px solid #8884}h3{margin:1.6em 0 .4em}
table{border-collapse:collapse;margin:.6em 0}td,th{padding:.25em .8em;text-align:left;border-bottom:1px solid #8884}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}tr.real{font-style:italic}
small,.quiet{opacity:.75;font-size:.87em}.lead{font-size:1.07em}
figure{margin:.6em 0}figcaption{font-weight:600}svg{max-width:100%;height:auto}
svg{font:12px system-ui,sans-serif;fill:currentColor}.two{display:flex;flex-wrap:wrap;gap:0 1.5em}.two figure{flex:1 1 420px}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(280px,1fr));gap:1em}
.pair{border:1px solid #8884;border-radius:6px;padding:.5em;overflow-wrap:anywhere}
.pair img{width:50%;aspect-ratio:1;object-fit:contain}summary{cursor:pointer;font-weight:600;margin:1em 0 .3em}
.verdict{border-radius:3px;padding:0 .4em;color:#fff}
.copy{background:#b03a2e}.blend{background:#9a6a00}.near{background:#6b6f76}.new{background:#2a6db0}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1d}}
"""
READING = """MMD (lower is better) is the mean distance of a reference to its nearest sample; coverage (higher is better)
the share of references that are nearest to some sample; 1-NNA is best at its ideal, a little below 50 %: above it samples
can be told from real shapes, below it they sit on top of the references. Brackets hold 95 % bootstrap intervals over the
shapes. Rows in italics are real shapes: no sample set can be expected to do better."""


def to_html(evaluations: Sequence[Evaluation], thumbnails: Thumbnails | None = None) -> str:
    """The whole page. Several evaluations are compared in one table and one plot, then told one by one.

    thumbnails : base64 PNG data by the run's name, "sample" or "training", and the row in the novelty result; shapes
    without one are named only. The page asks for nothing outside itself and holds no script. InputError without any
    evaluation, or when a thumbnail is not base64 text.
    """
    pictures = thumbnails or {}
    if not evaluations:
        raise InputError("a report needs at least one evaluation")
    for name, data in pictures.items():
        if not data.isascii() or not data.replace("+", "").replace("/", "").rstrip("=").isalnum():
            raise InputError(
                f"the thumbnail of {' '.join(map(str, name))} is not base64 text; encode the PNG file first"
            )
    title = "Evaluation: " + ", ".join(evaluation.name for evaluation in evaluations)
    body = [
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="lead">{escape(text)}</p>' for text in map(in_words, evaluations)),
    ]
    if any(evaluation.rows for evaluation in evaluations):
        body += ["<h2>Scores</h2>", *_scores(evaluations), f'<p class="quiet">{READING}</p>']
    if any(evaluation.frechet for evaluation in evaluations):
        body.append(_frechet(evaluations))
    for evaluation in evaluations:
        body += [f"<h2>{escape(evaluation.name)}</h2>" if len(evaluations) > 1 else "", *_one(evaluation, pictures)]
    head = f'<meta charset="utf-8"/><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'


def table(head: Iterable[str], rows: Iterable[tuple[str, Sequence[str | float | Interval]]]) -> str:
    """A table of (class of the row, cells); plain numbers stand to the right."""
    top = "".join(f"<th>{escape(word)}</th>" for word in head)
    lines = []
    for kind, cells in rows:
        told = "".join(
            f"<td>{escape(cell)}</td>"
            if isinstance(cell, str)
            else f"<td>{_told(cell)}</td>"
            if isinstance(cell, Interval)
            else f'<td class="n">{cell:.4g}</td>'
            for cell in cells
        )
        lines.append(f'<tr class="{escape(kind)}">{told}</tr>')
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _scores(evaluations: Sequence[Evaluation]) -> Iterable[str]:
    """A table and two plots for each measure; columns that say nothing are left out."""
    pairs = rows_of(evaluations)
    runs, categories = len(evaluations) > 1, len({row.category for _, row in pairs}) > 1
    units = {name: unit for evaluation in evaluations for name, unit in evaluation.units.items()}
    for measure in dict.fromkeys(row.measure for _, row in pairs):
        some = [pair for pair in pairs if pair[1].measure == measure]
        points = ", ".join(str(count) for count in sorted({row.points for _, row in some}))
        told = f"{units.get(measure, '')}; {points} points".removeprefix("; ")
        yield f"<h3>{escape(measure)} <small>{escape(told)}</small></h3>"
        flags = (runs, True, categories)
        head = [word for word, flag in zip(("Run", "Set", "Category"), flags, strict=True) if flag]
        cells: list[tuple[str, Sequence[str | float | Interval]]] = []
        labels = []
        for run, row in some:
            names = [word for word, flag in zip((run.name, row.name, row.category), flags, strict=True) if flag]
            labels.append(" · ".join(names))
            shapes = f"{row.generated} / {row.reference}" + (f", {row.empty} empty" if row.empty else "")
            cells.append((row.kind, [*names, row.mmd, *map(_share, (row.coverage, row.one_nna)), shapes]))
        ideal = ", ".join(dict.fromkeys(f"{row.one_nna_ideal:.1%}" for _, row in some))
        yield table([*head, "MMD", "Coverage", f"1-NNA (ideal {ideal})", "Shapes / references"], cells)
        named = list(zip(labels, (row for _, row in some), strict=True))
        nna = intervals_plot("1-NNA", [(label, row.one_nna, row.one_nna_ideal) for label, row in named], 1)
        coverage = intervals_plot("Coverage", [(label, row.coverage, 1.0) for label, row in named], 1)
        yield f'<div class="two">{nna}{coverage}</div>'


def _told(one: Interval) -> str:
    return f"{one.value:.4g} [{one.low:.3g}, {one.high:.3g}]"


def _share(one: Interval) -> str:
    return f"{one.value:.1%} [{one.low:.1%}, {one.high:.1%}]"


def _frechet(evaluations: Sequence[Evaluation]) -> str:
    rows = [(run, row) for run in evaluations for row in run.frechet]
    runs = len(evaluations) > 1
    cells: list[tuple[str, Sequence[str | float | Interval]]] = [
        (
            "real" if row.name in {one.name for one in run.rows if one.kind == "real"} else "",
            [*([run.name] if runs else []), row.name, row.label, row.distance, f"{row.generated} / {row.reference}"],
        )
        for run, row in rows
    ]
    notes = "".join(
        f'<p class="quiet">{escape(note)}</p>' for note in dict.fromkeys(row.note for _, row in rows if row.note)
    )
    head = [*(["Run"] if runs else []), "Set", "Features", "Distance", "Shapes / references"]
    return f"<h3>Frechet distance <small>of point features; lower is better</small></h3>{table(head, cells)}{notes}"


def _one(evaluation: Evaluation, pictures: Thumbnails) -> Iterable[str]:
    if evaluation.novelty:
        yield from _novelty(evaluation, pictures)
    if evaluation.reconstructions:
        limit = evaluation.f_score_threshold
        f_score = "F-score" if limit is None else f"F-score at {limit:g}"
        head = ["Reconstruction", "Chamfer", f_score, "IoU", "Normals"]
        cells: list[tuple[str, Sequence[str | float]]] = [
            ("", [one.name, one.chamfer, one.f_score, "-" if one.iou is None else one.iou, one.normal_consistency])
            for one in evaluation.reconstructions
        ]
        yield f"<h3>Reconstructions</h3>{table(head, cells)}"
    for name, facts in (("Settings", evaluation.settings), ("Seeds", evaluation.seeds), ("Hashes", evaluation.hashes)):
        if facts:
            cells_ = table(["Name", "Value"], [("", [key, str(facts[key])]) for key in sorted(facts)])
            yield f"<details><summary>{name}</summary>{cells_}</details>"


def _novelty(evaluation: Evaluation, pictures: Thumbnails) -> Iterable[str]:
    found = evaluation.novelty
    assert found is not None
    yield "<h3>Novelty</h3>" + shares_plot(
        "Verdicts on samples, and on real shapes the model has never seen",
        {
            name: {verdict: shares.get(verdict, 0.0) for verdict in VERDICTS}
            for name, shares in (("samples", found.shares), ("unseen real shapes", found.unseen_shares))
        },
    )
    limits = found.thresholds
    text = SHAPES_TEXT if found.by == "shapes" else VERDICT_TEXT
    yield f'<p class="quiet">{text.format(**asdict(limits))}</p>'
    yield steps_plot(
        "Chamfer distance to the nearest training shape: share of shapes that are nearer",
        {
            "samples": [one.shape_distance for one in found.samples],
            "unseen real": found.unseen,
            "training, left out": found.training,
        },
        {"1st percentile": limits.copy_shape, "5th": limits.near_shape},
    )
    if evaluation.parts:
        cells: list[tuple[str, Sequence[str | float]]] = [
            ("", [part.part, f"{part.share:.0%}", f"{part.unseen_share:.0%}", part.threshold])
            for part in evaluation.parts
        ]
        head = [
            "Part",
            "Samples nearer to a training shape's part",
            "Unseen real shapes nearer",
            "than (1st percentile)",
        ]
        yield table(head, cells)
    order = nearest_first(found)
    told = f"The {len(order)} nearest of {len(found.samples)} samples, each with its nearest training shape."
    yield f'<p>{told}</p><div class="pairs">{"".join(_pair(evaluation, one, pictures) for one in order)}</div>'


def nearest_first(found: NoveltyResult) -> list[Judged]:
    """The samples that a report shows: copies first, then blends, near and new ones, the nearest to training first."""
    return sorted(found.samples, key=lambda one: (VERDICTS.index(one.verdict), one.shape_distance))[:MOST_PAIRS]


def _pair(evaluation: Evaluation, one: Judged, pictures: Thumbnails) -> str:
    names = sample_name(evaluation, one.sample), training_name(evaluation, one.shape)
    keys: tuple[tuple[str, Literal["sample", "training"], int], ...] = (
        (evaluation.name, "sample", one.sample),
        (evaluation.name, "training", one.shape),
    )
    shown = "".join(
        f'<img alt="{escape(name)}" src="data:image/png;base64,{pictures[key]}"/>'
        for name, key in zip(names, keys, strict=True)
        if key in pictures
    )
    latent = f"<br/>latent {one.latent_distance:.3g} to {escape(training_name(evaluation, one.latent))}"
    if evaluation.novelty and evaluation.novelty.by == "shapes":
        latent = ""
    if one.verdict == "blend":
        latent += f" ({1 - one.alpha:.0%}) and {escape(training_name(evaluation, one.second))} ({one.alpha:.0%})"
    return (
        f'<div class="pair">{shown}<div><b>{escape(names[0])}</b> '
        f'<span class="verdict {one.verdict}">{one.verdict}</span></div>'
        f"<small>shape {one.shape_distance:.3g} to {escape(names[1])}{latent}</small></div>"
    )
