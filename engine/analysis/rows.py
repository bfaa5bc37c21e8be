"""The latents that an analysis looks at: those of a run, beside the ones that its model learned from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from engine.card import Card
from engine.cards import card_of
from engine.errors import InputError
from engine.jobs import FitJob, GenerateJob, ImportJob, SplitJob, TrainJob
from engine.method import LatentSet, Part, Workspace
from engine.parts.spans import numbers_of
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.rows import ShapeRow
from engine.shapes import fit_of, hash_of_file, model_path, read_fit_about, read_model_about

WHOLE = "whole"  # how tables call the latent of a shape as a whole; in code it is ""
TRAIN, UNSEEN, REJECTED = "training", "unseen", "rejected"  # marks of fitted shapes; others bear their kind
STEP = 256  # rows read at a time

Origin = tuple[str, frozenset[str] | None]


@dataclass(frozen=True)
class Rows:
    """Shapes side by side.

    names : (N) ids of shapes; items : (N) what each was fitted to, "" for others
    marks : (N,) training (what the model learned from), unseen (fitted, of another split), rejected (by the quality gate
    of the fit), or the kind of shape: generated, mixed ...
    own : (N,) bool, which belong to the run in question; the others are what it is compared with
    latent : (N, D) float32; present : (N, K) bool
    quality : (N,) IoU of fits, NaN where there is none
    anchor : (D,) what the fits started from, None where a representation has no such thing
    """

    names: tuple[str, ...]
    items: tuple[str, ...]
    marks: NDArray[np.str_]
    own: NDArray[np.bool_]
    latent: NDArray[np.float32]
    present: NDArray[np.bool_]
    quality: NDArray[np.float64]
    parts: tuple[Part, ...]
    anchor: NDArray[np.float32] | None = None

    @property
    def training(self) -> NDArray[np.bool_]:
        """(N,) which the model learned from."""
        return self.marks == TRAIN

    def scopes(self, part: str = "") -> tuple[str, ...]:
        """What can be looked at: "" for the whole and each part, or one part alone. InputError for an unknown part."""
        if part:
            numbers_of([part], self.parts)
            return (part,)
        return ("", *(one.name for one in self.parts))

    def having(self, scope: str) -> NDArray[np.int64]:
        """(M,) rows that have a part, or all of them."""
        return np.flatnonzero(self.present[:, numbers_of([scope], self.parts)[0]]) if scope else np.arange(len(self))

    def numbers(self, scope: str, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """(M, d) the numbers of a part, or of the whole, of rows ``index`` (M,)."""
        return (
            self.latent[index] if not scope else np.concatenate([self.latent[index, s] for s in self._spans(scope)], 1)
        )

    def anchor_of(self, part: str) -> NDArray[np.float32] | None:
        """(d,) what the fits of a part started from."""
        return None if self.anchor is None else np.concatenate([self.anchor[span] for span in self._spans(part)])

    def width(self, part: str) -> int:
        """d, how many numbers a part has."""
        return sum(span.stop - span.start for span in self._spans(part))

    def __len__(self) -> int:
        return len(self.names)

    def _spans(self, part: str) -> tuple[slice, ...]:
        return self.parts[numbers_of([part], self.parts)[0]].spans


def mark_order(mark: str) -> tuple[int, str]:
    """A key to sort marks by: what is in question comes last, and is drawn on top."""
    fitted = (TRAIN, UNSEEN, REJECTED)
    return (fitted.index(mark) if mark in fitted else len(fitted), mark)


def gather(run: str, part: str, project: Project, work: Workspace) -> Stage[Rows]:
    """The shapes of ``run`` and those that its model learned from.

    Shapes with numbers that are not finite are left out, which a Note says. InputError when the run has no shapes or is
    clouds, when there is no ``part`` of that name, or when the project does not hold the fit that its model learned from.
    """
    shapes = project.catalogue.shapes(project.catalogue.run(run).id)
    if not shapes:
        raise InputError(f"run {run} has no shapes; name a run that has fitted or made some (`list runs`)")
    source, learned = origin(run, project)
    representation, latents = yield from fit_of(source, project, work)
    if not representation.ordered:
        raise InputError(
            f"{run} is clouds, whose points are in no order; `evaluate {run}` compares them by their places"
        )
    numbers_of(
        [part] if part else [], representation.parts
    )  # before the first event, so that a slip leaves no run behind
    found = [(yield from _read(source, latents, _marks(source, latents, learned, project), source == run))]
    if source != run:
        _, latents = yield from fit_of(run, project, work)
        found.append((yield from _read(run, latents, [row.kind for row in shapes], True)))
    if len({(part.latent.shape[1], part.present.shape[1]) for part in found}) > 1:
        raise InputError(f"the shapes of {run} and of {source}, which its model learned from, have different networks")
    anchor = getattr(representation, "anchor", None)
    rows = _joined(found, representation.parts, anchor.cpu().numpy() if isinstance(anchor, torch.Tensor) else None)
    finite = np.isfinite(rows.latent.sum(axis=1, dtype=np.float64))
    if not finite.all():
        names = ", ".join(rows.names[i] for i in np.flatnonzero(~finite))
        yield Note(text=f"left out, since their latents are not finite: {names}", warning=True)
        rows = chosen(rows, np.flatnonzero(finite))
    return rows


def chosen(rows: Rows, index: NDArray[np.int64]) -> Rows:
    """Some rows."""
    return Rows(
        tuple(rows.names[i] for i in index),
        tuple(rows.items[i] for i in index),
        rows.marks[index],
        rows.own[index],
        rows.latent[index],
        rows.present[index],
        rows.quality[index],
        rows.parts,
        rows.anchor,
    )


def origin(run: str, project: Project) -> Origin:
    """The fit behind a run, and the items that the run's model learned from (None = no model, or not known).

    Imported networks are their own origin, and imported files that carry live parts too, unless all their cards lead to one
    fit of the project. Shapes that were found in clouds are of the model that has their parts, whatever drew the clouds. A
    shape that was derived from others goes back to its parents' runs.
    """
    job = project.job(run)
    if isinstance(job, FitJob):
        return run, None
    if isinstance(job, ImportJob):
        traced = [_traced(row, project) for row in project.catalogue.shapes(run)]
        known = [one for one in traced if one is not None]
        if len(known) < len(traced) or len({fit for fit, _ in known}) != 1:
            return run, None
        return known[0][0], _learned(known)
    if isinstance(job, GenerateJob | SplitJob):
        model = job.model if isinstance(job, GenerateJob) else read_fit_about(run, project).model
        path = model_path(model, project)
        trained = _train_job(path, project)
        return trained.fit, frozenset(read_model_about(path).items)
    found: dict[Origin, None] = dict.fromkeys(
        origin(name, project) for name in _parents(project.catalogue.shapes(run), run, project)
    )
    fits = {fit for fit, _ in found}
    if len(fits) != 1:
        told = ", ".join(sorted(fits)) or "none"
        raise InputError(f"the shapes of {run} do not go back to one fit ({told}), so there is nothing to compare with")
    return fits.pop(), _learned(found)


def _learned(origins: Iterable[Origin]) -> frozenset[str] | None:
    """Items that some of the origins' models learned from."""
    models = [items for _, items in origins if items is not None]
    return frozenset().union(*models) if models else None


def _traced(row: ShapeRow, project: Project) -> Origin | None:
    """What the card of an imported file leads to in this project, by hashes: the fit or model that it names, or the origin
    of shapes with the same parts. None where there is no card, or it leads nowhere or to several fits."""
    try:
        card = msgspec.convert(project.catalogue.item(row.item).report.get("card"), Card)
    except (InputError, msgspec.ValidationError):
        return None
    if found := _by_model(card.model_hash, project):
        return found
    rows = {one.id: one for one in project.catalogue.shapes()}
    origins = []
    for part, name in card.parents.items():
        if name not in rows or card_of(rows[name], project).hashes.get(part) != card.hashes.get(part, ""):
            return None
        origins.append(origin(rows[name].run, project))
    return (origins[0][0], _learned(origins)) if len({fit for fit, _ in origins}) == 1 else None


def _by_model(model_hash: str, project: Project) -> Origin | None:
    """The fit, or the model and its fit, with this hash."""
    for run in project.catalogue.runs() if model_hash else ():
        job, folder = project.job(run.id), project.run_folder(run.id)
        if isinstance(job, FitJob) and hash_of_file(folder / "representation.safetensors") == model_hash:
            return run.id, None
        if isinstance(job, TrainJob) and hash_of_file(folder / "model.safetensors") == model_hash:
            return job.fit, frozenset(read_model_about(folder / "model.safetensors").items)
    return None


def _parents(shapes: Sequence[ShapeRow], run: str, project: Project) -> list[str]:
    """Runs that the parents of shapes belong to."""
    known = {row.id: row.run for row in project.catalogue.shapes()}
    return list(dict.fromkeys(known[name] for row in shapes for name in row.parents if known.get(name, run) != run))


def _train_job(path: Path, project: Project) -> TrainJob:
    """The training run that made a model file. Raises InputError when it is not one of this project."""
    for row in project.catalogue.runs("train"):
        if project.run_folder(row.id) == path.parent and isinstance(job := project.job(row.id), TrainJob):
            return job
    raise InputError(f"{path} was not trained in this project, so the shapes that it learned from are not here")


def _marks(fit: str, latents: LatentSet, learned: frozenset[str] | None, project: Project) -> list[str]:
    """Mark of each fitted row: what a model learned from, or would."""
    splits = {item.id: item.split for item in project.catalogue.items()}
    kinds = {row.row: row.kind for row in project.catalogue.shapes(fit)}
    marks = []
    for number, record in enumerate(latents.records):
        if kinds.get(number) == "imported" or (learned is not None and record.item in learned):
            marks.append(TRAIN)
        elif record.verdict != "accepted":
            marks.append(REJECTED)
        else:
            marks.append(TRAIN if learned is None and splits.get(record.item) == "train" else UNSEEN)
    return marks


def _read(run: str, latents: LatentSet, marks: Sequence[str], own: bool) -> Stage[Rows]:
    """All rows of a run; ``own`` when it is the run in question."""
    count, generator = len(latents), torch.Generator()
    latent, present = np.zeros((count, latents.layout.size), np.float32), []
    for start in range(0, count, STEP):
        yield Progress(stage="read", done=start, total=count, message=run)
        batch = latents.batch(torch.arange(start, min(start + STEP, count)), generator)
        latent[start : start + STEP] = batch.target.numpy()
        there = torch.ones(len(batch.target), 0) if batch.present is None else batch.present
        present.append(there.numpy().astype(bool))
    return Rows(
        tuple(f"{run}/{record.item}" for record in latents.records),
        tuple(
            record.item if mark in (TRAIN, UNSEEN, REJECTED) else ""
            for record, mark in zip(latents.records, marks, strict=True)
        ),
        np.array(marks, np.str_),
        np.full(count, own),
        latent,
        np.concatenate(present),
        np.array([np.nan if record.iou is None else record.iou for record in latents.records], np.float64),
        (),
    )


def _joined(found: Sequence[Rows], parts: tuple[Part, ...], anchor: NDArray[np.float32] | None) -> Rows:
    return Rows(
        tuple(name for rows in found for name in rows.names),
        tuple(item for rows in found for item in rows.items),
        np.concatenate([rows.marks for rows in found]),
        np.concatenate([rows.own for rows in found]),
        np.concatenate([rows.latent for rows in found]),
        np.concatenate([rows.present for rows in found]),
        np.concatenate([rows.quality for rows in found]),
        parts,
        anchor,
    )
