"""Parts that a person painted on the surface of items, a few marks for each, spread over the whole of it."""

from collections import Counter
from typing import Any

import msgspec

from engine.datasets.auto_parts import new_child, with_parts
from engine.datasets.labelling import Paint
from engine.datasets.marks import PAINTING, Painting
from engine.datasets.pictures import Gallery
from engine.datasets.reading import Finding
from engine.errors import InputError
from engine.jobs import PartsJob
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.storage import once

PAINTED = "parts_painted"  # in an item's report: the run that gave it its parts


def paint_parts(job: PartsJob, project: Project) -> Stage[dict[str, Any]]:
    """Give the items of ``job.painted`` the parts that their marks say; see `engine.datasets.spreading` for the method, and
    ``PartsJob`` for the result. An item gets all of its parts or keeps what it has; a stopped run goes on with the others.
    """
    _check(job, project)
    parts: Counter[str] = Counter()
    path = project.run_folder(job.run) / "before.json"
    now = [] if path.exists() else [painting_of(project, painting.item) for painting in job.painted]
    before = msgspec.convert(once(path, msgspec.to_builtins(now)), type=tuple[Painting, ...])
    with new_child() as child, Gallery() as gallery:
        for i, painting in enumerate(job.painted):
            item = project.catalogue.item(painting.item)
            yield (waiting := Progress(stage="name parts", done=i, total=len(job.painted), message=item.id))
            if item.report.get(PAINTED) != job.run:
                order = Paint(project=str(project.folder), painting=painting)
                answer = yield from child.awaited(msgspec.msgpack.encode(order), waiting)
                item = with_parts(item, msgspec.msgpack.decode(answer, type=Finding), {PAINTED: job.run})
                gallery.take(project, item)
                project.catalogue.add_items([item])
            parts.update(item.parts)
        if gallery.trouble:
            yield Note(text=f"no pictures were taken: {gallery.trouble}", warning=True)
    redo = {"job": msgspec.to_builtins(msgspec.structs.replace(job, run=""))}
    project.catalogue.log(redo, {"job": msgspec.to_builtins(PartsJob(painted=before))}, job.run)
    yield Note(text=f"{len(job.painted)} painted: {', '.join(parts) or 'no parts are left'}")
    rows = [{"id": one.item, "parts": project.catalogue.item(one.item).parts} for one in job.painted]
    return {"run": job.run, "parts": dict(parts), "items": rows, "left": []}


def painting_of(project: Project, item: str) -> Painting:
    """The marks that an item has got its parts from, none where it was never painted."""
    path = project.geometry_path(item).with_name(PAINTING)
    return msgspec.json.decode(path.read_bytes(), type=Painting) if path.is_file() else Painting(item)


def _check(job: PartsJob, project: Project) -> None:
    """Raise InputError where the job asks for anything else as well, or an item cannot be painted."""
    if job.items or job.category or job.count or job.again:
        raise InputError("painted parts name their items themselves; leave items, category, count and again out")
    names = [painting.item for painting in job.painted]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"{', '.join(sorted(twice))} is painted twice; put all of its marks together")
    for painting in job.painted:
        item = project.catalogue.item(painting.item)
        if not (item.usable and project.geometry_path(item.id).is_file()):
            raise InputError(f"{item.id} has no surface to paint on")
        if painting.marks and not painting.names:
            raise InputError(f"all marks of {item.id} wipe off; paint a part, or leave all marks out")
        for name in painting.names:
            if " ".join(name.split()) != name or not name.isprintable():
                raise InputError(f"{name!r} cannot name a part; use words on one line")
