"""GLB files that carry live shapes, back into a project: as shapes that mix, heal and export like those they were."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch

from engine import methods
from engine.card import WHOLE, Card, Source
from engine.cards import hashes_of, keep_card, once_each
from engine.checkpoint import load_model, save_model
from engine.datasets.networks import run_of
from engine.embedded import Live, unpack
from engine.errors import InputError, StudioError
from engine.foreign.bring import names_of
from engine.geometry.export.carried import read_carried
from engine.geometry.export.scene import GENERATOR
from engine.jobs import ImportJob
from engine.latents import LatentFile, write_latents
from engine.method import Encoded, Representation
from engine.methods import name_of
from engine.parts.pose import unmoved
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.rows import MADE, ItemRow, ShapeRow
from engine.shapes import FitAbout, read_fit_about, read_model_about
from engine.shipped import PREFIX, names, shipped_file


def live_in(path: Path) -> tuple[Live | None, dict[str, object], str]:
    """The live shape that a GLB carries, its recipe, and what a person should know of it ("" = nothing).

    A file that carries none, or not what was written, gives None: it is a mesh like any other.
    """
    try:
        carried = read_carried(path)
    except StudioError as error:
        return None, {}, f"{str(error).removeprefix(f'{path}: ')}; it is imported as a plain mesh"
    if not carried.latents:
        lost = "shape" in carried.recipe and carried.saved_by != GENERATOR
        words = f"{carried.saved_by or 'another program'} saved the file without its live parts"
        return None, carried.recipe, f"{words}; it is imported as a plain mesh" if lost else ""
    try:
        live = unpack(carried)
    except InputError as error:
        return None, carried.recipe, f"its live parts cannot be used: {error}; it is imported as a plain mesh"
    told = f"{carried.saved_by or 'another program'} saved the file: its live parts are as they were exported"
    return live, carried.recipe, "" if carried.saved_by == GENERATOR else told


def bring(
    job: ImportJob, project: Project, items: Sequence[ItemRow], taken: int
) -> Stage[tuple[list[ItemRow], list[str]]]:
    """Keep the live shapes of imported GLB files -> the items that have one, now saying so, and the ids of the shapes.
    A file with the card of a shape is told from real ones by its split, MADE, whether or not its numbers can be used.

    taken : runs that this import keeps something in already; shapes that can be rows of one run share one
    """
    groups: dict[tuple[bytes, ...], list[tuple[ItemRow, Live, dict[str, object]]]] = {}
    made: dict[str, ItemRow] = {}  # items that changed
    glbs = list(
        {item.id: item for item in items if item.kind == "mesh" and item.path.lower().endswith(".glb")}.values()
    )
    for done, item in enumerate(glbs):
        yield Progress(stage="live parts", done=done, total=len(glbs), message=Path(item.path).name)
        live, recipe, words = live_in(Path(item.path))
        if words:
            yield Note(text=f"{Path(item.path).name}: {words}", warning=True)
        if live:
            groups.setdefault(live.key, []).append((item, live, recipe))
        if recipe.get("shape"):
            made[item.id] = msgspec.structs.replace(item, split=MADE)
    shapes = []
    for group in groups.values():
        found = _decoder(group[0][1], project)
        if found is None:
            names = ", ".join(Path(item.path).name for item, *_ in group)
            words = "need the fit or model that they were made with, which this project does not have"
            yield Note(text=f"{names}: the live parts {words}; imported as plain meshes", warning=True)
            continue
        run = run_of(job, project, taken, name_of(group[0][1].about.settings))
        taken += 1
        rows = _keep(project, run, [(item, live) for item, live, _ in group], *found)
        shapes += [row.id for row in rows]
        for row, (item, live, recipe) in zip(rows, group, strict=True):
            _keep_card(project, job, row, item, live, recipe)
        made |= {item.id: _told(item, row.id, recipe) for (item, _, recipe), row in zip(group, rows, strict=True)}
    project.catalogue.add_items(list(made.values()))
    return list(made.values()), shapes


def _decoder(live: Live, project: Project) -> tuple[Representation, FitAbout] | None:
    """What decodes a live shape: its own, or one of the project or the program with the same meaning; None without any."""
    about = FitAbout(settings=live.about.settings, vocabulary=live.about.vocabulary)
    if live.representation is not None:
        return live.representation, about
    for path, found in _representations(project):
        if (type(found.settings), found.vocabulary) != (type(about.settings), about.vocabulary):
            continue
        representation = methods.load(found.settings).representation(found.settings, found.vocabulary)
        load_model(path, {"representation": representation})
        if representation.meaning() == live.about.meaning:
            return representation, found
    return None


def _representations(project: Project) -> Iterator[tuple[Path, FitAbout]]:
    """Files of the runs of a project that have a representation, and of the models that come with the program."""
    for run in reversed(project.catalogue.runs()):
        path = project.run_folder(run.id) / "representation.safetensors"
        if path.is_file():
            yield path, read_fit_about(run.id, project)
    for name in names():
        path = shipped_file(PREFIX + name)
        model = read_model_about(path)
        yield path, FitAbout(settings=model.settings, vocabulary=model.vocabulary)


def _keep(
    project: Project,
    run: str,
    group: Sequence[tuple[ItemRow, Live]],
    representation: Representation,
    about: FitAbout,
) -> list[ShapeRow]:
    """Write live shapes as the latents of a run, with what decodes them, and enter them into the catalogue."""
    folder, first = project.run_folder(run), group[0][1].about
    names = names_of([Path(item.path) for item, _ in group])
    present = np.array([[part in live.about.present for part in first.vocabulary] for _, live in group], bool)
    records = tuple(
        Encoded(name, None, 0.0, "imported", "", live.about.present)
        for name, (_, live) in zip(names, group, strict=True)
    )
    copies = tuple(live.about.copies for _, live in group)
    poses = [live.pose for _, live in group]
    still = unmoved(len(first.vocabulary))
    pose = torch.stack([still if one is None else one for one in poses]) if any(p is not None for p in poses) else None
    latent = torch.stack([live.latent for _, live in group])
    file = LatentFile(first.layout, first.vocabulary, records, copies=copies if any(copies) else ())
    path = folder / "latents.safetensors"
    zeros = np.zeros(len(group), np.int64)
    write_latents(path, latent.numpy(), present, zeros, file, None if pose is None else pose.numpy())
    save_model(folder / "representation.safetensors", {"representation": representation}, msgspec.to_builtins(about))
    rows = [
        ShapeRow(
            id=f"{run}/{name}",
            run=run,
            row=row,
            kind="imported",
            item=item.id,
            verdict="imported",
            present=live.about.present,
            parents=(item.id,),
            added=time.time(),
        )
        for row, (name, (item, live)) in enumerate(zip(names, group, strict=True))
    ]
    project.catalogue.add_shapes(rows)
    return rows


def _keep_card(
    project: Project, job: ImportJob, row: ShapeRow, item: ItemRow, live: Live, recipe: Mapping[str, object]
) -> None:
    """The card of a shape with what the file's own says: its model, seed and measures, and all that went into it; and
    with what was said of the file as it was imported.

    Without one that can be read, the shape is told of as its item is.
    """
    try:
        old = msgspec.convert(recipe, Card)
    except msgspec.ValidationError:
        return
    terms = item.origin, item.licence
    said = [Source(*terms)] if any(terms) and terms != _terms(recipe) else []
    new = msgspec.structs.replace(
        old,
        shape=row.id,
        operation="imported",
        job=msgspec.to_builtins(job),
        parents=dict.fromkeys(row.present or (WHOLE,), row.item),
        hashes=hashes_of(live.shape, live.about.layout),
        moves=(),
        copies=live.about.copies,
        sources=once_each([*old.sources, *said]),
    )
    keep_card(project, row.run, new)


def _told(item: ItemRow, shape: str, recipe: Mapping[str, object]) -> ItemRow:
    """The item with the shape that it carries, how that came to be, and under which terms."""
    words = "It carries live parts; they are the shape"
    reason = f"{item.reason.split(words)[0].strip()} {words} {shape}."
    origin, licence = _terms(recipe)
    return msgspec.structs.replace(
        item,
        split=MADE,
        reason=reason.strip(),
        report=item.report | {"card": dict(recipe)},
        origin=item.origin or origin,
        licence=item.licence or licence,
    )


def _terms(recipe: Mapping[str, object]) -> tuple[str, str]:
    """Origins and licences that a card names, each once."""
    try:
        sources = msgspec.convert(recipe.get("sources", []), list[dict[str, str]])
    except msgspec.ValidationError:
        return "", ""
    found = [dict.fromkeys(filter(None, (source.get(key, "") for source in sources))) for key in ("origin", "licence")]
    return "; ".join(found[0]), "; ".join(found[1])
