"""Analyses of a run's latents: each computed once, kept as JSON, drawn, and gathered on one page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from engine.analysis import maps, naming, near, odd
from engine.analysis.album import Picture, item_pictures, nearer, pictures
from engine.analysis.charts import confusion_drawing, map_drawing, odd_drawing
from engine.analysis.drawing import Drawing, srgb
from engine.analysis.page import Section, page
from engine.analysis.rows import TRAIN, UNSEEN, WHOLE, Rows, gather, mark_order
from engine.errors import InputError
from engine.jobs import AnalyseJob
from engine.method import Workspace
from engine.pictures.sheet import PAPER, save_png, sheet
from engine.project import Project
from engine.protocol import Note, Saved, Stage
from engine.storage import once, write_atomic, write_json

KINDS = ("nearest", "map", "parts", "outliers")
FILES = (  # what a run may make, in the order of the result
    *("analysis.html", "nearest.png", "map.png", "map-centred.png", "parts.png", "outliers.png", "outliers-shapes.png"),
    *("map.svg", "map-centred.svg", "parts.svg", "outliers.svg"),
    *(f"{kind}.json" for kind in KINDS),
)
COLUMNS = 6  # of sheets of pictures

S = TypeVar("S", bound=msgspec.Struct)


def analyse(job: AnalyseJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """What the latents of a run are like, as JSON, pictures and one page; see engine.analysis."""
    if job.out:
        _check_out(Path(job.out), work)
    rows = yield from gather(job.of, job.part, project, work)
    sections: list[Section] = []
    left_out: list[str] = []
    for kind in KINDS if job.kind == "all" else (job.kind,):
        try:
            sections.append((yield from _SECTIONS[kind](job, rows, project, work)))
        except InputError as error:
            if job.kind != "all":
                raise
            left_out.append(f"{kind}: {error}")
            yield Note(text=f"left out, {left_out[-1]}", warning=True)
    if not sections:
        raise InputError(f"nothing of {job.of} can be analysed: {'; '.join(left_out)}")
    facts = [*_facts(job, rows), *(f"Left out: {text}" for text in left_out)]
    write_atomic(work.folder / "analysis.html", page(f"Analysis: {job.of}", facts, sections).encode())
    yield Saved(kind="report", path=str(work.folder / "analysis.html"))
    files = [work.folder / name for name in FILES if (work.folder / name).is_file()]
    if job.out:
        once(work.folder / "out.json", job.out)  # from here on files there are ours
        for path in files:
            write_atomic(Path(job.out) / path.name, path.read_bytes())
        files = [Path(job.out) / path.name for path in files]
    summary = [finding for section in sections for finding in section.findings]
    return {
        "run": job.run,
        "of": job.of,
        **{kind: table for section in sections for kind, table in section.told.items()},
        "left_out": left_out,
        "files": [str(path) for path in files],
        "summary": summary,
    }


def _nearest(job: AnalyseJob, rows: Rows, project: Project, work: Workspace) -> Stage[Section]:
    found = yield from _kept(work.folder / "nearest.json", near.NearestFound, near.nearest(rows, job.part))
    told = [one for one in found.neighbours if one.part == found.neighbours[0].part]
    scope = told[0].part
    order = sorted(told, key=lambda one: one.distance)
    shown = near.once_each(order)[: job.count]
    names = list(dict.fromkeys(name for one in shown for name in (one.shape, one.nearest)))
    images = yield from pictures(names, job.part, project, work)
    above = [(images[one.shape], _short(one.shape)) for one in shown]
    below = [(images[one.nearest], f"{_short(one.nearest)}, {_ratio(one.ratio)}") for one in shown]
    title = f"Above: shapes of {job.of}. Below each: the training shape nearest to its {scope or 'latent'}"
    sheets = yield from _sheet(work.folder / "nearest.png", _pairs(above, below), _columns(len(above)), title)
    by_part = {(one.shape, one.part): one for one in found.neighbours}
    scopes = list(found.typical)
    names = list(dict.fromkeys(one.shape for one in [*order, *found.neighbours]))
    table = [{"id": name, **{s or WHOLE: _told(by_part.get((name, s))) for s in scopes}} for name in names]
    training = {rows.names[i] for i in np.flatnonzero(rows.training)}
    return Section(
        "Nearest training shapes",
        near.TEXT,
        ["shape", *(s or WHOLE for s in scopes)],
        [("", list(line.values())) for line in table],
        sheets=sheets,
        findings=[near.sentence(order, training)],
        told={"nearest": [_line(name, by_part, scopes) for name in names[: job.count]]},
    )


def _map(job: AnalyseJob, rows: Rows, project: Project, work: Workspace) -> Stage[Section]:
    stage = maps.maps(rows, job.part, job.perplexity, job.seed)
    found = yield from _kept(work.folder / "map.json", maps.MapsFound, stage)
    colours = {part.name: srgb(part.colour) for part in rows.parts}
    drawings, findings = [], []
    for one in found.maps:
        drawing = map_drawing(one, colours)
        drawings.append(drawing)
        yield from _save_drawing(drawing, work.folder, "map-centred" if one.centred else "map")
        shares = ", ".join(f"{share:.1%}" for share in one.variance[:5])
        how = "each part's mean taken off" if one.centred else "as stored"
        findings.append(f"Map, {how}: PCA components explain {shares} of the variance")
    if found.left_out:
        findings.append(f"Not on the maps, since their networks have another size: {', '.join(found.left_out)}")
    return Section("Maps", maps.TEXT, drawings=drawings, findings=findings)


def _parts(job: AnalyseJob, rows: Rows, project: Project, work: Workspace) -> Stage[Section]:
    found = yield from _kept(work.folder / "parts.json", naming.NamingFound, naming.naming(rows, job.seed))
    drawing = confusion_drawing(found)
    yield from _save_drawing(drawing, work.folder, "parts")
    keys = ("numbers", "classifier", "asked", "count", "accuracy", "low", "high", "chance")
    table = [{key: getattr(score, key) for key in keys} for score in found.scores]
    findings = [
        f"Part names, {one.numbers}, {one.classifier}: {one.accuracy:.1%} of {one.count} {one.asked} parts right, "
        f"chance {one.chance:.1%}"
        for one in found.scores
    ]
    return Section(
        "Part names from numbers",
        naming.TEXT,
        keys,
        [("", [v if isinstance(v, str) else float(v) for v in line.values()]) for line in table],
        [drawing],
        findings=findings,
        told={"parts": table},
    )


def _outliers(job: AnalyseJob, rows: Rows, project: Project, work: Workspace) -> Stage[Section]:
    found = yield from _kept(work.folder / "outliers.json", odd.OddFound, odd.outliers(rows, job.part, job.seed))
    drawing = odd_drawing(found)
    yield from _save_drawing(drawing, work.folder, "outliers")
    why = odd.reasons(found)
    shown = found.shapes[: job.count]
    images = yield from pictures(shown, job.part, project, work)
    item_of = {name: rows.items[rows.names.index(name)] for name in shown}
    items = yield from item_pictures([item for item in item_of.values() if item], project)
    above = [(images[name], f"{_short(name)}: {why[name]}") for name in shown]
    below = [(items[item], "what it was fitted to") for item in item_of.values() if item in items]
    pairs = _pairs(above, below) if len(below) == len(above) else above
    title = f"Shapes of {job.of} that stand out" + (", above what they were fitted to" if pairs is not above else "")
    sheets = yield from _sheet(work.folder / "outliers-shapes.png", pairs, _columns(len(above)), title)
    table = [{"id": name, "why": why[name]} for name in found.shapes]
    count = len({one.shape for one in found.measured})
    return Section(
        "Shapes that stand out",
        odd.TEXT,
        ["shape", "why"],
        [("", list(line.values())) for line in table],
        [drawing],
        sheets,
        [f"Stand out: {len(table)} of {count} shapes of {job.of}"],
        {"outliers": table},
    )


_SECTIONS: dict[str, Callable[[AnalyseJob, Rows, Project, Workspace], Stage[Section]]] = {
    "nearest": _nearest,
    "map": _map,
    "parts": _parts,
    "outliers": _outliers,
}


def _kept(path: Path, kind: type[S], stage: Stage[S]) -> Stage[S]:
    """What a stage finds, written the moment it is there; read back when it is there already."""
    if not path.exists():
        write_json(path, (yield from stage))
        yield Saved(kind="analysis", path=str(path))
    return msgspec.json.decode(path.read_bytes(), type=kind)


def _save_drawing(drawing: Drawing, folder: Path, name: str) -> Stage[None]:
    """As NAME.png and NAME.svg."""
    save_png(folder / f"{name}.png", drawing.pixels())
    write_atomic(folder / f"{name}.svg", drawing.file().encode())
    yield Saved(kind="picture", path=str(folder / f"{name}.png"))


def _sheet(path: Path, images: list[tuple[Picture, str]], columns: int, title: str) -> Stage[list[tuple[str, Picture]]]:
    """A sheet of captioned pictures as a file, and as a page has it; nothing without pictures."""
    if not images:
        return []
    image = sheet(nearer([one for one, _ in images]), columns, [caption for _, caption in images], title)
    save_png(path, image)
    yield Saved(kind="picture", path=str(path))
    return [(title, image)]


def _pairs(above: list[tuple[Picture, str]], below: list[tuple[Picture, str]]) -> list[tuple[Picture, str]]:
    """Rows of pictures as wide as the sheet, each over the row that belongs below it."""
    found, columns = [], _columns(len(above))
    for start in range(0, len(above), columns):
        one, other = above[start : start + columns], below[start : start + columns]
        filler = [(np.full_like(one[0][0], PAPER), "")] * (columns - len(one))
        found += [*one, *filler, *other, *filler]
    return found


def _columns(count: int) -> int:
    return max(3, min(COLUMNS, count))  # the title needs room


def _check_out(folder: Path, work: Workspace) -> None:
    """Raises InputError where files in ``folder`` would be overwritten that this run did not put there."""
    taken = [name for name in FILES if (folder / name).exists()]
    if taken and not (work.folder / "out.json").exists():
        raise InputError(f"{folder} has {', '.join(taken[:3])} already; choose another folder, or move them away")


def _facts(job: AnalyseJob, rows: Rows) -> list[str]:
    told = ", ".join(f"{(rows.marks == kind).sum()} {kind}" for kind in sorted(set(rows.marks), key=mark_order))
    return [
        f"{rows.own.sum()} shapes of {job.of}. In all: {told}. Each latent has {rows.latent.shape[1]:,} numbers.",
        f"Called {TRAIN} is what the model learned from, {UNSEEN} what was fitted besides. Seed {job.seed}, run {job.run}.",
    ]


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f} x"


def _line(name: str, by_part: Mapping[tuple[str, str], near.Neighbour], scopes: Sequence[str]) -> dict[str, Any]:
    """A shape's line of the result: its nearest as the first scope has it, and how near the others are."""
    found = {scope: one for scope in scopes if (one := by_part.get((name, scope)))}
    first = found.get(scopes[0])
    line = {"id": name, "nearest": first.nearest if first else "", "ratio": first.ratio if first else None}
    return line | {scope: found[scope].ratio if scope in found else None for scope in scopes[1:]}


def _told(one: near.Neighbour | None) -> str:
    return "" if one is None else f"{_short(one.nearest)} ({_ratio(one.ratio)})"
