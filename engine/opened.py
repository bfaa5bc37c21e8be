"""Shapes and models of a project opened for work, whatever run they are from; and how derived shapes are kept."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import torch
from torch import nn

from engine import device, methods
from engine.card import Card, Operation
from engine.cards import card_of, hashes_of, keep_card, once_each, sources_behind, sources_of_model
from engine.checkpoint import load_model, save_model
from engine.conditions import CATEGORY
from engine.diffusion.denoiser import NONE
from engine.errors import InputError, StudioError
from engine.jobs import Job
from engine.latents import LatentFile, Latents, write_latents
from engine.layout import Layout
from engine.method import Decoded, Encoded, LatentSet, Representation, Shapes, Workspace
from engine.parts.mix import Parent
from engine.pictures.sheet import save_png
from engine.project import Project
from engine.protocol import Note, Progress, Saved, Stage
from engine.rows import ShapeRow
from engine.shapes import (
    FitAbout,
    ModelAbout,
    classes_of,
    fit_of,
    hash_of_file,
    model_path,
    read_fit_about,
    read_model_about,
)
from engine.write import picture

PICTURE_GRID, PICTURE_SIZE = 128, 512  # grid points per side, pixels


@dataclass(frozen=True)
class Opened:
    """A shape with what decodes it.

    shape : one row, on the CPU, with present, pose and copies; present is None where there are no parts
    representation : frozen, on the device of the work
    categories : names of the classes in the shape's condition; () when its run has only one
    """

    row: ShapeRow
    representation: Representation
    about: FitAbout
    layout: Layout
    shape: Shapes
    card: Card
    device: torch.device
    categories: tuple[str, ...] = ()

    @property
    def category(self) -> str:
        """The class of the shape; "" where its run has only one, or it was asked to be anything."""
        ids = self.shape.condition.get("category")
        number = NONE if ids is None else int(ids[0])
        return self.categories[number] if 0 <= number < len(self.categories) else ""

    @property
    def parent(self) -> Parent:
        """The shape as one that parts are taken from."""
        return Parent(self.row.id, self.layout, self.shape)

    def decoded(self) -> Decoded:
        """The shape as a field, or whatever else it is, with its parts where they stand."""
        return self.representation.decode(self.shape.to(self.device))[0]


@dataclass(frozen=True)
class Model:
    """A denoiser and what learned with it (``trainee``), ready to be asked, with the representation of its latents.

    name : training run or file; hash : of its tensors and settings, as cards show it
    """

    name: str
    trainee: nn.Module
    representation: Representation
    about: ModelAbout
    hash: str
    path: Path

    def condition(self, category: str) -> dict[str, torch.Tensor]:
        """What asks for a class by its name, one row; for anything where the model does not know the class."""
        if CATEGORY not in self.about.conditions:
            return {}
        known = self.about.conditions[CATEGORY]
        return {CATEGORY: torch.tensor([known.index(category) if category in known else NONE])}


def open_shape(name: str, project: Project, work: Workspace) -> Stage[Opened]:
    """One shape of the project. Raises InputError for an unknown name and for a run without a finished fit."""
    return (yield from open_shapes([name], project, work))[0]


def open_shapes(names: Sequence[str], project: Project, work: Workspace) -> Stage[list[Opened]]:
    """Shapes in the order of their names; what decodes them is loaded once per run."""
    rows = [_known(name, project) for name in names]
    runs: dict[str, tuple[Representation, LatentSet, FitAbout, str]] = {}
    found = []
    for done, row in enumerate(rows):
        if done and done % 16 == 0:  # not at once: input that turns out bad before a first event leaves no run behind
            yield Progress(stage="open", done=done, total=len(rows))
        if row.run not in runs:
            representation, latents = yield from fit_of(row.run, project, work)
            runs[row.run] = representation, latents, read_fit_about(row.run, project), representation.meaning()
        representation, latents, about, meaning = runs[row.run]
        if row.kind == "generated" and not _is_row_of(latents, row):
            raise InputError(f"{row.run} is writing down its shapes this very moment; try it again")
        shape = replace(_row(latents, row.row), model_id=meaning)
        if not representation.parts:
            shape = replace(shape, present=None)
        card, named = card_of(row, project), tuple(latents.categories)
        found.append(Opened(row, representation, about, latents.layout, shape, card, work.device, named))
    for representation, *_ in runs.values():
        device.use_threads(representation)
    return found


def open_model(name: str, project: Project, work: Workspace) -> Stage[Model]:
    """A model by training run or file, frozen, on the device. Raises InputError for what is none."""
    yield from ()  # no event yet, see open_shapes
    path = model_path(name, project)
    about = read_model_about(path)
    method = methods.load(about.settings)
    representation = method.representation(about.settings, about.vocabulary)
    trainee = method.trainee(about.settings, about.layout, about.sizes)
    load_model(path, {"representation": representation, "trainee": trainee})
    representation.to(work.device).requires_grad_(False)
    trainee.to(work.device).requires_grad_(False).eval()
    device.use_threads(trainee)
    return Model(name, trainee, representation, about, hash_of_file(path), path)


def keep_derived(
    project: Project,
    job: Job,
    like: Opened,
    shapes: Shapes,
    cards: Sequence[Card],
    kind: Operation,
    about: FitAbout | None = None,
) -> list[str]:
    """Keep shapes made from others as rows of the job's run -> their ids, run/0000 and so on.

    like : a shape of the same representation and layout, which then decodes the new ones too; its classes are theirs
    about : what is said of what decodes them, where that is not of ``like``
    cards : one per row, with parents, seed, model, held, moves and measured; the rest is filled in here
    Called again it writes the same again.
    """
    folder, parts = project.run_folder(job.run), like.representation.parts
    names = tuple(part.name for part in parts)
    count = len(shapes.latent)
    present = torch.ones(count, len(names), dtype=torch.bool) if shapes.present is None else shapes.present.cpu()
    there = [tuple(n for n, flag in zip(names, row, strict=True) if flag) for row in present]
    ids = [f"{job.run}/{number:04d}" for number in range(count)]
    records = tuple(Encoded(f"{number:04d}", None, 0.0, kind, "", there[number]) for number in range(count))
    for number, card in enumerate(cards):
        keep_card(project, job.run, _filled(card, ids[number], shapes.row(number), like.layout, job, kind, project))
    file = LatentFile(like.layout, names, records, like.categories, copies=shapes.copies)
    pose = None if shapes.pose is None else shapes.pose.cpu().numpy()
    path = folder / "latents.safetensors"
    write_latents(path, shapes.latent.cpu().numpy(), present.numpy(), classes_of(shapes), file, pose)
    about = about or msgspec.structs.replace(like.about, items=(), model_hash="")
    modules = {"representation": like.representation}
    save_model(folder / "representation.safetensors", modules, msgspec.to_builtins(about))
    project.catalogue.add_shapes(
        [
            ShapeRow(
                id=ids[number],
                run=job.run,
                row=number,
                kind=kind,
                verdict=kind,
                present=there[number],
                parents=cards[number].made_of,
                added=time.time(),
            )
            for number in range(count)
        ]
    )
    return ids


def draw_derived(project: Project, job: Job, like: Opened, shapes: Shapes, rows: Sequence[int] = ()) -> Stage[None]:
    """Pictures of derived shapes, all or some ``rows``, as pictures/0000.png of the run; those there already stay.

    A machine that cannot draw goes without, which a Note says.
    """
    for number in rows or range(len(shapes.latent)):
        path = picture_path(project, job, number)
        if path.exists():
            continue
        decoded = like.representation.decode(shapes.row(number).to(like.device))[0]
        try:
            image = yield from picture(decoded, like.representation.parts, PICTURE_GRID, PICTURE_SIZE)
        except StudioError as error:
            yield Note(text=f"no pictures: {error}", warning=True)
            return
        save_png(path, image)
        yield Saved(kind="picture", path=str(path))


def picture_path(project: Project, job: Job, row: int) -> Path:
    """Where `draw_derived` keeps the picture of a row of the job's run."""
    return project.run_folder(job.run) / "pictures" / f"{row:04d}.png"


def _known(name: str, project: Project) -> ShapeRow:
    try:
        return project.catalogue.shape(name)
    except InputError as error:
        if all(item.id != name for item in project.catalogue.items()):
            raise
        raise InputError(f"{name!r} is an item, not a shape; `fit` it first, and name the fitted shape") from error


def _is_row_of(latents: LatentSet, row: ShapeRow) -> bool:
    """Whether file and catalogue agree on a shape: both change while a generation goes on, one after the other."""
    records = latents.records
    return row.row < len(records) and row.id == f"{row.run}/{records[row.row].item}"


def _row(latents: LatentSet, row: int) -> Shapes:
    if isinstance(latents, Latents):
        return latents.shapes([row])
    batch = latents.batch(torch.tensor([row]), torch.Generator())
    return Shapes(batch.target, batch.present, condition=batch.condition)


def _filled(card: Card, name: str, shape: Shapes, layout: Layout, job: Job, kind: Operation, project: Project) -> Card:
    """The card of one shape with all that follows from the shape, the job and the parents."""
    sources = [source for parent in card.made_of for source in sources_behind(parent, project)]
    if card.model:
        sources += sources_of_model(card.model, project)
    return msgspec.structs.replace(
        card,
        shape=name,
        operation=kind,
        job=msgspec.to_builtins(job),
        hashes=hashes_of(shape, layout),
        sources=once_each(sources),
        copies=shape.copies[0] if shape.copies else (),
    )
