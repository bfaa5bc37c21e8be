"""How good and how new shapes are: the stage of `evaluate`."""

from collections.abc import Collection, Mapping, Sequence
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
from engine.jobs import EvaluateJob
from engine.method import Workspace
from engine.metrics import thumbnails
from engine.metrics.comparing import REAL, REFERENCES, SAMPLES, Kind, Sets, as_many, frechet_rows, score_rows, units_of
from engine.metrics.decoding import solids_of
from engine.metrics.dense import chamfer_measure
from engine.metrics.features import features_of
from engine.metrics.frechet import FrechetRow
from engine.metrics.measures import Means
from engine.metrics.newness import Known, latents_of, newness
from engine.metrics.protocol import chosen, isovalue, kept, passed_over
from engine.metrics.rebuilt import rebuilt
from engine.metrics.reconstruction import THRESHOLD
from engine.metrics.report import nearest_first
from engine.metrics.result import Evaluation, Reconstruction, write_evaluation
from engine.metrics.scores import ScoreRow
from engine.metrics.subjects import Subjects, subjects_of
from engine.metrics.surfaces import Surface, by_part, item_surface, shape_surface
from engine.metrics.tables import told_of
from engine.opened import Opened, open_shapes
from engine.project import Project
from engine.protocol import Note, Progress, Saved, Stage
from engine.reporting import RESULT, check_out, written
from engine.rows import ItemRow
from engine.shapes import hash_of_file
from engine.storage import digest, once


@dataclass(frozen=True)
class Asked:
    """A job, what it means, and where it is done."""

    job: EvaluateJob
    subjects: Subjects
    project: Project
    work: Workspace

    @property
    def level(self) -> float:
        """The logit of surfaces."""
        return isovalue(self.job.protocol)

    @property
    def means(self) -> Means:
        """Distances are kept in the project, so that no evaluation measures a pair again."""
        return Means(self.project.folder / "cache" / "distances", device.CORES, chamfer_measure(self.work.device))

    def solids(self, shape: Opened) -> Stage[dict[str, Mesh]]:
        """A decoded shape, from the cache or new."""
        return solids_of(shape, self.job.protocol.grid, self.level, self.project)

    def surface(self, shape: Opened, solids: Mapping[str, Mesh]) -> Surface:
        """Points on a decoded shape that is not empty."""
        return shape_surface(shape.row.id, solids, shape.decoded(), self.level, self.job.protocol)


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

    def of(self, categories: Collection[str]) -> list[Surface]:
        """Surfaces of some categories, "" for all."""
        pairs = zip(self.items, self.surfaces, strict=True)
        return [surface for item, surface in pairs if "" in categories or item.category in categories]


def evaluate(job: EvaluateJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Shapes -> scores beside those of real shapes, verdicts or reconstructions, and a report; see `EvaluateJob`."""
    subjects = _settled(job, project, work)
    asked = Asked(job, subjects, project, work)
    check_out(job, work.folder)
    features = features_of(Path(job.features) if job.features else None)
    yield from _told(asked)
    decoded = yield from _decode(asked)
    references = yield from _real(subjects.references, asked, "references")
    training = yield from _real(subjects.training, asked, "training shapes")
    names = _part_names(decoded, references)
    rows: list[ScoreRow] = []
    frechet: list[FrechetRow] = []
    categories = sorted({item.category for item in references.items})
    for category in ("", *(categories if len(categories) > 1 else ())):
        sets, empty = _sets(asked, decoded, references, training, category)
        if category and SAMPLES not in sets:
            why = f"all {empty} shapes of it are empty" if empty else "no shape is known to be of it"
            yield Note(text=f"no scores of {category} alone: {why}", warning=True)
        kind: Kind = "reconstructed" if subjects.fitted else "generated"
        rows += yield from score_rows(sets, kind, category, names, job.protocol, empty, asked.means)
        if not category:
            frechet = yield from frechet_rows(sets, features, job.protocol)
    evaluation = Evaluation(
        name=job.run,
        settings=_facts(asked),
        seeds={"points, subsets and resamples": job.protocol.seed},
        hashes=_hashes(asked, decoded),
        units=units_of(job.protocol, bool(names)),
        rows=tuple(rows),
        reconstructions=decoded.reconstructions,
        f_score_threshold=THRESHOLD if decoded.reconstructions else None,
        frechet=tuple(frechet),
        sample_names=tuple(decoded.opened[place].row.id for place in decoded.there),
        training_names=tuple(item.id for item in subjects.training),
    )
    if not subjects.fitted:
        evaluation = yield from _with_novelty(evaluation, asked, decoded, references, training, names)
        yield from _draw(evaluation, asked, decoded)
    write_evaluation(work.folder / RESULT, evaluation)
    yield Saved(kind="evaluation", path=str(work.folder / RESULT))
    files = yield from written([evaluation], {job.run: work.folder}, work.folder, job)
    return {"run": job.run, "of": list(job.names), **told_of(evaluation), "files": files}


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


def _told(asked: Asked) -> Stage[None]:
    """What is compared with what, and what of it limits the result."""
    subjects = asked.subjects
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
    if asked.job.protocol.emd_points and count * references > 90_000:
        hours = 3 * count * references * 0.006 / 3600
        yield Note(text=f"EMD of so many shapes may take {hours:.1f} hours; --set emd_points=0 leaves it out")


def _decode(asked: Asked) -> Stage[Decoded]:
    """Surfaces of the shapes, and how well fitted ones rebuild their items."""
    subjects, protocol = asked.subjects, asked.job.protocol
    opened = yield from open_shapes([row.id for row in subjects.shapes], asked.project, asked.work)
    if other := next((one for one in opened if one.layout.size != opened[0].layout.size), None):
        raise InputError(
            f"{other.row.id} is built differently from {opened[0].row.id}; evaluate shapes of one model and size at a time"
        )
    if not subjects.fitted:
        picked = chosen(protocol, _latents(opened), len(subjects.references))
        opened = [opened[row] for row in picked]
    surfaces: list[Surface | None] = []
    found = []
    for done, shape in enumerate(opened):
        yield Progress(stage="decode", done=done, total=len(opened), message=shape.row.id)
        solids = yield from asked.solids(shape)
        surfaces.append(asked.surface(shape, solids) if solids else None)
        if solids and subjects.fitted:
            geometry = load_geometry(asked.project.geometry_path(shape.row.item))
            found.append(rebuilt(shape.row.item, solids, shape.decoded(), asked.level, geometry, protocol))
    empty = [shape.row.id for shape, surface in zip(opened, surfaces, strict=True) if surface is None]
    if len(empty) == len(opened):
        raise InputError("every shape is empty, so there is nothing to measure; train longer, or look at some samples")
    if empty:
        yield Note(text=f"{len(empty)} shapes are empty and in none of the scores: {', '.join(empty)}", warning=True)
    return Decoded(opened, surfaces, tuple(found))


def _real(items: tuple[ItemRow, ...], asked: Asked, what: str) -> Stage[Real]:
    surfaces = []
    for done, item in enumerate(items):
        if done % 8 == 0:
            yield Progress(stage=what, done=done, total=len(items))
        surfaces.append(item_surface(item.id, load_geometry(asked.project.geometry_path(item.id)), asked.job.protocol))
    return Real(items, surfaces)


def _part_names(decoded: Decoded, references: Real) -> tuple[str, ...]:
    """Parts that can be compared: those of the representation, where all references have some of them."""
    names = tuple(part.name for part in decoded.opened[0].representation.parts)
    return names if all(set(surface.parts) & set(names) for surface in references.surfaces) else ()


def _sets(asked: Asked, decoded: Decoded, references: Real, training: Real, category: str) -> tuple[Sets, int]:
    """What is compared in a category ("" for all of them), and how many empty shapes were passed over.

    Of fitted shapes those of training items are held against the references, which may be fitted too.
    """
    learned = {item.id for item in asked.subjects.training}
    able = [not asked.subjects.fitted or one.row.item in learned for one in decoded.opened]
    own = [asked.subjects.categories[one.row.id] for one in decoded.opened]
    mine = [i for i, name in enumerate(own) if able[i] and category in ("", name)]
    empty = np.array([decoded.surfaces[i] is None for i in mine], bool)
    real = references.of({category})
    if empty.all():
        return {REFERENCES: real}, len(mine)
    picked = kept(empty, len(real))
    samples = decoded.surfaces_of([mine[k] for k in picked])
    others = as_many(training.of({own[i] for i in mine}), len(samples), asked.job.protocol.seed)
    return {SAMPLES: samples, REFERENCES: real, REAL: others}, passed_over(empty, len(real))


def _with_novelty(
    evaluation: Evaluation, asked: Asked, decoded: Decoded, references: Real, training: Real, names: Sequence[str]
) -> Stage[Evaluation]:
    """The evaluation with verdicts, where what the model learned from is known and some references are unseen."""
    unseen = asked.subjects.unseen
    if len(training.items) < 3 or not unseen:
        yield Note(text="no verdicts on novelty: they need 3 training shapes and an unseen one", warning=True)
        return evaluation
    rows = yield from latents_of((*unseen, *training.items), asked.subjects.fit, asked.project, asked.work)
    surfaces = dict(zip((item.id for item in references.items), references.surfaces, strict=True))
    found, parts = yield from newness(
        Known(decoded.surfaces_of(decoded.there), _latents([decoded.opened[place] for place in decoded.there])),
        Known([surfaces[item.id] for item in unseen], rows[: len(unseen)]),
        Known(training.surfaces, rows[len(unseen) :]),
        partial(_fits, asked),
        names if asked.job.protocol.part_novelty else (),
        asked.means,
    )
    return msgspec.structs.replace(evaluation, novelty=found, parts=parts)


def _fits(asked: Asked, rows: list[int]) -> Stage[dict[int, Surface]]:
    """Surfaces of the fits of some training items, by row; those without one are left out."""
    names = [f"{asked.subjects.fit}/{asked.subjects.training[row].id}" for row in rows]
    opened = yield from open_shapes(names, asked.project, asked.work)
    found = {}
    for done, (row, shape) in enumerate(zip(rows, opened, strict=True)):
        yield Progress(stage="decode training fits", done=done, total=len(rows))
        solids = yield from asked.solids(shape)
        if solids:
            found[row] = asked.surface(shape, solids)
    return found


def _draw(evaluation: Evaluation, asked: Asked, decoded: Decoded) -> Stage[None]:
    """Pictures of the pairs that the report shows."""
    if evaluation.novelty is None:
        return
    wanted: dict[thumbnails.Key, thumbnails.Make] = {}
    for one in nearest_first(evaluation.novelty):
        wanted["sample", one.sample] = partial(_shape_solids, asked, decoded.opened[decoded.there[one.sample]])
        wanted["training", one.shape] = partial(_item_solids, asked.project, evaluation.training_names[one.shape])
    yield from thumbnails.draw(wanted, asked.work.folder / "pictures")


def _shape_solids(asked: Asked, shape: Opened) -> Stage[list[tuple[str, Mesh]]]:
    solids = yield from asked.solids(shape)
    return by_part(solids, shape.decoded())


def _item_solids(project: Project, item: str) -> Stage[list[tuple[str, Mesh]]]:
    yield from ()
    geometry = load_geometry(project.geometry_path(item))
    return list((part_meshes_of(geometry) or {"": geometry.surface}).items())


def _latents(opened: Sequence[Opened]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(N, D) of shapes."""
    return np.stack([one.shape.latent[0].cpu().numpy() for one in opened])


def _facts(asked: Asked) -> dict[str, Any]:
    """Everything that was chosen, by dotted name."""
    job, subjects = asked.job, asked.subjects
    facts = {f"protocol.{key}": value for key, value in msgspec.to_builtins(job.protocol).items()}
    facts |= {"shapes": subjects.name, "fit": subjects.fit, "against": ", ".join(job.against) or "unseen"}
    facts |= {"number.shapes": len(subjects.shapes), "number.references": len(subjects.references)}
    facts |= {"number.unseen": len(subjects.unseen), "number.training": len(subjects.training)}
    return facts | {"features": job.features or "ours"}


def _hashes(asked: Asked, decoded: Decoded) -> dict[str, str]:
    """Of what the numbers follow from: latents of the shapes, items, representation."""
    subjects = asked.subjects
    found = {"shapes": digest(_latents(decoded.opened).tobytes())}
    for name, rows in (("references", subjects.references), ("training", subjects.training)):
        found[name] = digest(" ".join(item.hash for item in rows).encode())
    fit = asked.project.run_folder(subjects.fit) / "representation.safetensors" if subjects.fit else None
    more = {"model": decoded.opened[0].card.model_hash, "representation": hash_of_file(fit) if fit else ""}
    return found | {name: value for name, value in more.items() if value}
