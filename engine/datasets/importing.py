"""Items into a project: files, folders, archives and data sets. Nothing is refused silently."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from engine.bringing import bring, live_in
from engine.child import Child
from engine.datasets.archive import is_archive, unpack
from engine.datasets.auto_parts import label_items
from engine.datasets.axes import stated
from engine.datasets.done import Done
from engine.datasets.found import MESHES, find
from engine.datasets.found.tree import shown
from engine.datasets.labels import load_mapping
from engine.datasets.networks import about, import_networks, network_row, open_network
from engine.datasets.parts import is_named
from engine.datasets.pictures import Gallery
from engine.datasets.reading import Carry, Finding, Order
from engine.datasets.source import Source
from engine.datasets.splits import split_of, warn_of_duplicates
from engine.datasets.summary import result_of, summary
from engine.errors import InputError, MeshError, StudioError
from engine.jobs import ImportJob
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.rows import ItemRow
from engine.storage import digest

MEMORY = 8 * 2**30  # bytes that reading one file may take
SECONDS = 180.0  # that reading one file may take
NETWORKS = ("network", "denoiser")


def import_files(job: ImportJob, project: Project) -> Stage[dict[str, Any]]:
    """Everything that the paths hold, into the project. What cannot be used becomes an item with the verdict "refused".

    A labelled cloud gives its labels to the meshes of the same name, whichever came first.
    """
    load_mapping(project.folder)  # a slip in it should be known before anything is read
    _check_axes(job)
    sources = yield from _gather(job, project.folder / "cache" / "unpacked")
    before = project.catalogue.items()
    known = {item.id: item.split for item in before}  # an item stays where it was put first
    earlier = {item.id: item for item in before}
    done = Done(project.run_folder(job.run) / "done.txt" if job.run else None)
    named: dict[str, dict[str, ItemRow]] = defaultdict(dict)  # meshes and labelled clouds by name and id
    for item in before:
        named[item.name][item.id] = item
    files = [source for source in sources if source.kind not in NETWORKS]
    items: list[ItemRow] = []
    with Child("engine.datasets.reading:answer", MEMORY, SECONDS) as child, Gallery() as gallery:
        for i, source in enumerate(files):
            waiting = Progress(stage="import", done=i, total=len(files), message=_short(source.files[0]))
            yield waiting
            if done.id_of(source) in earlier:
                items.append(earlier[done.id_of(source)])
                continue
            finding = yield from _read(child, _order(job, source, str(project.folder)), waiting)
            row = _with_old_terms(_row(job, source, finding, known), earlier.get(finding.id))
            gallery.take(project, row)
            project.catalogue.add_items([row])
            named[row.name][row.id] = earlier[row.id] = row
            items.append(row)
            for mesh, cloud in _pairs(row, named[row.name].values()):
                labelled = yield from _carry(child, project, mesh, cloud, waiting)
                if labelled != mesh:
                    gallery.take(project, labelled)
                    project.catalogue.add_items([labelled])
                    named[row.name][mesh.id] = labelled
                    items.append(labelled)
            done.add(source, row.id)
        if gallery.trouble:
            yield Note(text=f"no pictures were taken: {gallery.trouble}", warning=True)
    if files:
        yield Progress(stage="import", done=len(files), total=len(files))
    found: dict[str, Any] = {}
    others = [source for source in sources if source.kind in NETWORKS]
    if others:
        rows = [network_row(job, source, source.split or split_of(source.name)) for source in others]
        brought, shapes, models = yield from import_networks(job, project, others, rows)
        items += brought
        found = {"shapes": shapes, "models": models}
    taken = {shape.rpartition("/")[0] for shape in found.get("shapes", ())} | set(found.get("models", ()))
    changed, live = yield from bring(job, project, items, len(taken))
    carrying = {item.id: item for item in changed}
    items = [carrying.get(item.id, item) for item in items]
    if live:
        found["shapes"] = [*found.get("shapes", ()), *live]
    project.catalogue.add_items(_replaced(before, items))
    yield from warn_of_duplicates(project, items)
    if job.auto_parts:
        items = yield from _with_auto_parts(job, project, items)
    items = list({(item.id, item.path): item for item in items}.values())  # labelled meshes stand there twice
    copies = len(items) - len({item.id for item in items})
    if copies:
        yield Note(text=f"{copies} files are exact copies of others of the same name; they share one item")
    return {"summary": summary(items, job.thickness)} | found | result_of(items)


def _with_auto_parts(job: ImportJob, project: Project, items: Sequence[ItemRow]) -> Stage[list[ItemRow]]:
    """The items, those without named parts with parts that were found."""
    free = {item.id: item for item in items if item.usable and not is_named(item)}
    able = [item for item in free.values() if project.geometry_path(item.id).is_file()]
    if not able:
        return list(items)
    yield from label_items(able, 0, job.run, project)
    return [project.catalogue.item(item.id) if item.id in free else item for item in items]


def check_files(job: ImportJob) -> Stage[dict[str, Any]]:
    """What an import would say of the paths, without a project: the same table, nothing is kept."""
    _check_axes(job)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shapestudio-")))
        sources = yield from _gather(job, scratch)
        child = stack.enter_context(Child("engine.datasets.reading:answer", MEMORY, SECONDS))
        items = []
        for i, source in enumerate(sources):
            waiting = Progress(stage="check", done=i, total=len(sources), message=_short(source.files[0]))
            yield waiting
            if source.kind in NETWORKS:
                items.append(_check_network(job, source))
                continue
            row = _row(job, source, (yield from _read(child, _order(job, source), waiting)), {})
            items.append(_with_live_parts(row) if Path(row.path).suffix.lower() == ".glb" else row)
        yield Progress(stage="check", done=len(sources), total=len(sources))
    return {"summary": summary(items, job.thickness)} | result_of(items)


def _check_network(job: ImportJob, source: Source) -> ItemRow:
    row = network_row(job, source, source.split)
    try:
        word, reason = about(open_network(source, job.heads))
    except InputError as error:
        word, reason = "refused", str(error)
    return msgspec.structs.replace(row, verdict=word, reason=reason)


def _with_live_parts(row: ItemRow) -> ItemRow:
    """The row of a GLB, saying whether it carries a shape whose parts can be mixed again."""
    live, _, words = live_in(Path(row.path))
    said = f"It carries live parts ({', '.join(live.about.present) or 'one field'})." if live else ""
    return msgspec.structs.replace(row, reason=" ".join(filter(None, (row.reason, said, words))))


def _gather(job: ImportJob, unpacked: Path) -> Stage[list[Source]]:
    """All that the paths hold, archives unpacked into ``unpacked``; meshes before clouds. Raises InputError for nothing."""
    paths, bad = [], []
    for text in job.paths:
        path = Path(text)
        if path.is_file() and is_archive(path):
            about = path.stat()
            folder = unpacked / f"{path.stem}-{digest(f'{path} {about.st_size} {about.st_mtime_ns}'.encode())[:10]}"
            try:
                yield from unpack(path, folder)
            except InputError as error:
                if len(job.paths) == 1:
                    raise
                bad.append(Source(kind="mesh", name=path.stem, files=(str(path),), refused=str(error)))
                continue
            path = folder
        paths.append(path)
    sources = bad + (yield from find(paths, job.kind))
    if not sources:
        formats = ", ".join(suffix[1:].upper() for suffix in MESHES)
        raise InputError(f"nothing in {', '.join(job.paths)} can be imported; it reads {formats}, zip, and data sets")
    order = ("mesh", "parts", "occupancy", "cloud", *NETWORKS)
    return sorted(sources, key=lambda source: order.index(source.kind))


def _order(job: ImportJob, source: Source, project: str = "") -> Order:
    return Order(
        source=source,
        project=project,
        category=job.category or source.category,
        thickness=job.thickness,
        solids=job.solids or job.auto_parts,
        up="" if job.up == "kept" else job.up,
        front="" if job.front == "kept" else job.front,
    )


def _check_axes(job: ImportJob) -> None:
    """Raise InputError where up and front cannot both be so."""
    if said := stated(*("" if axis == "kept" else axis for axis in (job.up, job.front))):
        _ = said.turn


def _read(child: Child, order: Order, waiting: Progress) -> Stage[Finding]:
    """One source read in the child process; what ends the process is a verdict too."""
    try:
        data = yield from child.awaited(msgspec.msgpack.encode(order), waiting)
    except (MeshError, InputError) as error:
        return Finding(id="", hash="", verdict="refused", reason=str(error))
    except RuntimeError as error:  # a fault of ours: it costs this file, not the others
        yield Note(text=f"{waiting.message}: {error}", warning=True)
        first = str(error).split("\n")[0]
        return Finding(id="", hash="", verdict="refused", reason=f"reading failed by a fault of the program ({first})")
    return msgspec.msgpack.decode(data, type=Finding)


def _row(job: ImportJob, source: Source, finding: Finding, known: dict[str, str]) -> ItemRow:
    ident = finding.id or f"{source.name}-{digest(shown(source.files[0]).encode())[:10]}"
    origin, licence = source.terms(job.origin, job.licence)
    return ItemRow(
        id=ident,
        kind=source.kind,
        category=job.category or source.category,
        path=shown(source.files[0]),
        hash=finding.hash,
        verdict=finding.verdict,
        reason=finding.reason,
        split=source.split or known.get(ident) or split_of(ident),
        name=source.name,
        usable=finding.usable,
        parts=finding.parts,
        report=finding.report,
        origin=origin,
        licence=licence,
        added=time.time(),
    )


def _with_old_terms(row: ItemRow, old: ItemRow | None) -> ItemRow:
    """The same contents from two places are one item: the terms of both hold."""
    if old is None or old.path == row.path or not old.licence or old.licence in row.licence:
        return row
    return msgspec.structs.replace(row, licence=f"{old.licence}; {row.licence}" if row.licence else old.licence)


def _replaced(before: Sequence[ItemRow], items: Sequence[ItemRow]) -> list[ItemRow]:
    """Earlier items of files that have changed since; they are kept for what was made of them, but not used again."""
    now = {(item.path, item.kind): item.id for item in items}
    fresh = set(now.values())
    found = [(old, now.get((old.path, old.kind), old.id)) for old in before]
    return [
        msgspec.structs.replace(old, usable=False, verdict="refused", reason=f"the file has changed; now it is {new}")
        for old, new in found
        if new != old.id and old.id not in fresh
    ]


def _pairs(row: ItemRow, same_name: Iterable[ItemRow]) -> list[tuple[ItemRow, ItemRow]]:
    """Meshes and the labelled clouds whose labels they take, ``row`` being one of the two."""
    fitting = [other for other in same_name if "" in (row.category, other.category) or _same(row, other)]
    meshes = [item for item in fitting if item.kind == "mesh" and item.verdict not in ("refused", "points")]
    clouds = [item for item in fitting if item.kind == "cloud" and item.parts]
    return [
        (mesh, cloud)
        for mesh in meshes
        for cloud in (clouds[:1] if row.kind == "mesh" else clouds)
        if row.id in (mesh.id, cloud.id) and mesh.report.get("labels_from") in (None, cloud.id)
    ]


def _same(a: ItemRow, b: ItemRow) -> bool:
    return a.category.casefold() == b.category.casefold()


def _carry(child: Child, project: Project, mesh: ItemRow, cloud: ItemRow, waiting: Progress) -> Stage[ItemRow]:
    """The row of a mesh with the parts of a cloud; as it was, with a note, where that fails."""
    order = Carry(project=str(project.folder), category=mesh.category, cloud=cloud.id, mesh=mesh.id)
    try:
        data = yield from child.awaited(msgspec.msgpack.encode(order), waiting)
    except (StudioError, RuntimeError) as error:
        yield Note(text=f"the labels of {cloud.id} were not carried to {mesh.id}: {error}", warning=True)
        return mesh
    finding = msgspec.msgpack.decode(data, type=Finding)
    said = f"Its parts are those of {cloud.id}."
    return msgspec.structs.replace(
        mesh,
        parts=finding.parts,
        reason=mesh.reason if said in mesh.reason else f"{mesh.reason} {said}",
        report=mesh.report | finding.report,
        hash=finding.hash,
    )


def _short(path: str) -> str:
    """The end of a path, enough to know it by."""
    return shown("/".join(Path(path).parts[-3:]))
