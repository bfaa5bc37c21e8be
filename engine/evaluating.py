"""How good and how new shapes are: the stage of `evaluate`, and reports of several evaluations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine import device
from engine.errors import InputError
from engine.geometry.file import load_geometry
from engine.geometry.mesh import Mesh
from engine.geometry.regions import part_meshes_of
from engine.jobs import EvaluateJob, ReportJob
from engine.method import Workspace
from engine.metrics import thumbnails
from engine.metrics.comparing import REAL, REFERENCES, SAMPLES, Kind, Sets, as_many, frechet_rows, score_rows, units_of
from engine.metrics.decoding import solids_of
from engine.metrics.dense import chamfer_measure
from engine.metrics.features import features_of
from engine.metrics.frechet import FrechetRow
from engine.metrics.measures import Means
from engine.metrics.newness import Known, latents_of, newness
from engine.metrics.protocol import chosen, isovalue, kept
from engine.metrics.rebuilt import rebuilt
from engine.metrics.reconstruction import THRESHOLD
from engine.metrics.report import nearest_first, to_html
from engine.metrics.result import Evaluation, Reconstruction, read_evaluation, write_evaluation
from engine.metrics.scores import ScoreRow
from engine.metrics.subjects import Subjects, subjects_of
from engine.metrics.surfaces import Surface, item_surface, shape_surface
from engine.metrics.tables import to_csv, to_latex, told_of, verdicts_csv
from engine.opened import Opened, open_shapes
from engine.project import Project
from engine.protocol import Note, Progress, Saved, Stage
from engine.rows import ItemRow
from engine.shapes import hash_of_file
from engine.storage import digest, once, write_atomic

RESULT = "evaluation.json"


@dataclass(frozen=True)
class Decoded:
    """Shapes of an evaluation (N), in order: the surface of each, None where it is empty."""

    opened: list[Opened]
    surfaces: list[Surface | None]
    reconstructions: tuple[Reconstruction, ...]

    @property
    def there(self) -> list[int]:
        """Places of those that have a surface."""
        return [place for place, surface in enumerate(self.surfaces) if surface is not None]

    def surfaces_of(self, places: Sequence[int]) -> list[Surface]:
        """Surfaces of some that have one."""
        return [surface for place in places if (surface := self.surfaces[place]) is not None]


@dataclass(frozen=True)
class Real:
    """Items and their surfaces, in order."""

    items: tuple[ItemRow, ...]
    surfaces: list[Surface]

    def of(self, category: str) -> list[Surface]:
        """Surfaces of a category, "" for all."""
        pairs = zip(self.items, self.surfaces, strict=True)
        return [surface for item, surface in pairs if category in ("", item.category)]


def evaluate(job: EvaluateJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Shapes -> scores beside those of real shapes, verdicts or reconstructions, and a report; see `EvaluateJob`."""
    subjects = _settled(job, project, work)
    _check_place(job.out, work.folder)
    yield from _told(subjects, job)
    decoded = yield from _decode(job, subjects, project, work)
    references = yield from _real(subjects.references, job, project, "references")
    training = yield from _real(subjects.training, job, project, "training shapes")
    names = _part_names(decoded, references)
    rows, frechet = yield from _scores(job, subjects, decoded, references, training, names, project, work)
    evaluation = Evaluation(
        name=job.run,
        settings=_facts(job, subjects),
        seeds={"points, subsets and resamples": job.protocol.seed},
        hashes=_hashes(decoded, subjects, project),
        units=units_of(job.protocol, bool(names)),
        rows=tuple(rows),
        reconstructions=decoded.reconstructions,
        f_score_threshold=THRESHOLD if decoded.reconstructions else None,
        frechet=tuple(frechet),
        sample_names=tuple(decoded.opened[place].row.id for place in decoded.there),
        training_names=tuple(item.id for item in subjects.training),
    )
    if not subjects.fitted:
        evaluation = yield from _with_novelty(
            evaluation, job, subjects, decoded, references, training, names, project, work
        )
        yield from _draw(evaluation, job, decoded, project, work)
    write_evaluation(work.folder / RESULT, evaluation)
    yield Saved(kind="evaluation", path=str(work.folder / RESULT))
    files = yield from _written([evaluation], {job.run: work.folder}, work.folder, job.out)
    return {"run": job.run, "of": list(job.names), **told_of(evaluation), "files": files}


def report(job: ReportJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Evaluations -> one report of them all; see `ReportJob`."""
    folders = {run: project.run_folder(project.catalogue.run(run).id) for run in dict.fromkeys(job.runs)}
    missing = [run for run, folder in folders.items() if not (folder / RESULT).is_file()]
    if missing:
        raise InputError(f"{', '.join(missing)} is no finished evaluation (`list runs`); `evaluate` first")
    _check_place(job.out, work.folder)
    evaluations = [read_evaluation(folder / RESULT) for folder in folders.values()]
    files = yield from _written(evaluations, folders, work.folder, job.out)
    return {"run": job.run, "of": list(folders), "files": files}


def _settled(job: EvaluateJob, project: Project, work: Workspace) -> Subjects:
    """What the job means, as it was when it first started: what came into the project later is not looked at."""
    found = subjects_of(job, project)
    now = {"shapes": [row.id for row in found.shapes]}
    now |= {"training": [item.id for item in found.training], "references": [item.id for item in found.references]}
    then = {kind: set(ids) for kind, ids in once(work.folder / "subjects.json", now).items()}
    return replace(
        found,
        shapes=tuple(row for row in found.shapes if row.id in then["shapes"]),
        training=tuple(item for item in found.training if item.id in then["training"]),
        references=tuple(item for item in found.references if item.id in then["references"]),
    )


def _told(subjects: Subjects, job: EvaluateJob) -> Stage[None]:
    """What is compared with what, and what of it limits the result."""
    count, references = len(subjects.shapes), len(subjects.references)
    yield Note(
        text=f"{count} shapes against {references} real ones, {len(subjects.unseen)} of them unseen; "
        f"{len(subjects.training)} training shapes"
    )
    if not subjects.fit:
        text = "the model was not trained in this project: no real row, no novelty, and all unseen items are references"
        yield Note(text=text, warning=True)
    if not subjects.fitted and count < references:
        text = f"{count} shapes are fewer than the {references} references, which lowers coverage and raises MMD; draw more"
        yield Note(text=text, warning=True)
    if job.protocol.emd_points and count * references > 90_000:
        hours = 3 * count * references * 0.006 / 3600
        yield Note(text=f"EMD of so many shapes may take {hours:.1f} hours; --set emd_points=0 leaves it out")


def _decode(job: EvaluateJob, subjects: Subjects, project: Project, work: Workspace) -> Stage[Decoded]:
    """Surfaces of the shapes, and how well fitted ones rebuild their items."""
    protocol, level = job.protocol, isovalue(job.protocol)
    opened = yield from open_shapes([row.id for row in subjects.shapes], project, work)
    if not subjects.fitted:
        latents = np.stack([one.shape.latent[0].cpu().numpy() for one in opened])
        opened = [opened[row] for row in chosen(protocol, latents, len(subjects.references))]
    surfaces: list[Surface | None] = []
    found = []
    for done, shape in enumerate(opened):
        yield Progress(stage="decode", done=done, total=len(opened), message=shape.row.id)
        solids = yield from solids_of(shape, protocol.grid, level, project)
        if not solids:
            surfaces.append(None)
            continue
        field = shape.decoded()
        surfaces.append(shape_surface(shape.row.id, solids, field, level, protocol))
        if subjects.fitted:
            geometry = load_geometry(project.geometry_path(shape.row.item))
            found.append(rebuilt(shape.row.item, solids, field, level, geometry, protocol))
    empty = [shape.row.id for shape, surface in zip(opened, surfaces, strict=True) if surface is None]
    if len(empty) == len(opened):
        raise InputError("every shape is empty, so there is nothing to measure; train longer, or look at some samples")
    if empty:
        yield Note(text=f"{len(empty)} shapes are empty and in none of the scores: {', '.join(empty)}", warning=True)
    return Decoded(opened, surfaces, tuple(found))


def _real(items: tuple[ItemRow, ...], job: EvaluateJob, project: Project, what: str) -> Stage[Real]:
    surfaces = []
    for done, item in enumerate(items):
        if done % 8 == 0:
            yield Progress(stage=what, done=done, total=len(items))
        surfaces.append(item_surface(item.id, load_geometry(project.geometry_path(item.id)), job.protocol))
    return Real(items, surfaces)


def _part_names(decoded: Decoded, references: Real) -> tuple[str, ...]:
    """Parts that can be compared: those of the representation, where all references have some of them."""
    names = tuple(part.name for part in decoded.opened[0].representation.parts)
    return names if all(set(surface.parts) & set(names) for surface in references.surfaces) else ()


def _scores(
    job: EvaluateJob,
    subjects: Subjects,
    decoded: Decoded,
    references: Real,
    training: Real,
    names: Sequence[str],
    project: Project,
    work: Workspace,
) -> Stage[tuple[list[ScoreRow], list[FrechetRow]]]:
    """Rows of all shapes together and, where there are several categories, of each; Frechet distances of all."""
    learned = {item.id: item.category for item in subjects.training}
    items = [one.row.item for one in decoded.opened]
    own = [learned.get(item, subjects.category) for item in items]  # category of each shape
    able = [not subjects.fitted or item in learned for item in items]
    every = sorted({item.category for item in references.items})
    rows: list[ScoreRow] = []
    frechet: list[FrechetRow] = []
    for category in ("", *(every if len(every) > 1 else ())):
        mine = [i for i, name in enumerate(own) if able[i] and category in ("", name)]
        empty = np.array([decoded.surfaces[i] is None for i in mine], bool)
        if empty.all():
            continue
        real = references.of(category)
        picked = kept(empty, len(real))
        sets: Sets = {
            SAMPLES: decoded.surfaces_of([mine[k] for k in picked]),
            REFERENCES: real,
            REAL: as_many(training.of(category), len(picked), job.protocol.seed),
        }
        kind: Kind = "reconstructed" if subjects.fitted else "generated"
        lost = int(empty[: picked[-1]].sum())
        rows += yield from score_rows(sets, kind, category, names, job.protocol, lost, _means(project, work))
        if not category:
            features = features_of(Path(job.features) if job.features else None)
            frechet = yield from frechet_rows(sets, features, job.protocol)
    return rows, frechet


def _with_novelty(
    evaluation: Evaluation,
    job: EvaluateJob,
    subjects: Subjects,
    decoded: Decoded,
    references: Real,
    training: Real,
    names: Sequence[str],
    project: Project,
    work: Workspace,
) -> Stage[Evaluation]:
    """The evaluation with verdicts, where what the model learned from is known and some references are unseen."""
    if len(training.items) < 3 or not subjects.unseen:
        text = "no verdicts on novelty: they need 3 training shapes and an unseen one"
        yield Note(text=text, warning=True)
        return evaluation
    items = (*subjects.unseen, *subjects.training)
    rows = yield from latents_of(items, subjects.fit, project, work)
    surfaces = dict(zip((item.id for item in references.items), references.surfaces, strict=True))
    latents = np.stack([decoded.opened[place].shape.latent[0].cpu().numpy() for place in decoded.there])
    found, parts = yield from newness(
        Known(decoded.surfaces_of(decoded.there), latents),
        Known([surfaces[item.id] for item in subjects.unseen], rows[: len(subjects.unseen)]),
        Known(training.surfaces, rows[len(subjects.unseen) :]),
        partial(_fits, subjects, evaluation.training_names, job, project, work),
        names,
        _means(project, work),
    )
    return msgspec.structs.replace(evaluation, novelty=found, parts=parts)


def _fits(
    subjects: Subjects, items: Sequence[str], job: EvaluateJob, project: Project, work: Workspace, rows: list[int]
) -> Stage[dict[int, Surface]]:
    """Surfaces of the fits of some training ``items``, by row; those without one are left out."""
    opened = yield from open_shapes([f"{subjects.fit}/{items[row]}" for row in rows], project, work)
    found = {}
    for done, (row, shape) in enumerate(zip(rows, opened, strict=True)):
        yield Progress(stage="decode training fits", done=done, total=len(rows))
        solids = yield from solids_of(shape, job.protocol.grid, isovalue(job.protocol), project)
        if solids:
            found[row] = shape_surface(shape.row.id, solids, shape.decoded(), isovalue(job.protocol), job.protocol)
    return found


def _means(project: Project, work: Workspace) -> Means:
    """Distances are kept in the project, so that no evaluation measures a pair again."""
    return Means(project.folder / "cache" / "distances", device.CORES, chamfer_measure(work.device))


def _draw(evaluation: Evaluation, job: EvaluateJob, decoded: Decoded, project: Project, work: Workspace) -> Stage[None]:
    """Pictures of the pairs that the report shows."""
    if evaluation.novelty is None:
        return
    wanted: dict[thumbnails.Key, Callable[[], Mapping[str, Mesh]]] = {}
    for one in nearest_first(evaluation.novelty):
        shape = decoded.opened[decoded.there[one.sample]]
        stage = partial(solids_of, shape, job.protocol.grid, isovalue(job.protocol), project)
        wanted["sample", one.sample] = partial(_at_once, stage)
        wanted["training", one.shape] = partial(_item_solids, project, evaluation.training_names[one.shape])
    yield from thumbnails.draw(wanted, work.folder / "pictures")


def _at_once(stage: Callable[[], Stage[dict[str, Mesh]]]) -> dict[str, Mesh]:
    """The result of a stage that has nothing to wait for: what it would decode is kept."""
    running = stage()
    while True:
        try:
            next(running)
        except StopIteration as end:
            result: dict[str, Mesh] = end.value
            return result


def _item_solids(project: Project, item: str) -> dict[str, Mesh]:
    geometry = load_geometry(project.geometry_path(item))
    return part_meshes_of(geometry) or {"": geometry.surface}


def _written(
    evaluations: Sequence[Evaluation], folders: Mapping[str, Path], folder: Path, out: str
) -> Stage[list[str]]:
    """Write report and tables into the run's folder, and copies of them and of a single evaluation to ``out``."""
    pictures = {
        (run, kind, row): data
        for run, place in folders.items()
        for (kind, row), data in thumbnails.read(place / "pictures").items()
    }
    texts = {
        "report.html": to_html(evaluations, pictures),
        "scores.csv": to_csv(evaluations),
        "table.tex": to_latex(evaluations),
    }
    if len(evaluations) == 1 and evaluations[0].novelty:
        texts["verdicts.csv"] = verdicts_csv(evaluations[0])
    for name, text in texts.items():
        write_atomic(folder / name, text.encode())
        yield Saved(kind="report", path=str(folder / name))
    places = [folder]
    if out:
        for name in [*texts, *([RESULT] if (folder / RESULT).is_file() else [])]:
            write_atomic(Path(out) / name, (folder / name).read_bytes())
        places = [Path(out)]
    return [str(place / name) for place in places for name in texts]


def _check_place(out: str, folder: Path) -> None:
    """Raise InputError when a report would be written over another one."""
    there = Path(out) / "report.html" if out else None
    own = folder / "report.html"
    if there and there.exists() and not (own.exists() and own.read_bytes() == there.read_bytes()):
        raise InputError(f"{out} holds a report already; choose another folder")


def _facts(job: EvaluateJob, subjects: Subjects) -> dict[str, Any]:
    """Everything that was chosen, by dotted name."""
    facts = {f"protocol.{key}": value for key, value in msgspec.to_builtins(job.protocol).items()}
    facts |= {"shapes": subjects.name, "fit": subjects.fit, "against": ", ".join(job.against) or "unseen"}
    counts = {"shapes": subjects.shapes, "references": subjects.references, "unseen": subjects.unseen}
    facts |= {f"number.{name}": len(rows) for name, rows in counts.items()}
    return facts | {"number.training": len(subjects.training), "features": job.features or "ours"}


def _hashes(decoded: Decoded, subjects: Subjects, project: Project) -> dict[str, str]:
    """Of what the numbers follow from: latents of the shapes, items, representation."""
    latents = b"".join(one.shape.latent.cpu().numpy().tobytes() for one in decoded.opened)
    items = {"references": subjects.references, "training": subjects.training}
    found = {"shapes": digest(latents)}
    found |= {name: digest(" ".join(item.hash for item in rows).encode()) for name, rows in items.items()}
    model = decoded.opened[0].card.model_hash
    fit = hash_of_file(project.run_folder(subjects.fit) / "representation.safetensors") if subjects.fit else ""
    return found | {name: value for name, value in (("model", model), ("representation", fit)) if value}
