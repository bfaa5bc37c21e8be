"""A part of many items under another name, all at once."""

from typing import Any

import msgspec

from engine.datasets.auto_parts import new_child, with_parts
from engine.datasets.labelling import Name
from engine.datasets.labels import rename_in_mapping
from engine.datasets.parts import in_order
from engine.datasets.pictures import Gallery
from engine.datasets.reading import Finding
from engine.errors import InputError
from engine.jobs import RenameJob
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.rows import ItemRow
from engine.storage import once


def rename_part(job: RenameJob, project: Project) -> Stage[dict[str, Any]]:
    """Give a part of items another name; see ``RenameJob``. What was fitted before keeps the names of its time.

    An item is renamed wholly or not at all, and a stopped run goes on with the others.
    """
    path = project.run_folder(job.run) / "items.json"
    settled = once(path, {} if path.exists() else _settled(job, project))
    names: list[str] = settled["items"]
    with new_child() as child, Gallery() as gallery:
        for i, name in enumerate(names):
            item = project.catalogue.item(name)
            yield (waiting := Progress(stage="rename parts", done=i, total=len(names), message=name))
            if job.old not in item.parts:
                continue
            order = Name(project=str(project.folder), item=name, names={job.old: job.new})
            finding = msgspec.msgpack.decode(
                (yield from child.awaited(msgspec.msgpack.encode(order), waiting)), type=Finding
            )
            item = with_parts(item, finding, {})
            gallery.take(project, item)
            project.catalogue.add_items([item])
    if not job.items:
        rename_in_mapping(project.folder, job.category, job.old, job.new)
    back = RenameJob(old=job.new, new=job.old, category=job.category)
    if not settled["new"]:  # others had the new name before, and keep it
        back = RenameJob(old=job.new, new=job.old, items=tuple(names))
    inverse = {} if settled["merged"] else {"job": msgspec.to_builtins(back)}
    project.catalogue.log({"job": msgspec.to_builtins(msgspec.structs.replace(job, run=""))}, inverse, job.run)
    if fits := [row.id for row in project.catalogue.runs("fit")]:
        yield Note(text=f"what was fitted before keeps its names: {', '.join(fits)}")
    return {"run": job.run, "renamed": len(names), "merged": settled["merged"], "items": names}


def _settled(job: RenameJob, project: Project) -> dict[str, Any]:
    """Which items are renamed, in how many two parts become one, and whether no other item has the new name."""
    plain = " ".join(job.new.split())
    if plain != job.new or not plain or not plain.isprintable():
        raise InputError(f"{job.new!r} cannot name a part; use words on one line")
    if job.items and job.category:
        raise InputError("name items or a category, not both")
    among = project.catalogue.items(job.category)
    asked = set(job.items)
    chosen: list[ItemRow] = [item for item in among if (not asked or item.id in asked) and job.old in item.parts]
    if job.old == job.new:
        raise InputError(f"the part is named {job.new} already")
    if not chosen:
        found = in_order({part for item in among for part in item.parts})
        raise InputError(f"no item has a part named {job.old}; there are {', '.join(found) or 'no named parts'}")
    both = [item.id for item in chosen if job.new in item.parts]
    if both and not job.merge:
        raise InputError(
            f"{len(both)} of these items have a part named {job.new} already; give another name, or --merge to make the "
            "two one part, which cannot be undone"
        )
    new = not any(job.new in item.parts for item in among)
    return {"items": [item.id for item in chosen], "merged": len(both), "new": new}
