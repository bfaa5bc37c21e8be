"""Parts for items that name none: their connected solids, matched over the data set, or the whole as one part."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.child import Child
from engine.datasets.grouping import Piece, group_pieces, units
from engine.datasets.labelling import Look, Looked, Name
from engine.datasets.parts import GROUP, WHOLE, in_order, is_named
from engine.datasets.pictures import Gallery
from engine.datasets.reading import Finding
from engine.errors import InputError, StudioError
from engine.jobs import PartsJob
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.rows import MADE, ItemRow
from engine.storage import once

MEMORY, SECONDS = 8 * 2**30, 180.0  # for one item
PARTED = 0.5  # share of the items that must come apart, or the whole of each is its part
FOUND = "parts_found"  # in an item's report: the run that found its parts


def find_parts(job: PartsJob, project: Project) -> Stage[dict[str, Any]]:
    """Parts for the items of the job; see ``PartsJob`` for the result."""
    path = project.run_folder(job.run) / "items.json"
    names = once(path, [] if path.exists() else [item.id for item in _asked(job, project)])
    result = yield from label_items([project.catalogue.item(name) for name in names], job.count, job.run, project)
    redo = {"job": msgspec.to_builtins(msgspec.structs.replace(job, run=""))}
    project.catalogue.log(redo, {}, job.run)  # to have items without parts again they are imported again
    return {"run": job.run} | result


def label_items(items: Sequence[ItemRow], count: int, run: str, project: Project) -> Stage[dict[str, Any]]:
    """Parts for items without: ``count`` groups of their solids, or as many as suit them (0). Resumable within ``run``."""
    folder = project.run_folder(run)
    with new_child() as child, Gallery() as gallery:
        looked = yield from _look(items, child, project, folder / "pieces.jsonl")
        able = [item for item in items if looked[item.id].pieces]
        plan = folder / "parts.json"
        named = once(plan, {} if plan.exists() else (yield from _plan(able, looked, count, project)))
        done: list[ItemRow] = []
        for i, item in enumerate(able):
            yield (waiting := Progress(stage="name parts", done=i, total=len(able), message=item.id))
            if item.report.get(FOUND) != run:
                order = Name(
                    project=str(project.folder),
                    item=item.id,
                    names=named[item.id],
                    pieces=True,
                    hash=looked[item.id].hash,
                )
                finding = msgspec.msgpack.decode(
                    (yield from child.awaited(msgspec.msgpack.encode(order), waiting)), type=Finding
                )
                item = with_parts(item, finding, {FOUND: run})
                gallery.take(project, item)
                project.catalogue.add_items([item])
            done.append(item)
        if gallery.trouble:
            yield Note(text=f"no pictures were taken: {gallery.trouble}", warning=True)
    found = Counter(part for item in done for part in item.parts)
    parts = {name: found[name] for name in in_order(found)}
    yield Note(text=_words(parts, len(done)))
    rows = [{"id": item.id, "parts": item.parts} for item in done]
    return {"parts": parts, "items": rows, "left": [item.id for item in items if not looked[item.id].pieces]}


def with_parts(item: ItemRow, finding: Finding, about: dict[str, Any]) -> ItemRow:
    """The row of an item whose parts have got other names; ``about`` goes into its report."""
    report = {key: value for key, value in item.report.items() if key != "overlaps"} | finding.report | about
    return msgspec.structs.replace(item, parts=finding.parts, hash=finding.hash, report=report)


def new_child() -> Child:
    """A process for `engine.datasets.labelling`."""
    return Child("engine.datasets.labelling:answer", MEMORY, SECONDS, task="looking for parts")


def _asked(job: PartsJob, project: Project) -> list[ItemRow]:
    """The named items, or all usable ones without named parts. Raises InputError for items that have names, and for none."""
    if job.items and job.category:
        raise InputError("name items or a category, not both")
    if job.again and not (job.items or job.category):
        raise InputError("--again replaces the names of parts: say of which items, or of which category")
    known = project.catalogue.items(job.category, accepted=True)
    chosen = [project.catalogue.item(name) for name in dict.fromkeys(job.items)] if job.items else known
    chosen = [item for item in chosen if item.split != MADE or job.items]
    free = [item for item in chosen if job.again or not is_named(item)]
    free = [item for item in free if project.geometry_path(item.id).is_file() and item.usable]
    if len(free) < len(chosen) and job.items:
        left = ", ".join(item.id for item in chosen if item not in free)
        raise InputError(
            f"{left}: these have named parts, or no surface; give --again for parts that were found before"
        )
    if not free:
        raise InputError(
            "no item is without named parts; `parts` lists the names, --again finds parts anew where they were found before"
        )
    return free


def _look(items: Sequence[ItemRow], child: Child, project: Project, kept: Path) -> Stage[dict[str, Looked]]:
    """What each item comes apart into; kept line by line, a torn last line is dropped. No pieces where that fails."""
    data = kept.read_bytes() if kept.exists() else b""
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        os.truncate(kept, len(whole))
    found = {look.item: look for look in msgspec.json.Decoder(Looked).decode_lines(whole)}
    for i, item in enumerate(items):
        yield (waiting := Progress(stage="look for parts", done=i, total=len(items), message=item.id))
        if item.id in found:
            continue
        try:
            order = msgspec.msgpack.encode(Look(project=str(project.folder), item=item.id))
            answer = yield from child.awaited(order, waiting)
            found[item.id] = msgspec.msgpack.decode(answer, type=Looked)
        except (StudioError, RuntimeError) as error:
            yield Note(text=f"{item.id} was left as it is: {error}", warning=True)
            found[item.id] = Looked(item=item.id)
        with kept.open("ab") as file:
            file.write(msgspec.json.encode(found[item.id]) + b"\n")
    return found


def _plan(
    items: Sequence[ItemRow], looked: dict[str, Looked], count: int, project: Project
) -> Stage[dict[str, dict[str, str]]]:
    """Item -> piece -> name. Numbers go on from those that other items of the project have."""
    pieces: list[Sequence[Piece]] = [looked[item.id].pieces for item in items]
    apart = [k for k, own in enumerate(pieces) if len(own) > 1]
    several = sum(len(units(pieces[k])) > 1 for k in apart)
    names = {item.id: {piece.name: WHOLE for piece in own} for item, own in zip(items, pieces, strict=True)}
    if not apart or count == 1 or (not count and several < PARTED * len(items)):
        return names
    mine = {item.id for item in items}
    others = [part for item in project.catalogue.items() if item.id not in mine for part in item.parts]
    first = 1 + max((int(found[1]) for part in others if (found := GROUP.fullmatch(part))), default=0)
    groups = yield from group_pieces([pieces[k] for k in apart], count)
    for k, group in zip(apart, groups, strict=True):
        names[items[k].id] = {name: f"part {first + number}" for name, number in group.items()}
    return names


def _words(parts: dict[str, int], count: int) -> str:
    if set(parts) == {WHOLE}:
        return f"{count} items have one part each, their whole: most of them do not come apart into solids"
    groups = ", ".join(f"{name} in {number}" for name, number in parts.items() if name != WHOLE)
    whole = f"; {parts[WHOLE]} do not come apart and are one part, {WHOLE}" if WHOLE in parts else ""
    return f"parts of {count} items by connected solids: {groups}{whole}. `rename-part` gives them better names"
