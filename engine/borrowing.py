"""Meshes without labels get the part names of the shape that a model learned from and that is most like them.

Of the model's training shapes that one is taken whose inside agrees best with that of the mesh. Each place on the mesh then
belongs to the part of that shape which is nearest to it, as logits tell. What the item was like before lies beside it, as
for painted parts, so painting it starts from there, and its new parts can be renamed like any.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.basis.representation import BasisRepresentation
from engine.datasets.auto_parts import with_parts
from engine.datasets.marks import UNPAINTED
from engine.datasets.pictures import Gallery
from engine.datasets.reading import Finding
from engine.geometry.file import load_geometry, save_geometry
from engine.geometry.label_report import label_report
from engine.geometry.mesh import Geometry
from engine.geometry.occupancy import occupied, surface_points
from engine.geometry.regions import LABELS, from_cloud, part_names
from engine.jobs import FitJob, Job, TrainJob
from engine.known import read_known
from engine.latents import Latents
from engine.method import Representation, Shapes
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.rows import ItemRow
from engine.shapes import model_path, read_fit_about, read_model_about, version_of
from engine.shipped import is_shipped
from engine.storage import digest, write_atomic
from engine.upright import centred_if_symmetric

BORROWED = "parts_borrowed"  # in an item's report: the model, and the training shape of it whose parts it has
ROUGH, FINE = 512, 4_096  # points at which many shapes, and then the best of them, are compared
BEST = 8
TOGETHER = 64  # shapes
MOST = 3_000  # training shapes that are looked at; of more some, evenly chosen
POOR, LEAST = (
    0.5,
    0.25,
)  # IoU with the most alike shape, under which its names are a guess, and under which they are none


@dataclass(frozen=True)
class Lenders:
    """Training shapes of a model, whose parts others can borrow. names : of each"""

    representation: Representation
    shapes: Shapes
    names: tuple[str, ...]


@dataclass(frozen=True)
class Borrowed:
    """A mesh with labels on its surface. lender : whose parts they are; iou : of the insides of the two"""

    geometry: Geometry
    lender: str
    iou: float


def lenders(model: str, representation: BasisRepresentation, project: Project) -> Lenders | None:
    """The training shapes of a model that comes with the program, or of a fit or training of the project; None of others.

    Of shapes that were only fitted the model has learned nothing; a fit by codes alone knows the shapes of its model.
    """
    if is_shipped(model):
        known = read_known(model, project)
        return Lenders(representation, known.shapes, known.about.items)
    runs = {run.id for run in project.catalogue.runs()}
    job = project.job(model) if model in runs else None
    if isinstance(job, FitJob) and job.model and not job.fine_tune:
        return lenders(version_of(model, project) if is_shipped(job.model) else job.model, representation, project)
    fit = job.fit if isinstance(job, TrainJob) else model if isinstance(job, FitJob) else ""
    path = project.run_folder(fit) / "latents.safetensors" if fit else None
    if job is None or path is None or not path.is_file():
        return None
    latents, learned = Latents(path), _learned(job, project)
    rows = [row for row, record in enumerate(latents.records) if record.item in learned]
    rows = rows[:: max(-(-len(rows) // MOST), 1)]
    names = tuple(latents.records[row].item for row in rows)
    return Lenders(representation, latents.shapes(rows), names) if rows else None


def _learned(job: Job, project: Project) -> frozenset[str]:
    """Items that a fit or a training has learned from."""
    if isinstance(job, TrainJob):
        return frozenset(read_model_about(model_path(job.run, project)).items)
    names = read_fit_about(job.run, project).items
    tuned = isinstance(job, FitJob) and job.fine_tune
    return frozenset(name for name in names if tuned or project.catalogue.item(name).split == "train")


def borrow_parts(items: Sequence[ItemRow], model: str, own: Lenders, project: Project) -> Stage[list[ItemRow]]:
    """Items with a surface and without named parts -> those that have borrowed ones now, in the project too. Each is told
    of, and so are those that are like no shape of the model, which stay as they are."""
    done = []
    with Gallery() as gallery:
        for number, item in enumerate(items):
            yield Progress(stage="borrow parts", done=number, total=len(items), message=item.id)
            path = project.geometry_path(item.id)
            plain = load_geometry(path)
            stood, off, lean = centred_if_symmetric(replace(plain, parts={}, regions=None, complete=True))
            found = yield from borrowed(stood, own)
            if found.iou < LEAST:
                text = f"{item.id} is like no shape of {model} (the most alike one agrees to {found.iou:.0%})"
                yield Note(text=f"{text}, so it gets no part names of it", warning=True)
                continue
            if not (kept := path.with_name(UNPAINTED)).exists():
                write_atomic(kept, path.read_bytes())
            save_geometry(path, found.geometry)
            finding = Finding(
                id=item.id,
                hash=digest(path.read_bytes()),
                parts=part_names(found.geometry),
                report=label_report(found.geometry),
            )
            item = with_parts(item, finding, {BORROWED: f"{model} {found.lender}"})
            gallery.take(project, item)
            project.catalogue.add_items([item])
            done.append(item)
            yield _note(item, model, found, off, lean)
    return done


def _note(item: ItemRow, model: str, found: Borrowed, off: float, lean: float) -> Note:
    stood = f", after it was moved by {off:.3f} and turned by {lean:.1f} degrees onto its plane of symmetry"
    text = f"{item.id} had no named parts; it has those of {found.lender} of {model} now ({', '.join(item.parts)}), "
    text += f"which agrees with it to {found.iou:.0%}{stood if off > 1e-3 or lean > 0.5 else ''}"
    poor = "; that is not much, so they are a guess" if found.iou < POOR else ""
    return Note(text=f"{text}{poor}. Rename or paint them where they are wrong, and fit again", warning=bool(poor))


def borrowed(geometry: Geometry, own: Lenders) -> Stage[Borrowed]:
    """A mesh without labels -> with labels on its surface."""
    rows, agree = np.arange(len(own.shapes.latent)), np.zeros(0)
    for count, kept in ((ROUGH, BEST), (FINE, 1)):
        points = _points(geometry, count)
        agree = yield from _agreement(own, rows, points, occupied(geometry, points))
        order = np.argsort(-agree, kind="stable")[:kept]
        rows, agree = rows[order], agree[order]
    places = surface_points(geometry.surface, LABELS, np.random.default_rng(0))
    logits = _logits(own, rows, places)[0]  # (K, P)
    parts = tuple(part.name for part in own.representation.parts)
    named = replace(geometry, regions=from_cloud(places, logits.argmax(0).numpy(), parts))
    return Borrowed(named, own.names[int(rows[0])], float(agree[0]))


def _points(geometry: Geometry, count: int) -> NDArray[np.float64]:
    """(count, 3): half of them about the surface, the others anywhere in its box."""
    random = np.random.default_rng(count)
    near = surface_points(geometry.surface, count // 2, random)
    low, high = geometry.surface.bounds
    return np.concatenate([near + random.normal(0, 0.03, near.shape), random.uniform(low, high, near.shape)])


def _agreement(
    own: Lenders, rows: NDArray[np.int64], points: NDArray[np.float64], inside: NDArray[np.bool_]
) -> Stage[NDArray[np.float64]]:
    """(N,) IoU of the shapes ``rows`` (N,) with an inside that is known at points (P, 3)."""
    found = []
    for start in range(0, len(rows), TOGETHER):
        yield Progress(stage="borrow parts", done=start, total=len(rows))
        within = (_logits(own, rows[start : start + TOGETHER], points) > 0).any(1).numpy()
        found.append((within & inside).sum(1) / np.maximum((within | inside).sum(1), 1))
    return np.concatenate(found)


def _logits(own: Lenders, rows: NDArray[np.int64], points: NDArray) -> Tensor:
    """(N, K, P) of each part; absent ones are nowhere."""
    index = torch.from_numpy(rows)
    assert own.shapes.present is not None
    there = own.shapes.present[index]
    some = replace(own.shapes, latent=own.shapes.latent[index], present=there)
    with torch.no_grad():
        logits = own.representation.part_logits(some, torch.from_numpy(points.astype(np.float32)))
    return torch.where(there[..., None], logits, -torch.inf)
