"""How good and how new shapes are: the stage of `evaluate`."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.geometry.file import load_geometry
from engine.geometry.mesh import Mesh
from engine.geometry.regions import part_meshes_of
from engine.jobs import EvaluateJob
from engine.method import Workspace
from engine.metrics import thumbnails
from engine.metrics.comparing import REAL, REFERENCES, SAMPLES, Kind, Sets, as_many, frechet_rows, score_rows, units_of
from engine.metrics.features import features_of
from engine.metrics.frechet import FrechetRow
from engine.metrics.measured import Asked, Decoded, Real, decode, latents, real_of, suited
from engine.metrics.newness import Known, latents_of, newness
from engine.metrics.protocol import kept, passed_over
from engine.metrics.reconstruction import THRESHOLD
from engine.metrics.report import nearest_first
from engine.metrics.result import Evaluation, write_evaluation
from engine.metrics.scores import ScoreRow
from engine.metrics.subjects import Subjects, subjects_of
from engine.metrics.surfaces import Cloud, Surface, by_part
from engine.metrics.tables import told_of
from engine.opened import Opened, open_shapes
from engine.project import Project
from engine.protocol import Note, Progress, Saved, Stage
from engine.reporting import RESULT, check_out, written
from engine.shapes import hash_of_file
from engine.storage import digest, once

CLOUDS = "points as they come, in canonical space, where the longest side of a real shape is 0.95"
ENOUGH = (
    2048  # points: fewer ones of a shape, drawn twice, are as far apart as those of two that are much alike (measured)
)
FEW = 8  # names that are told
LEFT_OUT = "parts, rebuilt surfaces and latents: clouds have none"


def evaluate(job: EvaluateJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Shapes -> scores beside those of real shapes, verdicts or reconstructions, and a report; see `EvaluateJob`."""
    subjects = _settled(job, project, work)
    check_out(job, work.folder)
    features = features_of(Path(job.features) if job.features else None)
    opened = yield from open_shapes([row.id for row in subjects.shapes], project, work)
    asked = suited(Asked(job, subjects, project, work, job.protocol), opened)
    yield from _told(asked)
    subjects = asked.subjects
    decoded = yield from decode(asked, opened)
    references = yield from real_of(subjects.references, asked, "references")
    training = yield from real_of(subjects.training, asked, "training shapes")
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
        rows += yield from score_rows(sets, kind, category, names, asked.protocol, empty, asked.means)
        if not category:
            frechet = yield from frechet_rows(sets, features, asked.protocol)
    evaluation = Evaluation(
        name=job.run,
        settings=_facts(asked),
        seeds={"points, subsets and resamples": job.protocol.seed},
        hashes=_hashes(asked, decoded),
        units=units_of(asked.protocol, bool(names)),
        rows=tuple(rows),
        reconstructions=decoded.reconstructions,
        f_score_threshold=THRESHOLD if decoded.reconstructions else None,
        frechet=tuple(frechet),
        sample_names=tuple(decoded.opened[place].row.id for place in decoded.there),
        training_names=tuple(item.id for item in subjects.training),
    )
    if not subjects.fitted:
        evaluation = yield from _with_novelty(evaluation, asked, decoded, references, training, names)
        yield from _draw(evaluation, asked, decoded, training)
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
    if subjects.left_out:
        yield Note(text=_left_out(subjects), warning=True)
    if subjects.bare:
        text = f"{len(subjects.bare)} of the real shapes are points alone, and measured as they come"
        yield Note(text=f"{text}; clouds are of no more points than those with the fewest")
    if asked.clouds and (closer := subjects.closer):
        text = f"{', '.join(closer)} was asked for more closely than by its name: less of what is real can be like it"
        yield Note(text=text, warning=True)
    if asked.clouds:
        yield Note(text=f"clouds of {asked.protocol.points} points, as many of real shapes; left out: {LEFT_OUT}")
    if asked.clouds and asked.protocol.points < ENOUGH:
        text = f"so few points hardly tell a copy from a shape that is near; draw with sampler.points={ENOUGH}"
        yield Note(text=text, warning=True)
    if asked.protocol.emd_points and count * references > 90_000:
        hours = 3 * count * references * 0.006 / 3600
        yield Note(text=f"EMD of so many shapes may take {hours:.1f} hours; --set emd_points=0 leaves it out")


def _left_out(subjects: Subjects) -> str:
    """Which real shapes are in no score and in no verdict, and why."""
    names = subjects.left_out
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    why = "they have no mesh, and points that cannot be measured beside these shapes"
    return f"{len(names)} real shapes are in no score and no verdict: {why}: {', '.join(names[:FEW])}{more}"


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
    others = as_many(training.of({own[i] for i in mine}), len(samples), asked.protocol.seed)
    return {SAMPLES: samples, REFERENCES: real, REAL: others}, passed_over(empty, len(real))


def _with_novelty(
    evaluation: Evaluation, asked: Asked, decoded: Decoded, references: Real, training: Real, names: Sequence[str]
) -> Stage[Evaluation]:
    """The evaluation with verdicts, where what the model learned from is known and some references are unseen."""
    unseen = asked.subjects.unseen
    if len(training.items) < 3 or not unseen:
        yield Note(text="no verdicts on novelty: they need 3 training shapes and an unseen one", warning=True)
        return evaluation
    rows = own = None  # of clouds
    if not asked.clouds:
        rows = yield from latents_of((*unseen, *training.items), asked.subjects.fit, asked.project, asked.work)
        own = latents([decoded.opened[place] for place in decoded.there])
    surfaces = dict(zip((item.id for item in references.items), references.surfaces, strict=True))
    found, parts = yield from newness(
        Known(decoded.surfaces_of(decoded.there), own),
        Known([surfaces[item.id] for item in unseen], None if rows is None else rows[: len(unseen)]),
        Known(training.surfaces, None if rows is None else rows[len(unseen) :]),
        partial(_fits, asked),
        names if asked.protocol.part_novelty else (),
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


def _draw(evaluation: Evaluation, asked: Asked, decoded: Decoded, training: Real) -> Stage[None]:
    """Pictures of the pairs that the report shows."""
    if evaluation.novelty is None:
        return
    if asked.clouds:
        clouds: dict[thumbnails.Key, Cloud] = {}
        samples = decoded.surfaces_of(decoded.there)
        for one in nearest_first(evaluation.novelty):
            clouds["sample", one.sample] = samples[one.sample].whole
            clouds["training", one.shape] = training.surfaces[one.shape].whole
        yield from thumbnails.draw_clouds(clouds, asked.work.folder / "pictures")
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


def _facts(asked: Asked) -> dict[str, Any]:
    """Everything that was chosen, by dotted name."""
    job, subjects = asked.job, asked.subjects
    facts = {f"protocol.{key}": value for key, value in msgspec.to_builtins(asked.protocol).items()}
    if asked.clouds:
        facts |= {"clouds": CLOUDS, "left out": LEFT_OUT}
    facts |= {"shapes": subjects.name, "fit": subjects.fit, "against": ", ".join(job.against) or "unseen"}
    facts |= {"number.shapes": len(subjects.shapes), "number.references": len(subjects.references)}
    facts |= {"number.unseen": len(subjects.unseen), "number.training": len(subjects.training)}
    if subjects.bare:
        facts |= {"number.points alone": len(subjects.bare)}
    if subjects.left_out:
        facts |= {"real shapes left out": _left_out(subjects)}
    return facts | {"features": job.features or "ours"}


def _hashes(asked: Asked, decoded: Decoded) -> dict[str, str]:
    """Of what the numbers follow from: latents of the shapes, items, representation."""
    subjects = asked.subjects
    found = {"shapes": digest(latents(decoded.opened).tobytes())}
    for name, rows in (("references", subjects.references), ("training", subjects.training)):
        found[name] = digest(" ".join(item.hash for item in rows).encode())
    fit = asked.project.run_folder(subjects.fit) / "representation.safetensors" if subjects.fit else None
    more = {"model": decoded.opened[0].card.model_hash, "representation": hash_of_file(fit) if fit else ""}
    return found | {name: value for name, value in more.items() if value}
