"""Cards of shapes: kept with derived shapes, made from catalogue and job for the others."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import torch

from engine.card import DERIVED, WHOLE, Card, Move, Operation, Source
from engine.errors import DamagedFileError, InputError
from engine.jobs import FitJob, GenerateJob, ImportJob
from engine.latents import Latents
from engine.layout import Layout
from engine.method import Part, Shapes
from engine.parts.spans import part_hashes
from engine.project import Project
from engine.rows import ShapeRow
from engine.shapes import hash_of_file, model_path, read_fit_about, read_model_about, version_of
from engine.shipped import is_shipped, shipped_terms
from engine.storage import digest, write_json


def card_of(row: ShapeRow, project: Project) -> Card:
    """How a shape came to be: the card that was kept with it, or one made from catalogue and job.

    Raises InputError when its run has no latents, DamagedFileError for a broken card.
    """
    return _read(row, project) if _kept(row, project) else _made(row, project)


def keep_moves(name: str, moves: tuple[Move, ...], project: Project) -> None:
    """Keep a card of a generated shape, none of which was kept so far, that says how its parts were moved after it was
    drawn."""
    row = project.catalogue.shape(name)
    keep_card(project, row.run, msgspec.structs.replace(_made(row, project), moves=moves))


def _made(row: ShapeRow, project: Project) -> Card:
    job, folder = project.job(row.run), project.run_folder(row.run)
    parent = row.parents[0] if row.parents else ""
    hashes: dict[str, str] = {}
    if (folder / "latents.safetensors").is_file():  # where latents are rows of numbers that stay
        latents = Latents(folder / "latents.safetensors")
        hashes = hashes_of(latents.shapes([row.row]), latents.layout)
    seed, model, model_hash = None, "", ""
    match job:
        case FitJob():
            seed, model = job.settings.seed, row.run
            model_hash = hash_of_file(folder / "representation.safetensors")
        case GenerateJob():
            seed, model, model_hash = job.seed, job.model, read_fit_about(row.run, project).model_hash
    operation: Operation = "imported" if row.kind == "imported" else "fitted" if row.item else "generated"
    return Card(
        shape=row.id,
        operation=operation,
        job=msgspec.to_builtins(job),
        parents=dict.fromkeys(row.present or (WHOLE,), parent),
        hashes=hashes,
        seed=seed,
        model=model,
        model_hash=model_hash,
        sources=sources_of(row, project),
    )


def keep_card(project: Project, run: str, card: Card) -> None:
    """Write the card of a shape of a run, run/name."""
    write_json(_path(run, card.shape, project), card)


def _path(run: str, shape: str, project: Project) -> Path:
    return project.run_folder(run) / "cards" / f"{shape.removeprefix(f'{run}/')}.json"


def _kept(row: ShapeRow, project: Project) -> bool:
    """Whether a card lies beside a shape, as it must where nothing else tells how it came to be."""
    return row.kind in DERIVED or _path(row.run, row.id, project).is_file()


def _read(row: ShapeRow, project: Project) -> Card:
    try:
        return msgspec.json.decode(_path(row.run, row.id, project).read_bytes(), type=Card)
    except (OSError, msgspec.DecodeError) as error:
        raise DamagedFileError(f"the card of {row.id} cannot be read ({error}); make the shape again") from error


def hashes_of(shape: Shapes, layout: Layout) -> dict[str, str]:
    """Hash of the numbers of each present part of a single shape, by name; of all numbers, under "", without parts."""
    names = dict.fromkeys(slot.part for slot in layout.slots if slot.part)
    parts = [Part(name, (0.0, 0.0, 0.0), layout.spans_of(name)) for name in names]
    there = torch.ones(1, len(parts), dtype=torch.bool) if shape.present is None else shape.present
    if not parts:
        return {WHOLE: digest(shape.latent[0].cpu().contiguous().numpy().tobytes())}
    return dict(part_hashes(shape.latent[0], [part for part, flag in zip(parts, there[0], strict=True) if flag]))


def sources_behind(name: str, project: Project) -> tuple[Source, ...]:
    """The sources of a shape or of an item. Raises InputError for an unknown one."""
    try:
        row = project.catalogue.shape(name)
    except InputError:
        item = project.catalogue.item(name)
        return (Source(item.origin, item.licence),)
    return sources_of(row, project)


def sources_of(row: ShapeRow, project: Project) -> tuple[Source, ...]:
    """Origin and licence of what a shape was made from, each pair once: its item, all that its model learned from, or
    what its parents were made from."""
    if _kept(row, project):
        return _read(row, project).sources
    if row.item:
        return _sources_of_items({row.item}, project)
    job = project.job(row.run)
    if isinstance(job, GenerateJob) and is_shipped(job.model):
        return _sources_of_shipped(version_of(row.run, project), project)
    found = _sources_of_items(read_fit_about(row.run, project).items, project)
    return found or (_sources_of_import(job.model, project) if isinstance(job, GenerateJob) else ())


def sources_of_model(name: str, project: Project) -> tuple[Source, ...]:
    """The same of what a model learned from: a training run, an imported denoiser, a file, or a shipped model."""
    if is_shipped(name):
        return _sources_of_shipped(name, project)
    items = read_model_about(model_path(name, project)).items
    return _sources_of_items(items, project) or _sources_of_import(name, project)


def _sources_of_shipped(name: str, project: Project) -> tuple[Source, ...]:
    terms = shipped_terms(name, project.folder)
    return (Source(terms.origin, terms.licence),)


def _sources_of_import(run: str, project: Project) -> tuple[Source, ...]:
    """What was said of the files of an import; () for other runs, and for model files."""
    job = None if Path(run).suffix == ".safetensors" else project.job(run)
    return (Source(job.origin, job.licence),) if isinstance(job, ImportJob) and (job.origin or job.licence) else ()


def _sources_of_items(names: Iterable[str], project: Project) -> tuple[Source, ...]:
    wanted = set(names)
    return once_each(Source(item.origin, item.licence) for item in project.catalogue.items() if item.id in wanted)


def once_each(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Each source once, in order."""
    return tuple(dict.fromkeys(sources))
