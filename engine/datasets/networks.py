"""Published networks and denoisers into a project: shapes and models of an import's run."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.datasets.found.tree import shown
from engine.datasets.source import Source
from engine.errors import InputError
from engine.foreign.bring import Brought, group_networks, keep_model, keep_network_run
from engine.foreign.denoisers import Published, read_denoiser
from engine.foreign.networks import Network, read_network
from engine.jobs import ImportJob
from engine.methods import name_of
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.rows import ItemRow, ShapeRow
from engine.storage import digest, write_json


def open_network(source: Source, heads: int) -> Network | Published:
    """What a network source holds. Raises InputError that says what it holds instead, or why its data set refuses it."""
    if source.refused:
        raise InputError(source.refused)
    path = Path(source.files[0])
    return read_denoiser(path, heads) if source.kind == "denoiser" else read_network(path)


def import_networks(job: ImportJob, project: Project, sources: Sequence[Source], rows: Sequence[ItemRow]) -> Stage[Any]:
    """Keep the networks of ``sources`` -> (items, shapes, models): ids of shapes and names of runs that can generate.

    rows : the item of each source as far as it is known without opening it; the verdict is added here. The first group of
    networks of one layout, and the first denoiser, are kept in the job's own run, others in runs of their own beside it.
    """
    items: dict[str, ItemRow] = {}
    networks: dict[Path, Network] = {}
    owners: dict[Path, ItemRow] = {}
    models: list[tuple[ItemRow, Published]] = []
    notes: Counter[str] = Counter()
    for i, (source, row) in enumerate(zip(sources, rows, strict=True)):
        yield Progress(stage="networks", done=i, total=len(sources), message=Path(source.files[0]).name)
        try:
            found = open_network(source, job.heads)
        except OSError as error:
            items[row.id] = msgspec.structs.replace(row, reason=f"cannot be read ({error.strerror})")
            continue
        except InputError as error:
            items[row.id] = msgspec.structs.replace(row, reason=str(error).removeprefix(f"{source.files[0]}: "))
            continue
        notes.update(found.notes)
        if isinstance(found, Published):
            models.append((row, found))
        else:
            networks[Path(source.files[0])] = found
            owners[Path(source.files[0])] = row
    for note, count in notes.items():
        yield Note(text=f"{count} networks: {note}" if count > 1 else f"one network: {note}")
    shapes: list[str] = []
    paths = list(networks)
    groups = group_networks(networks)
    for number, group in enumerate(groups):
        run = run_of(job, project, number, name_of(group.settings))
        own = {id(network) for network in group.networks}
        mine = [owners[path] for path in paths if id(networks[path]) in own]
        shapes += _keep_group(project, run, group, mine)
        for row, name in zip(mine, group.names, strict=True):
            reason = f"weights of one field; it is the shape {run}/{name}"
            items[row.id] = msgspec.structs.replace(row, verdict="network", reason=reason, parts=group.vocabulary)
    names = []
    for number, (row, published) in enumerate(models):
        run = run_of(job, project, number and number + max(len(groups) - 1, 0), name_of(published.settings))
        keep_model(project.run_folder(run), published)
        names.append(run)
        reason = f"a denoiser; `generate --model {run}` draws from it"
        items[row.id] = msgspec.structs.replace(row, verdict="model", reason=reason, parts=published.vocabulary)
    project.catalogue.add_items(list(items.values()))
    return list(items.values()), shapes, names


def about(found: Network | Published) -> tuple[str, str]:
    """Verdict and reason of a network that was opened and not kept."""
    if isinstance(found, Published):
        return (
            "model",
            f"a denoiser of {name_of(found.settings)} with {sum(t.numel() for t in found.state.values()):,} numbers",
        )
    parts = f", one expert each for {', '.join(found.vocabulary)}" if found.vocabulary else ""
    return "network", f"weights of one field, {found.row.numel():,} numbers{parts}"


def network_row(job: ImportJob, source: Source, split: str) -> ItemRow:
    """The item of a network source before it is opened."""
    path = Path(source.files[0])
    try:
        with path.open("rb") as file:  # denoisers have gigabytes: the start tells them apart
            found = f"{digest(file.read(2**26))}-{path.stat().st_size}"
    except OSError:
        found = digest(shown(source.files[0]).encode())
    origin, licence = source.terms(job.origin, job.licence)
    return ItemRow(
        id=shown(f"{path.stem}-{digest(found.encode())[:10]}"),
        kind=source.kind,
        category=job.category or source.category,
        path=shown(source.files[0]),
        hash=found,
        verdict="refused",
        reason="",
        split=split,
        name=source.name,
        usable=False,
        origin=origin,
        licence=licence,
        added=time.time(),
    )


def run_of(job: ImportJob, project: Project, number: int, method: str) -> str:
    """The job's own run for the first, a run beside it for each other."""
    if number == 0:
        return job.run
    run = project.catalogue.new_run("import", method, f"{job.run}-{number + 1}")
    write_json(project.run_folder(run) / "job.json", msgspec.structs.replace(job, run=run))
    project.finish(run, {"part_of": job.run})
    project.catalogue.end_run(run, "finished")
    return run


def _keep_group(project: Project, run: str, group: Brought, items: Sequence[ItemRow]) -> list[str]:
    keep_network_run(project.run_folder(run), group)
    rows = [
        ShapeRow(
            id=f"{run}/{name}",
            run=run,
            row=i,
            kind="imported",
            item=item.id,
            verdict="imported",
            present=group.vocabulary,
            parents=(item.id,),
            added=time.time(),
        )
        for i, (name, item) in enumerate(zip(group.names, items, strict=True))
    ]
    project.catalogue.add_shapes(rows)
    return [row.id for row in rows]
